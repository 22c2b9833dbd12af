"""A name goes over to another workspace by a claim that two people of the desk granted, and by nothing else."""

from django.db import migrations

from galaxy.core.db.grants import APP_ROLE

GOES_OVER = f"""
CREATE OR REPLACE FUNCTION registry_name_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.name, NEW.slug, NEW.skeleton) IS DISTINCT FROM (OLD.name, OLD.slug, OLD.skeleton)
        OR (NEW.held_by_id IS DISTINCT FROM OLD.held_by_id AND NOT EXISTS (
            SELECT FROM registry_nameclaim c
            WHERE c.publisher_id = OLD.id AND c.held_by_id = OLD.held_by_id AND c.claimed_for_id = NEW.held_by_id
                AND c.state = 'granted'
        ))
    THEN
        RAISE EXCEPTION 'the name % is for good', OLD.name USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION registry_claim_stays() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    decided constant text[] := ARRAY[
        'state', 'first_by_id', 'first_at', 'first_reason', 'decided_by_id', 'decided_at', 'reason'
    ];
BEGIN
    IF TG_OP = 'INSERT' AND (NEW.state <> 'open' OR NEW.first_by_id IS NOT NULL) THEN
        RAISE EXCEPTION 'a claim begins open' USING ERRCODE = 'insufficient_privilege';
    ELSIF TG_OP = 'UPDATE' AND (
        OLD.state <> 'open' OR (to_jsonb(NEW) - decided) IS DISTINCT FROM (to_jsonb(OLD) - decided)
        OR (OLD.first_by_id IS NOT NULL AND NEW.first_by_id IS DISTINCT FROM OLD.first_by_id)
    ) THEN
        RAISE EXCEPTION 'claim % is decided once', OLD.id USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stays BEFORE INSERT OR UPDATE ON registry_nameclaim
    FOR EACH ROW EXECUTE FUNCTION registry_claim_stays();
REVOKE DELETE ON registry_nameclaim FROM {APP_ROLE};
"""
STAYS = f"""
GRANT DELETE ON registry_nameclaim TO {APP_ROLE};
DROP TRIGGER stays ON registry_nameclaim;
DROP FUNCTION registry_claim_stays();
CREATE OR REPLACE FUNCTION registry_name_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.name, NEW.slug, NEW.skeleton, NEW.held_by_id) IS DISTINCT FROM
        (OLD.name, OLD.slug, OLD.skeleton, OLD.held_by_id)
    THEN
        RAISE EXCEPTION 'the name % is for good', OLD.name USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0018_name_claims")]

    operations = [migrations.RunSQL(GOES_OVER, STAYS)]
