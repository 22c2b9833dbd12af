"""The sealed tree over the trail, an index in its order, and which trails have something to seal."""

import django.db.models.deletion
import django.utils.timezone
import galaxy.core.models.trail
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import AppendOnly, WorkspaceWall

ORDER = "CREATE INDEX core_auditevent_in_order ON core_auditevent (workspace_id, epoch, xid, id)"
# The epoch that new events get: the default of their column, which `manage.py audit new-epoch` raises.
EPOCH = """
CREATE FUNCTION core_audit_epoch() RETURNS integer LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT pg_get_expr(d.adbin, d.adrelid)::integer FROM pg_attrdef d JOIN pg_attribute a
    ON a.attrelid = d.adrelid AND a.attnum = d.adnum
    WHERE d.adrelid = 'core_auditevent'::regclass AND a.attname = 'epoch'
$$;
"""
# Ids alone, so that each trail is then sealed within its own scope. ``since`` bounds which months are looked into, and
# ``below`` is the first transaction that may still run; each workspace costs two looks into an index. Rows of an epoch
# that is over are all there, however high their xid.
TO_SEAL = f"""
CREATE FUNCTION core_trails_to_seal(since timestamptz, below xid8) RETURNS TABLE (workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT w.id FROM core_workspace w
    LEFT JOIN LATERAL (
        SELECT l.epoch, l.xid, l.event_id FROM core_auditleaf l WHERE l.workspace_id = w.id
        ORDER BY l.position DESC LIMIT 1
    ) last ON true
    CROSS JOIN LATERAL (
        SELECT 1 FROM core_auditevent e
        WHERE e.workspace_id = w.id AND e.occurred_at >= since
        AND (e.epoch, e.xid, e.id)
            > (coalesce(last.epoch, 0), coalesce(last.xid, '0'::xid8), coalesce(last.event_id, 0))
        AND (e.epoch < core_audit_epoch() OR e.xid < below)
        ORDER BY e.epoch, e.xid, e.id LIMIT 1
    ) news
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION core_trails_to_seal(timestamptz, xid8) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION core_trails_to_seal(timestamptz, xid8) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core_trails_to_seal(timestamptz, xid8) TO {APP_ROLE};
"""
# Whose copies outside the database a new sequencer looks after.
SEALED = f"""
CREATE FUNCTION core_sealed_trails() RETURNS TABLE (workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT w.id FROM core_workspace w
    WHERE EXISTS (SELECT FROM core_auditcheckpoint c WHERE c.workspace_id = w.id AND c.number = 1)
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION core_sealed_trails() OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION core_sealed_trails() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core_sealed_trails() TO {APP_ROLE};
"""
TREE = ("AuditLeaf", "AuditNode", "AuditCheckpoint")


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0012_rules_and_trail"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditKey",
            fields=[
                ("number", models.PositiveIntegerField(primary_key=True, serialize=False)),
                ("key_id", models.CharField(max_length=12, unique=True)),
                ("public", models.BinaryField(max_length=32)),
                ("note", models.TextField()),
                ("introduced_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["number"],
            },
        ),
        migrations.CreateModel(
            name="AuditNode",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id", "level", "place", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("level", models.SmallIntegerField()),
                ("place", models.BigIntegerField()),
                ("hash", models.BinaryField(max_length=32)),
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
        ),
        migrations.CreateModel(
            name="AuditCheckpoint",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id", "number", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("number", models.BigIntegerField()),
                ("size", models.BigIntegerField()),
                ("root", models.BinaryField(max_length=32)),
                ("key_id", models.CharField(max_length=12)),
                ("note", models.TextField()),
                ("signed_at", models.DateTimeField()),
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
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("workspace", "size"), name="auditcheckpoint_size_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditLeaf",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id", "position", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("position", models.BigIntegerField()),
                ("event_id", models.BigIntegerField()),
                ("epoch", models.IntegerField()),
                ("xid", galaxy.core.models.trail.XidField()),
                ("hash", models.BinaryField(max_length=32)),
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
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("workspace", "event_id"), name="auditleaf_event_once"),
                    models.CheckConstraint(condition=models.Q(("position__gte", 0)), name="auditleaf_position_counts"),
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditVerification",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("intact", "Intact"),
                            ("broken", "Not intact"),
                            ("failed", "Did not finish"),
                        ],
                        default="running",
                        max_length=8,
                    ),
                ),
                ("total", models.BigIntegerField(default=0)),
                ("done", models.BigIntegerField(default=0)),
                ("findings", models.JSONField(default=list)),
                ("report", models.JSONField(default=dict)),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("finished_at", models.DateTimeField(null=True)),
                (
                    "started_by",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
            options={
                "ordering": ["-started_at"],
                "indexes": [models.Index(fields=["workspace", "-started_at"], name="auditverification_newest")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "running")),
                        fields=("workspace",),
                        name="auditverification_one_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("finished_at", None), ("state", "running")),
                            models.Q(models.Q(("state", "running"), _negated=True), ("finished_at__isnull", False)),
                            _connector="OR",
                        ),
                        name="auditverification_finished_iff_over",
                    ),
                ],
            },
        ),
        *(WorkspaceWall(name) for name in (*TREE, "AuditVerification")),
        *(AppendOnly(name) for name in (*TREE, "AuditKey")),
        migrations.RunSQL(ORDER, "DROP INDEX core_auditevent_in_order"),
        migrations.RunSQL(EPOCH, "DROP FUNCTION core_audit_epoch()"),
        migrations.RunSQL(
            TO_SEAL, f"SET ROLE {ROLLUP_ROLE}; DROP FUNCTION core_trails_to_seal(timestamptz, xid8); RESET ROLE"
        ),
        migrations.RunSQL(SEALED, f"SET ROLE {ROLLUP_ROLE}; DROP FUNCTION core_sealed_trails(); RESET ROLE"),
    ]
