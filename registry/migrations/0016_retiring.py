"""How a version ends: deprecated with a last day, yanked, in quarantine; and installations that are paused by it."""

import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import SameWorkspace, WorkspaceWall

# Replaces the function of 0002: how a version ends may be written, and what is published may not. A deprecation begins
# when it is written and not before, since the shortest time to its end counts from there.
HOW_IT_ENDS = """
CREATE OR REPLACE FUNCTION registry_version_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ends text[] := ARRAY['status', 'deprecated_at', 'ends_on', 'successor_id', 'retire_reason', 'migration_note',
                         'yanked_at', 'yank_reason', 'quarantine'];
BEGIN
    IF TG_OP = 'DELETE' OR (to_jsonb(NEW) - ends) IS DISTINCT FROM (to_jsonb(OLD) - ends) THEN
        RAISE EXCEPTION 'version % is published and cannot change', OLD.number USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NEW.deprecated_at IS DISTINCT FROM OLD.deprecated_at AND NEW.deprecated_at < now() - interval '5 minutes' THEN
        RAISE EXCEPTION 'a deprecation cannot be dated back' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF OLD.yanked_at IS NOT NULL AND NEW.yanked_at IS DISTINCT FROM OLD.yanked_at THEN
        RAISE EXCEPTION 'version % stays yanked', OLD.number USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF NEW.successor_id IS NOT NULL AND NEW.successor_id IS DISTINCT FROM OLD.successor_id AND NOT EXISTS (
        SELECT 1 FROM registry_version s WHERE s.id = NEW.successor_id AND s.id <> NEW.id
            AND (s.workspace_id IS NULL OR s.workspace_id = NEW.workspace_id)
    ) THEN
        RAISE EXCEPTION 'the successor of % is no other version for the same people', OLD.number
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
ALTER TABLE registry_version ADD CONSTRAINT version_ends_after_90_days CHECK (
    ends_on IS NULL OR (deprecated_at IS NOT NULL AND ends_on >= (deprecated_at AT TIME ZONE 'UTC')::date + 90)
);
ALTER TABLE registry_version ADD CONSTRAINT version_ends_with_reason CHECK (
    (deprecated_at IS NULL) = (ends_on IS NULL) AND (deprecated_at IS NULL OR retire_reason <> '')
    AND (yanked_at IS NULL OR (yank_reason <> '' AND status = 'yanked'))
);
ALTER TABLE registry_version ADD CONSTRAINT version_quarantine_known CHECK (quarantine IN ('', 'flagged', 'stopped'));
CREATE FUNCTION registry_quarantine_kept() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ends text[] := ARRAY['lifted_by_id', 'lifted_at', 'lift_reason'];
BEGIN
    IF TG_OP = 'DELETE' OR OLD.lifted_at IS NOT NULL
        OR (to_jsonb(NEW) - ends) IS DISTINCT FROM (to_jsonb(OLD) - ends) THEN
        RAISE EXCEPTION 'a quarantine stays as it was decided' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER kept BEFORE UPDATE OR DELETE ON registry_quarantine
    FOR EACH ROW EXECUTE FUNCTION registry_quarantine_kept();
"""
AS_BEFORE = """
DROP TRIGGER kept ON registry_quarantine;
DROP FUNCTION registry_quarantine_kept();
ALTER TABLE registry_version DROP CONSTRAINT version_quarantine_known;
ALTER TABLE registry_version DROP CONSTRAINT version_ends_with_reason;
ALTER TABLE registry_version DROP CONSTRAINT version_ends_after_90_days;
CREATE OR REPLACE FUNCTION registry_version_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR (to_jsonb(NEW) - 'status') IS DISTINCT FROM (to_jsonb(OLD) - 'status') THEN
        RAISE EXCEPTION 'version % is published and cannot change', OLD.number USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
END $$;
"""

# Who has a version installed, as ids alone: each is then told within its own scope. And which of the versions that are
# under way somewhere may not go on there, for whoever runs them.
ACROSS = f"""
CREATE FUNCTION registry_holders_of(versions uuid[], after uuid, at_most integer)
RETURNS TABLE (workspace_id uuid, installation_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT i.workspace_id, i.id FROM registry_pin p
    JOIN registry_installation i ON i.workspace_id = p.workspace_id AND i.id = p.installation_id
    WHERE p.version_id = ANY (versions) AND i.removed_at IS NULL AND i.id > after
    ORDER BY i.id LIMIT least(at_most, 1000)
$$;
CREATE FUNCTION registry_holder_counts(versions uuid[])
RETURNS TABLE (version_id uuid, workspaces bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.version_id, count(DISTINCT p.workspace_id) FROM registry_pin p
    JOIN registry_installation i ON i.workspace_id = p.workspace_id AND i.id = p.installation_id
    WHERE p.version_id = ANY (versions) AND i.removed_at IS NULL GROUP BY p.version_id
$$;
CREATE FUNCTION registry_stopped(workspaces uuid[], digests text[])
RETURNS TABLE (workspace_id uuid, digest text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT w.id, v.digest::text FROM registry_version v
    JOIN core_workspace w ON w.id = ANY (workspaces) AND (v.workspace_id IS NULL OR v.workspace_id = w.id)
    WHERE v.digest = ANY (digests) AND v.quarantine <> ''
        AND (v.quarantine = 'stopped' OR w.on_flagged = 'stop')
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION registry_holders_of(uuid[], uuid, integer) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION registry_holder_counts(uuid[]) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION registry_stopped(uuid[], text[]) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION registry_holders_of(uuid[], uuid, integer), registry_holder_counts(uuid[]),
    registry_stopped(uuid[], text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION registry_holders_of(uuid[], uuid, integer), registry_holder_counts(uuid[]),
    registry_stopped(uuid[], text[]) TO {APP_ROLE};
"""
NO_MORE = f"""
SET ROLE {ROLLUP_ROLE};
DROP FUNCTION registry_stopped(uuid[], text[]);
DROP FUNCTION registry_holder_counts(uuid[]);
DROP FUNCTION registry_holders_of(uuid[], uuid, integer);
RESET ROLE;
"""


