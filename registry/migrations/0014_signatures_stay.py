"""A signature never changes, a key is only ever retired or revoked, and a publisher's name is for good."""

from django.db import migrations

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import WorkspaceWall

STAYS = f"""
ALTER TABLE registry_signingkey ADD CONSTRAINT signingkey_public_bytes CHECK (octet_length(public) = 32);
ALTER TABLE registry_versionsignature ADD CONSTRAINT versionsignature_bytes CHECK (octet_length(signature) = 64);

CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON registry_versionsignature
    FOR EACH ROW EXECUTE FUNCTION galaxy_refuse_change();
REVOKE UPDATE, DELETE ON registry_versionsignature FROM {APP_ROLE};
CREATE TRIGGER same_owner BEFORE INSERT ON registry_versionsignature
    FOR EACH ROW EXECUTE FUNCTION registry_same_owner('registry_version', 'version_id', '');

CREATE FUNCTION registry_key_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ends constant text[] := ARRAY['retired_at', 'revoked_at', 'revoked_by_id', 'revoke_reason'];
BEGIN
    IF TG_OP = 'DELETE' OR (to_jsonb(NEW) - ends) IS DISTINCT FROM (to_jsonb(OLD) - ends)
        OR (OLD.retired_at IS NOT NULL AND NEW.retired_at IS DISTINCT FROM OLD.retired_at)
        OR (OLD.revoked_at IS NOT NULL AND to_jsonb(NEW) IS DISTINCT FROM to_jsonb(OLD))
    THEN
        RAISE EXCEPTION 'key % can only be retired or revoked, once', OLD.id USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stays BEFORE UPDATE OR DELETE ON registry_signingkey
    FOR EACH ROW EXECUTE FUNCTION registry_key_stays();
REVOKE DELETE ON registry_signingkey FROM {APP_ROLE};

CREATE FUNCTION registry_name_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.name, NEW.slug, NEW.skeleton, NEW.held_by_id) IS DISTINCT FROM
        (OLD.name, OLD.slug, OLD.skeleton, OLD.held_by_id)
    THEN
        RAISE EXCEPTION 'the name % is for good', OLD.name USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER name_stays BEFORE UPDATE ON registry_publisher
    FOR EACH ROW EXECUTE FUNCTION registry_name_stays();

-- What was published by one is never said to be by another.
CREATE FUNCTION registry_publisher_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.owner_id IS NOT NULL AND (NEW.owner_id, NEW.publisher) IS DISTINCT FROM (OLD.owner_id, OLD.publisher) THEN
        RAISE EXCEPTION 'extension % has its publisher', OLD.slug USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER publisher_stays BEFORE UPDATE ON registry_extension
    FOR EACH ROW EXECUTE FUNCTION registry_publisher_stays();
"""
MOVES = f"""
DROP TRIGGER publisher_stays ON registry_extension;
DROP FUNCTION registry_publisher_stays();
DROP TRIGGER name_stays ON registry_publisher;
DROP FUNCTION registry_name_stays();
GRANT DELETE ON registry_signingkey TO {APP_ROLE};
DROP TRIGGER stays ON registry_signingkey;
DROP FUNCTION registry_key_stays();
DROP TRIGGER same_owner ON registry_versionsignature;
GRANT UPDATE, DELETE ON registry_versionsignature TO {APP_ROLE};
DROP TRIGGER immutable ON registry_versionsignature;
ALTER TABLE registry_versionsignature DROP CONSTRAINT versionsignature_bytes;
ALTER TABLE registry_signingkey DROP CONSTRAINT signingkey_public_bytes;
"""

# What the sweep and a revocation may know about every workspace: ids alone, so that each version is then looked at
# within its own scope.
FINDERS = f"""
CREATE FUNCTION registry_unsigned_versions(since timestamptz, at_most integer)
RETURNS TABLE (version_id uuid, workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT v.id, v.workspace_id FROM registry_version v
    WHERE v.published_at >= since AND (v.workspace_id IS NULL OR v.number !~ '[.-]draft\\.[0-9]+$')
        AND NOT EXISTS (
            SELECT FROM registry_versionsignature s JOIN registry_signingkey k ON k.id = s.key_id
            WHERE s.version_id = v.id AND k.owner = 'marketplace'
        )
    ORDER BY v.published_at DESC LIMIT least(at_most, 1000)
$$;
CREATE FUNCTION registry_versions_signed_by(key text)
RETURNS TABLE (version_id uuid, workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.version_id, s.workspace_id FROM registry_versionsignature s WHERE s.key_id = key ORDER BY 2, 1
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
GRANT SELECT ON registry_signingkey TO {ROLLUP_ROLE};
ALTER FUNCTION registry_unsigned_versions(timestamptz, integer) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION registry_versions_signed_by(text) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION registry_unsigned_versions(timestamptz, integer), registry_versions_signed_by(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION registry_unsigned_versions(timestamptz, integer), registry_versions_signed_by(text)
    TO {APP_ROLE};
"""
NO_FINDERS = f"""
SET ROLE {ROLLUP_ROLE};
DROP FUNCTION registry_unsigned_versions(timestamptz, integer), registry_versions_signed_by(text);
RESET ROLE;
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0013_publishers_and_keys")]

    operations = [
        WorkspaceWall("VersionSignature", shared=True),
        migrations.RunSQL(STAYS, MOVES),
        migrations.RunSQL(FINDERS, NO_FINDERS),
    ]
