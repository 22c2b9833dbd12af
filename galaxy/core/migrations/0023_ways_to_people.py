"""How news reaches people: what they chose and muted, webhooks of their own, and when each piece is due."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import SameWorkspace, WorkspaceWall

# core_due_digests stays until no worker of the version before is left. Ids alone: each mail and each message is then put together within its own scope.
DUE = f"""
CREATE FUNCTION core_due_mails(at timestamptz, since timestamptz) RETURNS TABLE (workspace_id uuid, person_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT n.workspace_id, n.person_id FROM core_notification n
    WHERE n.mail_at <= at AND n.mail_at >= since AND n.read_at IS NULL
$$;
CREATE FUNCTION core_due_newshooks(at_most integer) RETURNS TABLE (workspace_id uuid, hook_id uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT h.workspace_id, h.id FROM core_newshook h
    WHERE h.off_at IS NULL AND h.next_at <= clock_timestamp()
        AND (h.lease_until IS NULL OR h.lease_until < clock_timestamp())
        AND EXISTS (
            SELECT 1 FROM core_notification n
            WHERE n.workspace_id = h.workspace_id AND n.person_id = h.person_id AND n.hook_at <= clock_timestamp()
        )
    ORDER BY h.next_at LIMIT least(at_most, 1000)
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION core_due_mails(timestamptz, timestamptz) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION core_due_newshooks(integer) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION core_due_mails(timestamptz, timestamptz) FROM PUBLIC;
REVOKE ALL ON FUNCTION core_due_newshooks(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core_due_mails(timestamptz, timestamptz) TO {APP_ROLE};
GRANT EXECUTE ON FUNCTION core_due_newshooks(integer) TO {APP_ROLE};
"""
NOT_DUE = f"""
SET ROLE {ROLLUP_ROLE};
DROP FUNCTION core_due_mails(timestamptz, timestamptz);
DROP FUNCTION core_due_newshooks(integer);
RESET ROLE
"""


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0022_managing_triggers'),
    ]

    operations = [
        migrations.CreateModel(
            name='Mute',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('target_kind', models.CharField(max_length=60)),
                ('target_id', models.UUIDField()),
                ('muted_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['-muted_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='NewsHook',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('address', models.CharField(max_length=500)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('off_at', models.DateTimeField(blank=True, null=True)),
                ('off_because', models.CharField(blank=True, max_length=300)),
                ('failures', models.PositiveIntegerField(default=0)),
                ('failing_since', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.CharField(blank=True, max_length=300)),
                ('next_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('delivered_at', models.DateTimeField(blank=True, null=True)),
                ('holder', models.UUIDField(blank=True, null=True)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='NewsHookKey',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('host', models.CharField(max_length=253)),
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
            name='NewsSettings',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('mail', models.JSONField(default=dict)),
                ('hook', models.JSONField(default=dict)),
                ('digest_off', models.BooleanField(default=False)),
            ],
        ),
        migrations.RemoveIndex(
            model_name='notification',
            name='notification_later',
        ),
        migrations.AddField(
            model_name='notification',
            name='hook_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='notification',
            name='mail_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='user',
            name='digest_day',
            field=models.PositiveSmallIntegerField(default=0, help_text='Of a weekly digest; 0 is Monday.'),
        ),
        migrations.AddField(
            model_name='user',
            name='digest_every',
            field=models.CharField(choices=[('daily', 'Every day'), ('weekly', 'Every week')], default='daily', max_length=6),
        ),
        migrations.AddField(
            model_name='user',
            name='digest_hour',
            field=models.PositiveSmallIntegerField(default=8, help_text='In their own time zone.'),
        ),
        migrations.AddField(
            model_name='user',
            name='quiet_from',
            field=models.PositiveSmallIntegerField(blank=True, help_text='Hour; no quiet hours where null.', null=True),
        ),
        migrations.AddField(
            model_name='user',
            name='quiet_until',
            field=models.PositiveSmallIntegerField(blank=True, null=True),
        ),
        migrations.AlterField(
            model_name='user',
            name='mail_choices',
            field=models.JSONField(blank=True, default=dict, help_text='Kinds of news by mail: {kind: true, false or "digest"}.'),
        ),
        migrations.AddIndex(
            model_name='notification',
            index=models.Index(condition=models.Q(('mail_at__isnull', False)), fields=['workspace', 'mail_at'], name='notification_to_mail'),
        ),
        migrations.AddIndex(
            model_name='notification',
            index=models.Index(condition=models.Q(('hook_at__isnull', False)), fields=['workspace', 'person', 'hook_at'], name='notification_to_hook'),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('digest_day__lt', 7), ('digest_hour__lt', 24), models.Q(models.Q(('quiet_from', None), ('quiet_until', None)), models.Q(('quiet_from__isnull', False), ('quiet_from__lt', 24), ('quiet_until__isnull', False), ('quiet_until__lt', 24)), _connector='OR')), name='user_hours_of_a_day'),
        ),
        migrations.AddField(
            model_name='mute',
            name='person',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='mute',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddField(
            model_name='newshook',
            name='person',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='newshook',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddField(
            model_name='newshookkey',
            name='hook',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='keys', to='core.newshook'),
        ),
        migrations.AddField(
            model_name='newshookkey',
            name='key',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspacekey'),
        ),
        migrations.AddField(
            model_name='newshookkey',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddField(
            model_name='newssettings',
            name='person',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='newssettings',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddConstraint(
            model_name='mute',
            constraint=models.UniqueConstraint(fields=('workspace', 'person', 'target_id'), name='mute_once'),
        ),
        migrations.AddIndex(
            model_name='newshook',
            index=models.Index(condition=models.Q(('off_at', None)), fields=['workspace', 'next_at'], name='newshook_due'),
        ),
        migrations.AddConstraint(
            model_name='newshook',
            constraint=models.UniqueConstraint(fields=('workspace', 'person'), name='newshook_once'),
        ),
        migrations.AddIndex(
            model_name='newshookkey',
            index=models.Index(fields=['workspace', 'key', 'id'], name='newshookkey_by_key'),
        ),
        migrations.AddConstraint(
            model_name='newshookkey',
            constraint=models.UniqueConstraint(fields=('workspace', 'hook', 'number'), name='newshookkey_once'),
        ),
        migrations.AddConstraint(
            model_name='newssettings',
            constraint=models.UniqueConstraint(fields=('workspace', 'person'), name='newssettings_once'),
        ),
        WorkspaceWall("NewsSettings"),
        WorkspaceWall("Mute"),
        WorkspaceWall("NewsHook"),
        WorkspaceWall("NewsHookKey"),
        SameWorkspace("NewsHookKey", "hook", to="core.NewsHook"),
        migrations.RunSQL(DUE, NOT_DUE),
    ]
