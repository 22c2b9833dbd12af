"""Roll-ups of runs, the ledger of what calls cost, and what has to be counted yet.

Runs are noted by a trigger, so that whoever ends one need not know of figures. What ended before has figures too, as
far back as roll-ups of days are kept.
"""
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import SameWorkspace, WorkspaceWall

NOTED = """
CREATE FUNCTION sandbox_note_ended() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    earlier jsonb;
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.finished_at IS NOT NULL THEN
        earlier := jsonb_build_object('state', OLD.state, 'error_category', OLD.error_category,
            'error_code', OLD.error ->> 'error_code', 'status', OLD.error ->> 'status',
            'finished_at', OLD.finished_at);
    END IF;
    INSERT INTO sandbox_uncounted (run_id, workspace_id, noted_at, was)
    VALUES (NEW.id, NEW.workspace_id, now(), earlier) ON CONFLICT (run_id) DO NOTHING;
    RETURN NULL;
END $$;
CREATE TRIGGER note_ended AFTER INSERT ON sandbox_run FOR EACH ROW
    WHEN (NEW.finished_at IS NOT NULL AND NOT NEW.is_check AND NEW.rehearses_id IS NULL)
    EXECUTE FUNCTION sandbox_note_ended();
CREATE TRIGGER note_ended_later AFTER UPDATE OF state, finished_at, error_category ON sandbox_run FOR EACH ROW
    WHEN (NEW.finished_at IS NOT NULL AND NOT NEW.is_check AND NEW.rehearses_id IS NULL
        AND (OLD.finished_at IS NULL OR (OLD.state, OLD.error_category) IS DISTINCT FROM (NEW.state, NEW.error_category)))
    EXECUTE FUNCTION sandbox_note_ended();
"""
NOT_NOTED = """
DROP TRIGGER note_ended ON sandbox_run;
DROP TRIGGER note_ended_later ON sandbox_run;
DROP FUNCTION sandbox_note_ended();
"""
# The wall is not up yet, so that the owner sees every workspace's runs; that of the runs is, hence the role.
EARLIER = f"""
GRANT INSERT ON sandbox_uncounted TO {ROLLUP_ROLE};
SET ROLE {ROLLUP_ROLE};
INSERT INTO sandbox_uncounted (run_id, workspace_id, noted_at)
SELECT r.id, r.workspace_id, now() FROM sandbox_run r
WHERE r.finished_at > now() - interval '400 days' AND NOT r.is_check AND r.rehearses_id IS NULL;
RESET ROLE;
REVOKE INSERT ON sandbox_uncounted FROM {ROLLUP_ROLE};
"""
# Ids alone: where something has to be counted, or let go.
ACROSS = f"""
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
SET ROLE {ROLLUP_ROLE};
CREATE FUNCTION sandbox_workspaces_to_count(at_most integer) RETURNS TABLE (workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT w.id FROM core_workspace w
    WHERE EXISTS (SELECT 1 FROM sandbox_uncounted u WHERE u.workspace_id = w.id) ORDER BY random() LIMIT at_most
$$;
CREATE FUNCTION sandbox_workspaces_with_old_figures(hours timestamptz, days timestamptz)
RETURNS TABLE (workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT w.id FROM core_workspace w
    WHERE EXISTS (SELECT 1 FROM sandbox_rollup r WHERE r.workspace_id = w.id AND r.period = 'hour' AND r.start < hours)
        OR EXISTS (SELECT 1 FROM sandbox_rollup r WHERE r.workspace_id = w.id AND r.period = 'day' AND r.start < days)
$$;
RESET ROLE;
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION sandbox_workspaces_to_count(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sandbox_workspaces_to_count(integer) TO {APP_ROLE};
REVOKE ALL ON FUNCTION sandbox_workspaces_with_old_figures(timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sandbox_workspaces_with_old_figures(timestamptz, timestamptz) TO {APP_ROLE};
"""
NOT_ACROSS = f"""
SET ROLE {ROLLUP_ROLE};
DROP FUNCTION sandbox_workspaces_to_count(integer);
DROP FUNCTION sandbox_workspaces_with_old_figures(timestamptz, timestamptz);
RESET ROLE;
"""
# Of the owner, since the application may not drop tables: partitions of spans alone, none of them younger than a week.
OLD_SPANS = f"""
CREATE FUNCTION sandbox_drop_span_months(keep_days integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    child text;
    dropped integer := 0;
    oldest timestamptz := now() - make_interval(days => greatest(keep_days, 7));
BEGIN
    FOR child IN SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'sandbox_span'::regclass AND c.relname ~ '^sandbox_span_[0-9]{{4}}_[0-9]{{2}}$'
            ORDER BY c.relname LOOP
        CONTINUE WHEN (to_date(right(child, 7), 'YYYY_MM') + interval '1 month') AT TIME ZONE 'UTC' > oldest;
        EXECUTE format('ALTER TABLE sandbox_span DETACH PARTITION %I', child);
        EXECUTE format('DROP TABLE %I', child);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END $$;
REVOKE ALL ON FUNCTION sandbox_drop_span_months(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sandbox_drop_span_months(integer) TO {APP_ROLE};
"""


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0021_on_flagged'),
        ('registry', '0023_shipped'),
        ('sandbox', '0017_packs'),
    ]

    operations = [
        migrations.CreateModel(
            name='Charge',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('run_id', models.UUIDField()),
                ('root_run_id', models.UUIDField()),
                ('target', models.CharField(max_length=160)),
                ('unit', models.CharField(max_length=8)),
                ('units', models.DecimalField(decimal_places=4, max_digits=20)),
                ('currency', models.CharField(blank=True, max_length=3)),
                ('amount', models.DecimalField(decimal_places=8, max_digits=20)),
                ('charged_at', models.DateTimeField()),
                ('installation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.installation')),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.version')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', 'charged_at'], name='charge_newest'), models.Index(fields=['workspace', 'root_run_id'], name='charge_of_root')],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'run_id'), name='charge_once')],
            },
        ),
        migrations.CreateModel(
            name='RollUp',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('period', models.CharField(choices=[('hour', 'Hour'), ('day', 'Day')], max_length=4)),
                ('start', models.DateTimeField()),
                ('kind', models.CharField(blank=True, max_length=10)),
                ('target', models.CharField(blank=True, max_length=160)),
                ('is_simulated', models.BooleanField()),
                ('calls', models.PositiveBigIntegerField(default=0)),
                ('good', models.PositiveBigIntegerField(default=0)),
                ('bad', models.PositiveBigIntegerField(default=0)),
                ('callers', models.PositiveBigIntegerField(default=0)),
                ('unknown', models.PositiveBigIntegerField(default=0)),
                ('retries', models.PositiveBigIntegerField(default=0)),
                ('held_back', models.PositiveBigIntegerField(default=0)),
                ('over_budget', models.PositiveBigIntegerField(default=0)),
                ('pool_busy', models.PositiveBigIntegerField(default=0)),
                ('turns', models.PositiveBigIntegerField(default=0)),
                ('errors', models.JSONField(default=dict)),
                ('mistakes', models.JSONField(default=dict)),
                ('cost', models.JSONField(default=dict)),
                ('latency', models.BinaryField(default=b'')),
                ('queue', models.BinaryField(default=b'')),
                ('approval', models.BinaryField(default=b'')),
                ('p50_ms', models.FloatField(null=True)),
                ('p95_ms', models.FloatField(null=True)),
                ('installation', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.installation')),
                ('version', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.version')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', 'period', 'start'], name='rollup_within')],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'period', 'target', 'installation', 'version', 'is_simulated', 'start'), name='rollup_once'), models.UniqueConstraint(condition=models.Q(('installation', None)), fields=('workspace', 'period', 'is_simulated', 'start'), name='rollup_other_once')],
            },
        ),
        migrations.CreateModel(
            name='Uncounted',
            fields=[
                ('run_id', models.UUIDField(primary_key=True, serialize=False)),
                ('noted_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('was', models.JSONField(null=True)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', 'noted_at'], name='uncounted_oldest')],
            },
        ),
        migrations.RunSQL(EARLIER, migrations.RunSQL.noop),
        WorkspaceWall("Charge"),
        WorkspaceWall("RollUp"),
        WorkspaceWall("Uncounted"),
        SameWorkspace("Charge", "installation", to="registry.Installation"),
        SameWorkspace("RollUp", "installation", to="registry.Installation"),
        migrations.RunSQL(NOTED, NOT_NOTED),
        migrations.RunSQL(ACROSS, NOT_ACROSS),
        migrations.RunSQL(OLD_SPANS, "DROP FUNCTION sandbox_drop_span_months(integer)"),
    ]