def person():
    return models.ForeignKey(
        blank=True,
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
    )


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0021_on_flagged"),
        ("registry", "0015_owners_of_published"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField("version", "deprecated_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("version", "ends_on", models.DateField(blank=True, null=True)),
        migrations.AddField(
            "version",
            "successor",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="registry.version",
            ),
        ),
        migrations.AddField("version", "retire_reason", models.CharField(blank=True, default="", max_length=500), preserve_default=False),
        migrations.AddField("version", "migration_note", models.TextField(blank=True, default="", max_length=4000), preserve_default=False),
        migrations.AddField("version", "yanked_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("version", "yank_reason", models.CharField(blank=True, default="", max_length=500), preserve_default=False),
        migrations.AddField(
            "version",
            "quarantine",
            models.CharField(
                blank=True,
                choices=[("", "Free"), ("flagged", "In quarantine"), ("stopped", "Stopped")],
                default="",
                max_length=8,
            ),
        ),
        migrations.AddField("installation", "paused_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField("installation", "paused_reason", models.CharField(blank=True, default="", max_length=500), preserve_default=False),
        migrations.AddConstraint(
            "installation",
            models.CheckConstraint(
                condition=models.Q(("paused_at", None), ("paused_reason", ""))
                | models.Q(("paused_at__isnull", False), models.Q(("paused_reason", ""), _negated=True)),
                name="installation_paused_with_reason",
            ),
        ),
        migrations.AddIndex(
            "version",
            models.Index(condition=models.Q(("ends_on__isnull", False)), fields=["ends_on"], name="version_by_end"),
        ),
        migrations.AddIndex(
            "version",
            models.Index(
                condition=models.Q(("quarantine", ""), _negated=True), fields=["digest"], name="version_in_quarantine"
            ),
        ),
        migrations.CreateModel(
            name="Quarantine",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "reach",
                    models.CharField(
                        choices=[("installs", "No new installations"), ("calls", "Nothing of it runs")], max_length=8
                    ),
                ),
                ("reason", models.CharField(max_length=500)),
                ("opened_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("lifted_at", models.DateTimeField(blank=True, null=True)),
                ("lift_reason", models.CharField(blank=True, max_length=500)),
                ("lifted_by", person()),
                ("opened_by", person()),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="quarantines",
                        to="registry.version",
                    ),
                ),
            ],
            options={"ordering": ["-opened_at"]},
        ),
        migrations.AddConstraint(
            "quarantine",
            models.UniqueConstraint(
                condition=models.Q(("lifted_at", None)), fields=("version",), name="quarantine_once_at_a_time"
            ),
        ),
        migrations.AddConstraint(
            "quarantine",
            models.CheckConstraint(condition=models.Q(("reason", ""), _negated=True), name="quarantine_has_reason"),
        ),
        migrations.AddConstraint(
            "quarantine",
            models.CheckConstraint(
                condition=models.Q(("lift_reason", ""), ("lifted_at", None), ("lifted_by", None))
                | models.Q(("lifted_at__isnull", False), models.Q(("lift_reason", ""), _negated=True)),
                name="quarantine_lifted_with_reason",
            ),
        ),
        migrations.CreateModel(
            name="EndNotice",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("days", models.PositiveSmallIntegerField()),
                ("ends_on", models.DateField()),
                ("told_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "installation",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="end_notices",
                        to="registry.installation",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="registry.version",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="core.workspace",
                    ),
                ),
            ],
            options={"ordering": ["-told_at"]},
        ),
        migrations.AddConstraint(
            "endnotice",
            models.UniqueConstraint(
                fields=("workspace", "installation", "version", "ends_on", "days"), name="endnotice_once"
            ),
        ),
        WorkspaceWall("EndNotice"),
        SameWorkspace("EndNotice", "installation", to="registry.Installation"),
        migrations.RunSQL(HOW_IT_ENDS, AS_BEFORE),
        migrations.RunSQL(ACROSS, NO_MORE),
    ]
