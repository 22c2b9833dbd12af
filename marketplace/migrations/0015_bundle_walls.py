"""What the database holds of bundles by itself: who sees them, that a source only ever ends, and what sandboxd may ask."""

from django.db import migrations

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import AppendOnly, SameWorkspace, WorkspaceWall

STAYS = f"""
ALTER TABLE marketplace_bundlesource ADD CONSTRAINT bundlesource_public_bytes CHECK (octet_length(public) = 32);
ALTER TABLE marketplace_bundleupload ADD CONSTRAINT bundleupload_is_what_it_says CHECK (
    content IS NULL OR (sha256 = encode(sha256(content), 'hex') AND size_bytes = octet_length(content)));
ALTER TABLE marketplace_importedversion ADD CONSTRAINT importedversion_bytes CHECK (octet_length(signature) = 64);

CREATE FUNCTION marketplace_source_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ends constant text[] := ARRAY['revoked_at', 'revoked_by_id', 'revoke_reason'];
BEGIN
    IF TG_OP = 'DELETE' OR OLD.revoked_at IS NOT NULL
        OR (to_jsonb(NEW) - ends) IS DISTINCT FROM (to_jsonb(OLD) - ends)
    THEN
        RAISE EXCEPTION 'source % can only be revoked, once', OLD.name USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stays BEFORE UPDATE OR DELETE ON marketplace_bundlesource
    FOR EACH ROW EXECUTE FUNCTION marketplace_source_stays();
REVOKE DELETE ON marketplace_bundlesource FROM {APP_ROLE};

CREATE FUNCTION marketplace_upload_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.imported_at IS NOT NULL THEN
        RAISE EXCEPTION 'what was imported stays as it was' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF (NEW.id, NEW.workspace_id, NEW.sha256, NEW.size_bytes, NEW.uploaded_by_id, NEW.uploaded_at) IS DISTINCT FROM
        (OLD.id, OLD.workspace_id, OLD.sha256, OLD.size_bytes, OLD.uploaded_by_id, OLD.uploaded_at)
        OR (NEW.content IS NOT NULL AND NEW.content <> OLD.content)
    THEN
        RAISE EXCEPTION 'what was handed in stays as it was' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stays BEFORE UPDATE OR DELETE ON marketplace_bundleupload
    FOR EACH ROW EXECUTE FUNCTION marketplace_upload_stays();
"""
MOVES = f"""
DROP TRIGGER stays ON marketplace_bundleupload;
DROP FUNCTION marketplace_upload_stays();
GRANT DELETE ON marketplace_bundlesource TO {APP_ROLE};
DROP TRIGGER stays ON marketplace_bundlesource;
DROP FUNCTION marketplace_source_stays();
ALTER TABLE marketplace_importedversion DROP CONSTRAINT importedversion_bytes;
ALTER TABLE marketplace_bundleupload DROP CONSTRAINT bundleupload_is_what_it_says;
ALTER TABLE marketplace_bundlesource DROP CONSTRAINT bundlesource_public_bytes;
"""

# sandboxd, which is in no workspace, sees for itself why a version was believed; and whoever revokes a source learns
# which versions came from it, by their ids alone.
FINDERS = f"""
CREATE FUNCTION marketplace_import_proofs(version uuid, exactly text)
RETURNS TABLE (source_id uuid, keys jsonb, key_id text, statement text, signature bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT i.source_id, u.keys, i.key_id, i.statement, i.signature
    FROM marketplace_importedversion i JOIN marketplace_bundleupload u ON u.id = i.upload_id
    WHERE i.version_id = version AND i.digest = exactly
$$;
CREATE FUNCTION marketplace_versions_from(source uuid) RETURNS TABLE (version_id uuid, workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT v.id, v.workspace_id FROM marketplace_importedversion i JOIN registry_version v ON v.id = i.version_id
    WHERE i.source_id = source ORDER BY 2, 1
$$;
CREATE FUNCTION marketplace_old_uploads(before timestamptz) RETURNS TABLE (workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT u.workspace_id FROM marketplace_bundleupload u
    WHERE u.imported_at IS NULL AND u.uploaded_at < before ORDER BY 1
$$;
-- What everybody installs, everybody may know the origin of; of a private version only who is in its workspace.
CREATE FUNCTION marketplace_origin_of(version uuid) RETURNS TABLE (source_id uuid, level text, publisher text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT i.source_id, i.level, i.publisher
    FROM marketplace_importedversion i JOIN registry_version v ON v.id = i.version_id
    WHERE i.version_id = version
    AND (v.workspace_id IS NULL OR v.workspace_id = ANY ((SELECT galaxy_workspaces())::uuid[]))
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION marketplace_import_proofs(uuid, text) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION marketplace_versions_from(uuid) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION marketplace_old_uploads(timestamptz) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION marketplace_origin_of(uuid) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION marketplace_import_proofs(uuid, text), marketplace_versions_from(uuid),
    marketplace_old_uploads(timestamptz), marketplace_origin_of(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION marketplace_import_proofs(uuid, text), marketplace_versions_from(uuid),
    marketplace_old_uploads(timestamptz), marketplace_origin_of(uuid) TO {APP_ROLE};
"""
NO_FINDERS = f"""
SET ROLE {ROLLUP_ROLE};
DROP FUNCTION marketplace_import_proofs(uuid, text), marketplace_versions_from(uuid),
    marketplace_old_uploads(timestamptz), marketplace_origin_of(uuid);
RESET ROLE
"""


class Migration(migrations.Migration):
    dependencies = [("marketplace", "0014_bundles")]

    operations = [
        WorkspaceWall("BundleUpload"),
        WorkspaceWall("ImportedVersion"),
        SameWorkspace("ImportedVersion", "upload", to="marketplace.BundleUpload"),
        AppendOnly("ImportedVersion"),
        migrations.RunSQL(STAYS, MOVES),
        migrations.RunSQL(FINDERS, NO_FINDERS),
    ]
