"""A hand-over ends the demand of signatures for what comes, and keeps it for what was published under it; a name goes by
the claim on its present owner alone, and by no older one."""

from django.db import migrations, models

CLAIM_NAMES_THE_OWNER = """
CREATE OR REPLACE FUNCTION registry_name_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- The newest claim that was granted, and no other: one from before leads back to where the name has been since.
    IF (NEW.name, NEW.slug, NEW.skeleton) IS DISTINCT FROM (OLD.name, OLD.slug, OLD.skeleton)
        OR (NEW.held_by_id IS DISTINCT FROM OLD.held_by_id AND NOT EXISTS (
            SELECT FROM (
                SELECT c.held_by_id, c.claimed_for_id FROM registry_nameclaim c
                WHERE c.publisher_id = OLD.id AND c.state = 'granted' ORDER BY c.decided_at DESC LIMIT 1
            ) newest
            WHERE newest.held_by_id = OLD.held_by_id AND newest.claimed_for_id = NEW.held_by_id
        ))
    THEN
        RAISE EXCEPTION 'the name % is for good', OLD.name USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;

CREATE OR REPLACE FUNCTION registry_claim_stays() RETURNS trigger LANGUAGE plpgsql AS $$
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
    ELSIF NEW.state = 'granted' AND (
        NOT EXISTS (SELECT FROM registry_publisher p WHERE p.id = NEW.publisher_id AND p.held_by_id = NEW.held_by_id)
        OR EXISTS (
            SELECT FROM registry_nameclaim c WHERE c.publisher_id = NEW.publisher_id AND c.id <> NEW.id
                AND c.state = 'granted' AND c.decided_at >= NEW.decided_at
        )
    ) THEN
        RAISE EXCEPTION 'claim % is not on who has the name', NEW.id USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
"""
ANY_CLAIM = """
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

CREATE OR REPLACE FUNCTION registry_claim_stays() RETURNS trigger LANGUAGE plpgsql AS $$
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
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0020_one_skeleton")]

    operations = [
        migrations.AddField("publisher", "signed_spans", models.JSONField(blank=True, default=list)),
        migrations.RunSQL(CLAIM_NAMES_THE_OWNER, ANY_CLAIM),
    ]
