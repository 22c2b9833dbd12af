"""Triggers: what starts calls by itself, what came in for it, and what it started."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import SameWorkspace, WorkspaceWall

# Whoever comes to an address of a webhook belongs to no workspace: ids alone, and only of the one that has it.
HOOK = """
CREATE FUNCTION sandbox_hook(public varchar) RETURNS TABLE (workspace_id uuid, trigger_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT t.workspace_id, t.id FROM sandbox_trigger t
    WHERE t.address = public AND t.address <> '' AND t.removed_at IS NULL
$$
"""
# Which triggers have something to do, in any workspace: ids alone, so that each is worked on within its own scope.
DUE = """
CREATE FUNCTION sandbox_due_triggers(at timestamptz, at_most integer)
RETURNS TABLE (workspace_id uuid, trigger_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT due.workspace_id, due.trigger_id FROM (
        SELECT t.workspace_id, t.id AS trigger_id FROM sandbox_trigger t
        WHERE t.next_at <= at OR t.quiet_at <= at
        UNION ALL
        SELECT f.workspace_id, f.trigger_id FROM sandbox_triggerfiring f WHERE f.state = 'waiting' AND f.due_at <= at
        UNION ALL
        SELECT f.workspace_id, f.trigger_id FROM sandbox_triggerfiring f
        JOIN sandbox_run r ON r.workspace_id = f.workspace_id AND r.id = f.run_id
        WHERE f.state = 'started' AND NOT f.is_settled AND r.finished_at IS NOT NULL
    ) due LIMIT least(at_most, 1000)
$$
"""


def by_rollup(text: str, signature: str) -> migrations.RunSQL:
    """A function that looks past the walls, in the hands of the role that may, and for the application to call."""
    return migrations.RunSQL(
        [
            text,
            f"GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE}",
            f"ALTER FUNCTION {signature} OWNER TO {ROLLUP_ROLE}",
            f"REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE}",
            f"REVOKE ALL ON FUNCTION {signature} FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION {signature} TO {APP_ROLE}",
        ],
        f"SET ROLE {ROLLUP_ROLE}; DROP FUNCTION {signature}; RESET ROLE",
    )


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0022_managing_triggers'),
        ('policies', '0011_courses'),
        ('registry', '0023_shipped'),
        ('sandbox', '0015_upgrade_previews'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='TriggerDelivery',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('event_id', models.CharField(max_length=255)),
                ('received_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('body_bytes', models.PositiveIntegerField()),
                ('shown', models.JSONField(blank=True, null=True)),
                ('was_merged', models.BooleanField(default=False)),
            ],
            options={
                'ordering': ['-received_at'],
            },
        ),
        migrations.CreateModel(
            name='TriggerFiring',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('why', models.CharField(choices=[('event', 'Event'), ('schedule', 'Schedule'), ('poll', 'Poll while it is silent'), ('trial', 'Trial')], max_length=10)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('started', 'Started'), ('refused', 'Not started')], default='waiting', max_length=8)),
                ('key', models.CharField(blank=True, max_length=64)),
                ('opened_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('due_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('longest_at', models.DateTimeField(blank=True, null=True)),
                ('merged', models.PositiveIntegerField(default=1)),
                ('events', models.JSONField(blank=True, null=True)),
                ('scheduled_for', models.DateTimeField(blank=True, null=True)),
                ('missed', models.PositiveIntegerField(default=0)),
                ('sentence', models.CharField(blank=True, max_length=300)),
                ('is_settled', models.BooleanField(default=False)),
                ('fired_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['-opened_at'],
            },
        ),
        migrations.CreateModel(
            name='TriggerKey',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('wrapped_key', models.BinaryField()),
                ('ciphertext', models.BinaryField()),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ends_at', models.DateTimeField(blank=True, null=True)),
            ],
            options={
                'ordering': ['-number'],
            },
        ),
        migrations.CreateModel(
            name='TriggerTally',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('hour', models.DateTimeField()),
                ('accepted', models.PositiveIntegerField(default=0)),
                ('merged', models.PositiveIntegerField(default=0)),
                ('repeated', models.PositiveIntegerField(default=0)),
                ('unsigned', models.PositiveIntegerField(default=0)),
                ('late', models.PositiveIntegerField(default=0)),
                ('over_budget', models.PositiveIntegerField(default=0)),
                ('unreadable', models.PositiveIntegerField(default=0)),
            ],
            options={
                'ordering': ['-hour'],
            },
        ),
        migrations.AlterField(
            model_name='issue',
            name='kind',
            field=models.CharField(choices=[('breaker_open', 'Calls are held back'), ('retries_exhausted', 'Calls fail after every retry'), ('connection_exhausted', 'The connection has to be renewed'), ('health_failing', 'Health checks fail'), ('version_failing', 'This version fails more than others'), ('trigger_paused', 'The trigger was switched off'), ('trigger_silent', 'Nothing comes in at the webhook')], max_length=24),
        ),
        migrations.CreateModel(
            name='Trigger',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=80)),
                ('slug', models.SlugField(db_index=False, max_length=40)),
                ('kind', models.CharField(choices=[('webhook', 'Webhook'), ('schedule', 'Schedule')], max_length=10)),
                ('purpose', models.CharField(blank=True, max_length=300)),
                ('target', models.CharField(max_length=160)),
                ('inputs', models.JSONField(default=dict)),
                ('scopes', models.JSONField(default=list)),
                ('simulates', models.BooleanField(default=False)),
                ('sample', models.JSONField(default=dict, help_text='The body of an event to try it with.')),
                ('classes', models.JSONField(default=dict, help_text="Data classes of its events' bodies: {dotted path: class}.")),
                ('address', models.CharField(blank=True, max_length=43)),
                ('signature', models.CharField(blank=True, choices=[('standard_webhooks', 'Standard Webhooks'), ('hmac_sha256', 'HMAC-SHA256 in one header'), ('none', 'None: whoever knows the address')], max_length=20)),
                ('header', models.CharField(blank=True, max_length=64)),
                ('per_minute', models.PositiveIntegerField(default=600)),
                ('debounce_key', models.CharField(blank=True, max_length=500)),
                ('quiet_ms', models.PositiveIntegerField(default=0)),
                ('longest_ms', models.PositiveIntegerField(default=0)),
                ('uses', models.CharField(choices=[('last', 'The last event'), ('first', 'The first event'), ('all', 'All of them, as a list')], default='last', max_length=8)),
                ('every_s', models.PositiveIntegerField(blank=True, null=True)),
                ('poll_target', models.CharField(blank=True, max_length=160)),
                ('quiet_at', models.DateTimeField(blank=True, null=True)),
                ('silent_since', models.DateTimeField(blank=True, null=True)),
                ('cron', models.CharField(blank=True, max_length=100)),
                ('zone', models.CharField(blank=True, max_length=64)),
                ('next_at', models.DateTimeField(blank=True, null=True)),
                ('enabled_at', models.DateTimeField(blank=True, null=True)),
                ('paused_because', models.CharField(blank=True, max_length=300)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('last_event_at', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('removed_at', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('installation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.installation')),
                ('made_from', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.installation')),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('paused_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.AddField(
            model_name='run',
            name='trigger',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='sandbox.trigger'),
        ),
        migrations.AddIndex(
            model_name='run',
            index=models.Index(condition=models.Q(('trigger__isnull', False)), fields=['workspace', 'trigger', '-created_at'], name='run_by_trigger'),
        ),
        migrations.AddField(
            model_name='triggerdelivery',
            name='trigger',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='sandbox.trigger'),
        ),
        migrations.AddField(
            model_name='triggerdelivery',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddField(
            model_name='triggerfiring',
            name='run',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='firings', to='sandbox.run'),
        ),
        migrations.AddField(
            model_name='triggerfiring',
            name='trigger',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='firings', to='sandbox.trigger'),
        ),
        migrations.AddField(
            model_name='triggerfiring',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddField(
            model_name='triggerdelivery',
            name='firing',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='deliveries', to='sandbox.triggerfiring'),
        ),
        migrations.AddField(
            model_name='triggerkey',
            name='key',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspacekey'),
        ),
        migrations.AddField(
            model_name='triggerkey',
            name='trigger',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='keys', to='sandbox.trigger'),
        ),
        migrations.AddField(
            model_name='triggerkey',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddField(
            model_name='triggertally',
            name='trigger',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='tallies', to='sandbox.trigger'),
        ),
        migrations.AddField(
            model_name='triggertally',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddIndex(
            model_name='trigger',
            index=models.Index(fields=['workspace', 'name', 'id'], name='trigger_by_name'),
        ),
        migrations.AddIndex(
            model_name='trigger',
            index=models.Index(condition=models.Q(('next_at__isnull', False)), fields=['workspace', 'next_at'], name='trigger_due'),
        ),
        migrations.AddIndex(
            model_name='trigger',
            index=models.Index(condition=models.Q(('quiet_at__isnull', False)), fields=['workspace', 'quiet_at'], name='trigger_quiet'),
        ),
        migrations.AddConstraint(
            model_name='trigger',
            constraint=models.UniqueConstraint(condition=models.Q(('removed_at', None)), fields=('workspace', 'slug'), name='trigger_slug_once'),
        ),
        migrations.AddConstraint(
            model_name='trigger',
            constraint=models.UniqueConstraint(condition=models.Q(('address', ''), _negated=True), fields=('address',), name='trigger_address_once'),
        ),
        migrations.AddConstraint(
            model_name='trigger',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('cron', ''), ('kind', 'webhook'), models.Q(('address', ''), _negated=True)), models.Q(('address', ''), ('kind', 'schedule'), models.Q(('cron', ''), _negated=True)), _connector='OR'), name='trigger_webhook_has_address'),
        ),
        migrations.AddConstraint(
            model_name='trigger',
            constraint=models.CheckConstraint(condition=models.Q(('removed_at', None), models.Q(('enabled_at', None), ('next_at', None)), _connector='OR'), name='trigger_removed_is_off'),
        ),
        migrations.AddIndex(
            model_name='triggerfiring',
            index=models.Index(fields=['workspace', 'trigger', '-opened_at'], name='firing_newest'),
        ),
        migrations.AddIndex(
            model_name='triggerfiring',
            index=models.Index(condition=models.Q(('state', 'waiting')), fields=['workspace', 'due_at'], name='firing_due'),
        ),
        migrations.AddIndex(
            model_name='triggerfiring',
            index=models.Index(condition=models.Q(('is_settled', False), ('state', 'started')), fields=['workspace', 'trigger'], name='firing_unsettled'),
        ),
        migrations.AddIndex(
            model_name='triggerfiring',
            index=models.Index(condition=models.Q(('run__isnull', False)), fields=['workspace', 'run'], name='firing_by_run'),
        ),
        migrations.AddConstraint(
            model_name='triggerfiring',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'waiting'), models.Q(('key', ''), _negated=True)), fields=('workspace', 'trigger', 'key'), name='firing_one_waits'),
        ),
        migrations.AddConstraint(
            model_name='triggerfiring',
            constraint=models.UniqueConstraint(condition=models.Q(('scheduled_for__isnull', False)), fields=('workspace', 'trigger', 'why', 'scheduled_for'), name='firing_time_once'),
        ),
        migrations.AddConstraint(
            model_name='triggerfiring',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('run__isnull', False), ('state', 'started')), models.Q(('state', 'started'), _negated=True), _connector='OR'), name='firing_run_iff_started'),
        ),
        migrations.AddConstraint(
            model_name='triggerfiring',
            constraint=models.CheckConstraint(condition=models.Q(('state', 'waiting'), ('events', None), _connector='OR'), name='firing_events_until_it_starts'),
        ),
        migrations.AddIndex(
            model_name='triggerdelivery',
            index=models.Index(fields=['workspace', 'trigger', '-received_at', 'id'], name='delivery_newest'),
        ),
        migrations.AddIndex(
            model_name='triggerdelivery',
            index=models.Index(fields=['workspace', 'firing'], name='delivery_by_firing'),
        ),
        migrations.AddConstraint(
            model_name='triggerdelivery',
            constraint=models.UniqueConstraint(fields=('workspace', 'trigger', 'event_id'), name='delivery_once'),
        ),
        migrations.AddIndex(
            model_name='triggerkey',
            index=models.Index(fields=['workspace', 'key', 'id'], name='triggerkey_by_key'),
        ),
        migrations.AddConstraint(
            model_name='triggerkey',
            constraint=models.UniqueConstraint(fields=('workspace', 'trigger', 'number'), name='triggerkey_once'),
        ),
        migrations.AddConstraint(
            model_name='triggertally',
            constraint=models.UniqueConstraint(fields=('workspace', 'trigger', 'hour'), name='tally_once'),
        ),
        WorkspaceWall("Trigger"),
        WorkspaceWall("TriggerKey"),
        WorkspaceWall("TriggerFiring"),
        WorkspaceWall("TriggerDelivery"),
        WorkspaceWall("TriggerTally"),
        SameWorkspace("Trigger", "installation", "registry.Installation"),
        SameWorkspace("Trigger", "made_from", "registry.Installation"),
        SameWorkspace("Run", "trigger", "sandbox.Trigger"),
        SameWorkspace("TriggerKey", "trigger", "sandbox.Trigger"),
        SameWorkspace("TriggerKey", "key", "core.WorkspaceKey"),
        SameWorkspace("TriggerFiring", "trigger", "sandbox.Trigger"),
        SameWorkspace("TriggerFiring", "run", "sandbox.Run"),
        SameWorkspace("TriggerDelivery", "trigger", "sandbox.Trigger"),
        SameWorkspace("TriggerDelivery", "firing", "sandbox.TriggerFiring"),
        SameWorkspace("TriggerTally", "trigger", "sandbox.Trigger"),
        by_rollup(HOOK, "sandbox_hook(varchar)"),
        by_rollup(DUE, "sandbox_due_triggers(timestamptz, integer)"),
    ]
