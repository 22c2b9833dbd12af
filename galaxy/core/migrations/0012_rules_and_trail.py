"""The number of the rules in force, permissions on rules and on the trail, and views that people keep."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.operations import WorkspaceWall


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0011_more_permissions'),
    ]

    operations = [
        migrations.AlterModelOptions(
            name='workspace',
            options={'ordering': ['name'], 'permissions': [('view_listing', 'Browse the marketplace'), ('view_installation', 'See installed extensions'), ('install_extension', 'Install and remove extensions'), ('pin_installation', 'Move and pin versions'), ('run_installation', 'Run extensions that read'), ('write_installation', 'Run extensions that write'), ('view_run', 'See every run'), ('manage_connection', 'Connect accounts, and let their calls pass again'), ('write_extension', 'Write extensions for this workspace alone'), ('view_approval', 'See every approval request'), ('decide_approval', 'Decide approval requests'), ('view_rule', 'See rules and decisions'), ('manage_rule', 'Write rules, groups of approvers and Auto-Approve grants'), ('view_auditevent', 'Read the audit trail'), ('export_auditevent', 'Export and verify the audit trail'), ('manage_audit', 'Set how long records are kept and where they are streamed'), ('view_member', 'See the people and their roles'), ('manage_member', 'Invite people, change roles and give grants'), ('manage_role', 'Define roles'), ('manage_agent', 'Manage agents and their tokens'), ('view_secret', 'See which secrets there are, never their values'), ('manage_secret', 'Store, rotate and shred secrets'), ('change_settings', 'Change what holds for the whole workspace')]},
        ),
        migrations.AddField(
            model_name='workspace',
            name='policy_version',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.CreateModel(
            name='SavedView',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('page', models.CharField(max_length=20)),
                ('name', models.CharField(max_length=40)),
                ('query', models.CharField(blank=True, max_length=1000)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['name'],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'user', 'page', 'name'), name='savedview_name_once')],
            },
        ),
        WorkspaceWall("SavedView"),
    ]
