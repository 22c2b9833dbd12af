"""How extensions go forward: rules, holds, waits that are skipped, pins of packs, planned moves and roll-outs."""

import datetime
import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import KeepsHistory, SameWorkspace, WorkspaceWall

WALLED = (
    "RollOut", "RollOutPack", "SkippedWait", "UpdateDefaults", "UpdateSettings", "Hold", "PackPin", "ScheduledMove",
)
# (table, field, what it points at) of every reference to a row of a workspace.
SAME = (
    ("RollOut", "installation", "registry.Installation"),
    ("RollOutPack", "rollout", "registry.RollOut"),
    ("RollOutPack", "pack", "registry.Installation"),
    ("SkippedWait", "installation", "registry.Installation"),
    ("UpdateSettings", "installation", "registry.Installation"),
    ("Hold", "installation", "registry.Installation"),
    ("PackPin", "installation", "registry.Installation"),
    ("PackPin", "pack", "registry.Installation"),
    ("ScheduledMove", "installation", "registry.Installation"),
)
HISTORY = ("RollOut", "UpdateDefaults", "UpdateSettings", "Hold", "PackPin")

# A workspace takes no version that another one has for itself (migration 0007); a table that points at versions.
OWN = "".join(
    f"CREATE TRIGGER same_owner BEFORE INSERT OR UPDATE OF version_id ON registry_{table} "
    "FOR EACH ROW EXECUTE FUNCTION registry_same_owner('registry_version', 'version_id', 'or public');\n"
    for table in ("rollout", "packpin", "scheduledmove", "skippedwait")
)
NOT_OWN = "".join(
    f"DROP TRIGGER same_owner ON registry_{table};\n" for table in ("rollout", "packpin", "scheduledmove", "skippedwait")
)

