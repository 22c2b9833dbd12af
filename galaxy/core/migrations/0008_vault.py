"""The vault: keys of workspaces, secrets with their sealed versions, leases, and re-wrapping."""

import datetime
import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE
from galaxy.core.db.operations import SameWorkspace, WorkspaceWall

# Nothing is deleted, and of each row the application changes only what moves it on: never a ciphertext, a name, a host.
CHANGES = {
    "core_workspacekey": "wrapped, destroyed_at",
    "core_secret": "shredded_by_id, shredded_at",
    "core_secretversion": "stage, wrapped_key, key_id, tested_by_id, tested_at, test_passed, test_said, "
    "switched_by_id, switched_at, ended_by_id, ended_at",
    "core_secretlease": "version_id, consumed_at",
    "core_rewrap": "state, done, trouble, finished_at",
}
RIGHTS = "".join(
    f"REVOKE UPDATE, DELETE ON {table} FROM {APP_ROLE};\nGRANT UPDATE ({columns}) ON {table} TO {APP_ROLE};\n"
    for table, columns in CHANGES.items()
)


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0008_break_glass'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='workspace',
            options={'ordering': ['name'], 'permissions': [('view_listing', 'Browse the marketplace'), ('view_installation', 'See installed extensions'), ('install_extension', 'Install and remove extensions'), ('pin_installation', 'Move and pin versions'), ('run_installation', 'Run extensions that read'), ('write_installation', 'Run extensions that write'), ('view_run', 'See every run'), ('view_approval', 'See every approval request'), ('decide_approval', 'Decide approval requests'), ('view_auditevent', 'Read the audit trail'), ('view_member', 'See the people and their roles'), ('manage_member', 'Invite people, change roles and give grants'), ('manage_role', 'Define roles'), ('manage_agent', 'Manage agents and their tokens'), ('view_secret', 'See which secrets there are, never their values'), ('manage_secret', 'Store, rotate and shred secrets'), ('change_settings', 'Change what holds for the whole workspace')]},
        ),
        migrations.CreateModel(
            name='Secret',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.SlugField(db_index=False, max_length=64)),
                ('purpose', models.CharField(max_length=300)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('shredded_at', models.DateTimeField(null=True)),
                ('created_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('shredded_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='SecretVersion',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveIntegerField()),
                ('stage', models.CharField(choices=[('staged', 'Staged'), ('current', 'Current'), ('previous', 'Previous'), ('retired', 'Retired'), ('shredded', 'Shredded')], max_length=8)),
                ('hosts', models.JSONField()),
                ('places', models.JSONField()),
                ('wrapped_key', models.BinaryField(null=True)),
                ('ciphertext', models.BinaryField()),
                ('staged_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('tested_at', models.DateTimeField(null=True)),
                ('test_passed', models.BooleanField(null=True)),
                ('test_said', models.CharField(blank=True, max_length=300)),
                ('switched_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(null=True)),
                ('ended_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('secret', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='core.secret')),
                ('staged_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('switched_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('tested_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['-number'],
            },
        ),
        migrations.CreateModel(
            name='SecretLease',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('run_id', models.CharField(max_length=64)),
                ('extension', models.CharField(max_length=200)),
                ('action', models.CharField(max_length=200)),
                ('purpose', models.CharField(max_length=200)),
                ('chain', models.JSONField()),
                ('issued_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('expires_at', models.DateTimeField()),
                ('consumed_at', models.DateTimeField(null=True)),
                ('secret', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='leases', to='core.secret')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
                ('version', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.secretversion')),
            ],
        ),
        migrations.CreateModel(
            name='WorkspaceKey',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('version', models.PositiveIntegerField()),
                ('kms_key_id', models.CharField(max_length=300)),
                ('wrapped', models.BinaryField(null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('destroyed_at', models.DateTimeField(null=True)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
        ),
        migrations.AddField(
            model_name='secretversion',
            name='key',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspacekey'),
        ),
        migrations.CreateModel(
            name='Rewrap',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('running', 'Running'), ('done', 'Done')], default='running', max_length=8)),
                ('total', models.PositiveIntegerField()),
                ('done', models.PositiveIntegerField(default=0)),
                ('trouble', models.CharField(blank=True, max_length=300)),
                ('started_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('finished_at', models.DateTimeField(null=True)),
                ('started_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
                ('to_key', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspacekey')),
            ],
            options={
                'ordering': ['-started_at'],
            },
        ),
        migrations.AddIndex(
            model_name='secret',
            index=models.Index(fields=['workspace', 'name', 'id'], name='secret_by_name'),
        ),
        migrations.AddConstraint(
            model_name='secret',
            constraint=models.UniqueConstraint(condition=models.Q(('shredded_at', None)), fields=('workspace', 'name'), name='secret_name_once_while_kept'),
        ),
        migrations.AddConstraint(
            model_name='secret',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('shredded_at', None), ('shredded_by', None)), models.Q(('shredded_at__isnull', False), ('shredded_by__isnull', False)), _connector='OR'), name='secret_shredded_by_somebody'),
        ),
        migrations.AddIndex(
            model_name='secretlease',
            index=models.Index(fields=['workspace', 'secret', '-consumed_at'], name='secretlease_last_use'),
        ),
        migrations.AddConstraint(
            model_name='secretlease',
            constraint=models.CheckConstraint(condition=models.Q(('expires_at__lte', django.db.models.expressions.CombinedExpression(models.F('issued_at'), '+', models.Value(datetime.timedelta(seconds=60))))), name='secretlease_short'),
        ),
        migrations.AddConstraint(
            model_name='secretlease',
            constraint=models.CheckConstraint(condition=models.Q(('consumed_at', None), models.Q(('consumed_at__gte', models.F('issued_at')), ('consumed_at__lt', models.F('expires_at'))), _connector='OR'), name='secretlease_consumed_in_time'),
        ),
        migrations.AddConstraint(
            model_name='workspacekey',
            constraint=models.UniqueConstraint(fields=('workspace', 'version'), name='workspacekey_version_once'),
        ),
        migrations.AddConstraint(
            model_name='workspacekey',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('destroyed_at__isnull', False), ('wrapped', None)), models.Q(('destroyed_at', None), ('wrapped__isnull', False)), _connector='OR'), name='workspacekey_gone_iff_destroyed'),
        ),
        migrations.AddIndex(
            model_name='secretversion',
            index=models.Index(fields=['workspace', 'key', 'id'], name='secretversion_by_key'),
        ),
        migrations.AddConstraint(
            model_name='secretversion',
            constraint=models.UniqueConstraint(fields=('workspace', 'secret', 'number'), name='secretversion_number_once'),
        ),
        migrations.AddConstraint(
            model_name='secretversion',
            constraint=models.UniqueConstraint(condition=models.Q(('stage', 'staged')), fields=('workspace', 'secret'), name='secretversion_one_staged'),
        ),
        migrations.AddConstraint(
            model_name='secretversion',
            constraint=models.UniqueConstraint(condition=models.Q(('stage', 'current')), fields=('workspace', 'secret'), name='secretversion_one_current'),
        ),
        migrations.AddConstraint(
            model_name='secretversion',
            constraint=models.UniqueConstraint(condition=models.Q(('stage', 'previous')), fields=('workspace', 'secret'), name='secretversion_one_previous'),
        ),
        migrations.AddConstraint(
            model_name='secretversion',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', False), ('stage__in', ['retired', 'shredded']), ('wrapped_key', None)), models.Q(('ended_at', None), ('stage__in', ['staged', 'current', 'previous']), ('wrapped_key__isnull', False)), _connector='OR'), name='secretversion_ended_iff_key_destroyed'),
        ),
        migrations.AddIndex(
            model_name='rewrap',
            index=models.Index(fields=['workspace', '-started_at'], name='rewrap_newest'),
        ),
        migrations.AddConstraint(
            model_name='rewrap',
            constraint=models.UniqueConstraint(condition=models.Q(('state', 'running')), fields=('workspace',), name='rewrap_one_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='rewrap',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('finished_at', None), ('state', 'running')), models.Q(('finished_at__isnull', False), ('state', 'done')), _connector='OR'), name='rewrap_finished_iff_done'),
        ),
        *(WorkspaceWall(name) for name in ("WorkspaceKey", "Secret", "SecretVersion", "SecretLease", "Rewrap")),
        SameWorkspace("SecretVersion", "secret", to="core.Secret"),
        SameWorkspace("SecretVersion", "key", to="core.WorkspaceKey"),
        SameWorkspace("SecretLease", "secret", to="core.Secret"),
        SameWorkspace("SecretLease", "version", to="core.SecretVersion"),
        SameWorkspace("Rewrap", "to_key", to="core.WorkspaceKey"),
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
    ]
