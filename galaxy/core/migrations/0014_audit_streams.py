"""Audit streams, their keys, and what the task that rings for them may know of every workspace."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import SameWorkspace, WorkspaceWall

# Ids alone: each sink is then worked on within its own scope. One that somebody holds is left to them.
DUE_SINKS = f"""
CREATE FUNCTION core_due_sinks(at_most integer) RETURNS TABLE (workspace_id uuid, sink_id uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.workspace_id, s.id FROM core_auditsink s
    WHERE s.paused_at IS NULL AND s.removed_at IS NULL AND s.next_at <= clock_timestamp()
        AND (s.lease_until IS NULL OR s.lease_until < clock_timestamp())
        AND EXISTS (SELECT 1 FROM core_auditleaf l WHERE l.workspace_id = s.workspace_id AND l.position = s.cursor)
    ORDER BY s.next_at LIMIT least(at_most, 1000)
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION core_due_sinks(integer) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION core_due_sinks(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core_due_sinks(integer) TO {APP_ROLE};
"""


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0013_audit_tree'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditSink',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=60)),
                ('kind', models.CharField(choices=[('webhook', 'Signed webhook'), ('syslog', 'Syslog over TLS')], max_length=8)),
                ('address', models.CharField(max_length=500)),
                ('actions', models.CharField(blank=True, max_length=63)),
                ('cursor', models.BigIntegerField(default=0)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('paused_at', models.DateTimeField(blank=True, null=True)),
                ('removed_at', models.DateTimeField(blank=True, null=True)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('failing_since', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.CharField(blank=True, max_length=300)),
                ('next_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('delivered_at', models.DateTimeField(blank=True, null=True)),
                ('holder', models.UUIDField(blank=True, null=True)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='AuditSinkKey',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('host', models.CharField(max_length=253)),
                ('wrapped_key', models.BinaryField()),
                ('ciphertext', models.BinaryField()),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ends_at', models.DateTimeField(blank=True, null=True)),
                ('key', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspacekey')),
                ('sink', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='keys', to='core.auditsink')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['-number'],
            },
        ),
        migrations.AddIndex(
            model_name='auditsink',
            index=models.Index(condition=models.Q(('paused_at', None), ('removed_at', None)), fields=['workspace', 'next_at'], name='auditsink_due'),
        ),
        migrations.AddConstraint(
            model_name='auditsink',
            constraint=models.UniqueConstraint(condition=models.Q(('removed_at', None)), fields=('workspace', 'name'), name='auditsink_name_once'),
        ),
        migrations.AddConstraint(
            model_name='auditsink',
            constraint=models.CheckConstraint(condition=models.Q(('cursor__gte', 0)), name='auditsink_cursor_from_zero'),
        ),
        migrations.AddIndex(
            model_name='auditsinkkey',
            index=models.Index(fields=['workspace', 'key', 'id'], name='auditsinkkey_by_key'),
        ),
        migrations.AddConstraint(
            model_name='auditsinkkey',
            constraint=models.UniqueConstraint(fields=('workspace', 'sink', 'number'), name='auditsinkkey_once'),
        ),
        WorkspaceWall("AuditSink"),
        WorkspaceWall("AuditSinkKey"),
        SameWorkspace("AuditSinkKey", "sink", to="core.AuditSink"),
        migrations.RunSQL(DUE_SINKS, f"SET ROLE {ROLLUP_ROLE}; DROP FUNCTION core_due_sinks(integer); RESET ROLE"),
    ]