# What a sweep looks at in all workspaces, as ids alone: each is then worked on within its own scope.
ACROSS = f"""
CREATE FUNCTION registry_updatable_installations(at timestamptz, after uuid, at_most integer)
RETURNS TABLE (workspace_id uuid, installation_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT i.workspace_id, i.id FROM registry_installation i
    JOIN registry_pin p ON p.workspace_id = i.workspace_id AND p.installation_id = i.id
    JOIN registry_version v ON v.id = p.version_id
    LEFT JOIN registry_updatesettings s ON s.workspace_id = i.workspace_id AND s.installation_id = i.id
    LEFT JOIN registry_updatedefaults d ON d.workspace_id = i.workspace_id
    WHERE i.removed_at IS NULL AND i.id > after
        AND coalesce(nullif(s.policy, ''), d.policy, 'off') <> 'off'
        AND EXISTS (SELECT 1 FROM registry_version n WHERE n.extension_id = i.extension_id
            AND n.status = 'published' AND n.sort_key > v.sort_key)
        AND NOT EXISTS (SELECT 1 FROM registry_hold h WHERE h.workspace_id = i.workspace_id
            AND h.installation_id = i.id AND (h.until IS NULL OR h.until > at))
        AND NOT EXISTS (SELECT 1 FROM registry_rollout r WHERE r.workspace_id = i.workspace_id
            AND r.installation_id = i.id AND r.state IN ('running', 'stopped'))
    ORDER BY i.id LIMIT least(at_most, 1000)
$$;
CREATE FUNCTION registry_due_moves(at timestamptz, at_most integer)
RETURNS TABLE (workspace_id uuid, move_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT m.workspace_id, m.id FROM registry_scheduledmove m
    WHERE m.state = 'waiting' AND m.at <= registry_due_moves.at ORDER BY m.at, m.id LIMIT least(at_most, 1000)
$$;
CREATE FUNCTION registry_lapsed_holds(at timestamptz, at_most integer)
RETURNS TABLE (workspace_id uuid, hold_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT h.workspace_id, h.id FROM registry_hold h
    WHERE h.until <= at ORDER BY h.until, h.id LIMIT least(at_most, 1000)
$$;
CREATE FUNCTION registry_running_rollouts(after uuid, at_most integer)
RETURNS TABLE (workspace_id uuid, rollout_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.workspace_id, r.id FROM registry_rollout r
    WHERE r.state = 'running' AND r.id > after ORDER BY r.id LIMIT least(at_most, 1000)
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION registry_updatable_installations(timestamptz, uuid, integer) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION registry_due_moves(timestamptz, integer) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION registry_lapsed_holds(timestamptz, integer) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION registry_running_rollouts(uuid, integer) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION registry_updatable_installations(timestamptz, uuid, integer),
    registry_due_moves(timestamptz, integer), registry_lapsed_holds(timestamptz, integer),
    registry_running_rollouts(uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION registry_updatable_installations(timestamptz, uuid, integer),
    registry_due_moves(timestamptz, integer), registry_lapsed_holds(timestamptz, integer),
    registry_running_rollouts(uuid, integer) TO {APP_ROLE};
"""
NO_MORE = f"""
SET ROLE {ROLLUP_ROLE};
DROP FUNCTION registry_running_rollouts(uuid, integer);
DROP FUNCTION registry_lapsed_holds(timestamptz, integer);
DROP FUNCTION registry_due_moves(timestamptz, integer);
DROP FUNCTION registry_updatable_installations(timestamptz, uuid, integer);
RESET ROLE;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0019_trails_to_seal'),
        ('registry', '0010_deciding_requests'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RemoveField(
            model_name='installation',
            name='update_policy',
        ),
        migrations.AddField(
            model_name='version',
            name='security_fix',
            field=models.CharField(blank=True, help_text='Which hole it closes, where its publisher says that it closes one.', max_length=300),
        ),
        migrations.CreateModel(
            name='RollOut',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('digest', models.CharField(max_length=64)),
                ('way', models.CharField(choices=[('percent', 'By share of the runs'), ('packs', 'By pack')], default='percent', max_length=8)),
                ('stages', models.JSONField(default=list)),
                ('stage', models.PositiveSmallIntegerField(default=0)),
                ('stage_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('percent', models.PositiveSmallIntegerField(default=0)),
                ('least_calls', models.PositiveSmallIntegerField(default=20)),
                ('tolerance', models.PositiveSmallIntegerField(default=2)),
                ('scopes', models.JSONField(default=list)),
                ('hosts', models.JSONField(default=list)),
                ('state', models.CharField(choices=[('running', 'Under way'), ('stopped', 'Stopped'), ('finished', 'Finished'), ('returned', 'Returned')], default='running', max_length=8)),
                ('why', models.CharField(blank=True, max_length=500)),
                ('figures', models.JSONField(blank=True, null=True)),
                ('started_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('stopped_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('before', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.version')),
                ('ended_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('installation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='rollouts', to='registry.installation')),
                ('started_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.version')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['-started_at'],
            },
        ),
        migrations.CreateModel(
            name='RollOutPack',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('pack', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.installation')),
                ('rollout', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='packs', to='registry.rollout')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='ScheduledMove',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField()),
                ('agreed', models.JSONField(default=list)),
                ('keeps', models.BooleanField(default=False)),
                ('state', models.CharField(choices=[('waiting', 'Planned'), ('made', 'Done'), ('failed', 'Not done'), ('cancelled', 'Called off')], default='waiting', max_length=9)),
                ('why', models.CharField(blank=True, max_length=500)),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('asked_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('installation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='scheduled_moves', to='registry.installation')),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.version')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['-asked_at'],
            },
        ),
        migrations.CreateModel(
            name='SkippedWait',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('reason', models.CharField(max_length=300)),
                ('asked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('agreed_at', models.DateTimeField(null=True)),
                ('agreed_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('asked_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('installation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='skipped_waits', to='registry.installation')),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.version')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='UpdateDefaults',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('set_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('policy', models.CharField(choices=[('off', 'Only by hand'), ('patch', 'Fixes only'), ('minor', 'Fixes and additions'), ('latest', 'Every release')], default='off', max_length=8)),
                ('weekdays', models.PositiveSmallIntegerField(default=127)),
                ('opens_at', models.TimeField(default=datetime.time(0, 0))),
                ('closes_at', models.TimeField(default=datetime.time(0, 0))),
                ('time_zone', models.CharField(default='UTC', max_length=64)),
                ('wait_community', models.PositiveSmallIntegerField(default=14)),
                ('wait_verified', models.PositiveSmallIntegerField(default=7)),
                ('wait_enterprise', models.PositiveSmallIntegerField(default=3)),
                ('wait_own', models.PositiveSmallIntegerField(default=0)),
                ('takes_code', models.BooleanField(default=False)),
                ('set_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='UpdateSettings',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('set_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('policy', models.CharField(blank=True, choices=[('off', 'Only by hand'), ('patch', 'Fixes only'), ('minor', 'Fixes and additions'), ('latest', 'Every release')], max_length=8)),
                ('weekdays', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('opens_at', models.TimeField(blank=True, null=True)),
                ('closes_at', models.TimeField(blank=True, null=True)),
                ('time_zone', models.CharField(blank=True, max_length=64)),
                ('waiting_days', models.PositiveSmallIntegerField(blank=True, null=True)),
                ('takes_code', models.BooleanField(blank=True, null=True)),
                ('installation', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='update_settings', to='registry.installation')),
                ('set_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='Hold',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('reason', models.CharField(max_length=300)),
                ('until', models.DateTimeField(blank=True, null=True)),
                ('held_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('held_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('installation', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='hold', to='registry.installation')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('until', None), ('until__gt', models.F('held_at')), _connector='OR'), name='hold_until_is_later'), models.CheckConstraint(condition=django.db.models.lookups.GreaterThan(django.db.models.functions.text.Length(django.db.models.functions.text.Trim('reason')), 0), name='hold_has_a_reason')],
            },
        ),
        migrations.CreateModel(
            name='PackPin',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('digest', models.CharField(max_length=64)),
                ('reason', models.CharField(max_length=300)),
                ('pinned_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('installation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='pinned_by_packs', to='registry.installation')),
                ('pack', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='pack_pins', to='registry.installation')),
                ('pinned_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.version')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', 'pack'], name='packpin_by_pack')],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'installation', 'pack'), name='packpin_once'), models.CheckConstraint(condition=models.Q(('pack', models.F('installation')), _negated=True), name='packpin_of_another'), models.CheckConstraint(condition=django.db.models.lookups.GreaterThan(django.db.models.functions.text.Length(django.db.models.functions.text.Trim('reason')), 0), name='packpin_has_a_reason')],
            },
        ),
        migrations.AddIndex(
            model_name='rollout',
            index=models.Index(fields=['workspace', 'installation', '-started_at'], name='rollout_newest'),
        ),
        migrations.AddConstraint(
            model_name='rollout',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['running', 'stopped'])), fields=('workspace', 'installation'), name='rollout_one_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='rollout',
            constraint=models.CheckConstraint(condition=models.Q(('version', models.F('before')), _negated=True), name='rollout_goes_somewhere'),
        ),
        migrations.AddConstraint(
            model_name='rollout',
            constraint=models.CheckConstraint(condition=models.Q(('percent__lte', 100)), name='rollout_percent'),
        ),
        migrations.AddConstraint(
            model_name='rollout',
            constraint=models.CheckConstraint(condition=models.Q(('least_calls__gte', 10), ('least_calls__lte', 10000)), name='rollout_least_calls'),
        ),
        migrations.AddConstraint(
            model_name='rollout',
            constraint=models.CheckConstraint(condition=models.Q(('tolerance__lte', 50)), name='rollout_tolerance'),
        ),
        migrations.AddConstraint(
            model_name='rollout',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'stopped'), ('stopped_at__isnull', False)), models.Q(('state', 'running'), ('stopped_at', None)), ('state__in', ['finished', 'returned']), _connector='OR'), name='rollout_stopped_at_iff_stopped'),
        ),
        migrations.AddConstraint(
            model_name='rollout',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', False), ('state__in', ['finished', 'returned'])), models.Q(('ended_at', None), ('ended_by', None), ('state__in', ['running', 'stopped'])), _connector='OR'), name='rollout_ended_at_iff_over'),
        ),
        migrations.AddConstraint(
            model_name='rollout',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state__in', ['stopped', 'returned']), _negated=True), models.Q(('why', ''), _negated=True), _connector='OR'), name='rollout_stopped_says_why'),
        ),
        migrations.AddIndex(
            model_name='rolloutpack',
            index=models.Index(fields=['workspace', 'pack'], name='rolloutpack_by_pack'),
        ),
        migrations.AddConstraint(
            model_name='rolloutpack',
            constraint=models.UniqueConstraint(fields=('workspace', 'rollout', 'pack'), name='rolloutpack_once'),
        ),
        migrations.AddIndex(
            model_name='scheduledmove',
            index=models.Index(condition=models.Q(('state', 'waiting')), fields=['workspace', 'at'], name='scheduledmove_due'),
        ),
        migrations.AddIndex(
            model_name='scheduledmove',
            index=models.Index(fields=['workspace', 'installation', '-asked_at'], name='scheduledmove_newest'),
        ),
        migrations.AddConstraint(
            model_name='scheduledmove',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'waiting')), fields=('workspace', 'installation'), name='scheduledmove_one_waits'),
        ),
        migrations.AddConstraint(
            model_name='scheduledmove',
            constraint=models.CheckConstraint(condition=models.Q(('at__gt', models.F('asked_at'))), name='scheduledmove_lies_ahead'),
        ),
        migrations.AddConstraint(
            model_name='scheduledmove',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('state', 'waiting')), models.Q(models.Q(('state', 'waiting'), _negated=True), ('ended_at__isnull', False)), _connector='OR'), name='scheduledmove_ended_at_iff_over'),
        ),
        migrations.AddConstraint(
            model_name='scheduledmove',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('state', 'failed'), _negated=True), models.Q(('why', ''), _negated=True), _connector='OR'), name='scheduledmove_failed_says_why'),
        ),
        migrations.AddConstraint(
            model_name='skippedwait',
            constraint=models.UniqueConstraint(fields=('workspace', 'installation', 'version'), name='skippedwait_once'),
        ),
        migrations.AddConstraint(
            model_name='skippedwait',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('agreed_at', None), ('agreed_by', None)), models.Q(('agreed_at__isnull', False), ('agreed_by__isnull', False), models.Q(('agreed_by', models.F('asked_by')), _negated=True)), _connector='OR'), name='skippedwait_second_person'),
        ),
        migrations.AddConstraint(
            model_name='updatedefaults',
            constraint=models.UniqueConstraint(fields=('workspace',), name='updatedefaults_once'),
        ),
        migrations.AddConstraint(
            model_name='updatedefaults',
            constraint=models.CheckConstraint(condition=models.Q(('weekdays__gte', 1), ('weekdays__lte', 127)), name='updatedefaults_some_weekday'),
        ),
        migrations.AddConstraint(
            model_name='updatedefaults',
            constraint=models.CheckConstraint(condition=models.Q(('wait_community__lte', 365), ('wait_enterprise__lte', 365), ('wait_own__lte', 365), ('wait_verified__lte', 365)), name='updatedefaults_waits_at_most_a_year'),
        ),
        migrations.AddConstraint(
            model_name='updatesettings',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closes_at', None), ('opens_at', None), ('time_zone', ''), ('weekdays', None)), models.Q(('closes_at__isnull', False), ('opens_at__isnull', False), ('weekdays__gte', 1), ('weekdays__lte', 127), models.Q(('time_zone', ''), _negated=True)), _connector='OR'), name='updatesettings_window_whole'),
        ),
        migrations.AddConstraint(
            model_name='updatesettings',
            constraint=models.CheckConstraint(condition=models.Q(('waiting_days', None), ('waiting_days__lte', 365), _connector='OR'), name='updatesettings_waits_at_most_a_year'),
        ),
        *(WorkspaceWall(name) for name in WALLED),
        *(SameWorkspace(name, field, to=to) for name, field, to in SAME),
        *(KeepsHistory(name) for name in HISTORY),
        migrations.RunSQL(OWN, NOT_OWN),
        migrations.RunSQL(ACROSS, NO_MORE),
    ]
