"""Connections that authenticate: whose, until when, and their sealed credentials."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.operations import SameWorkspace, WorkspaceWall


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0010_told_once'),
        ('registry', '0004_installation_order'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='ConnectionCredential',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('generation', models.PositiveIntegerField()),
                ('wrapped_key', models.BinaryField()),
                ('ciphertext', models.BinaryField()),
                ('written_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.AlterModelOptions(
            name='connection',
            options={'ordering': ['created_at']},
        ),
        migrations.RemoveConstraint(
            model_name='connection',
            name='connection_name_once',
        ),
        migrations.AddField(
            model_name='connection',
            name='account',
            field=models.CharField(blank=True, max_length=200),
        ),
        migrations.AddField(
            model_name='connection',
            name='connected_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='connection',
            name='connected_by',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='connection',
            name='cooldown_until',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='connection',
            name='expires_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='connection',
            name='host',
            field=models.CharField(blank=True, max_length=253),
        ),
        migrations.AddField(
            model_name='connection',
            name='last_error',
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name='connection',
            name='next_refresh_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='connection',
            name='owner',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='connection',
            name='refresh_failures',
            field=models.PositiveSmallIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='connection',
            name='refresh_holder',
            field=models.UUIDField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='connection',
            name='refresh_lease_until',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='connection',
            name='refreshed_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='connection',
            name='scopes_granted',
            field=models.JSONField(default=list),
        ),
        migrations.AddField(
            model_name='connection',
            name='settings',
            field=models.JSONField(default=dict),
        ),
        migrations.AddField(
            model_name='connection',
            name='token_generation',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AlterField(
            model_name='connection',
            name='status',
            field=models.CharField(choices=[('unauthenticated', 'Not connected'), ('authenticated', 'Connected'), ('exhausted', 'To be reconnected')], default='unauthenticated', max_length=16),
        ),
        migrations.AddIndex(
            model_name='connection',
            index=models.Index(condition=models.Q(('next_refresh_at__isnull', False)), fields=['workspace', 'next_refresh_at'], name='connection_due'),
        ),
        migrations.AddConstraint(
            model_name='connection',
            constraint=models.UniqueConstraint(condition=models.Q(('owner', None)), fields=('workspace', 'installation'), name='connection_one_shared'),
        ),
        migrations.AddConstraint(
            model_name='connection',
            constraint=models.UniqueConstraint(condition=models.Q(('owner__isnull', False)), fields=('workspace', 'installation', 'owner'), name='connection_one_each'),
        ),
        migrations.AddConstraint(
            model_name='connection',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('refresh_holder', None), ('refresh_lease_until', None)), models.Q(('refresh_holder__isnull', False), ('refresh_lease_until__isnull', False)), _connector='OR'), name='connection_lease_has_holder'),
        ),
        migrations.AddField(
            model_name='connectioncredential',
            name='connection',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='credential', to='registry.connection'),
        ),
        migrations.AddField(
            model_name='connectioncredential',
            name='key',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspacekey'),
        ),
        migrations.AddField(
            model_name='connectioncredential',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddIndex(
            model_name='connectioncredential',
            index=models.Index(fields=['workspace', 'key', 'id'], name='connectioncredential_by_key'),
        ),
        WorkspaceWall("ConnectionCredential"),
        SameWorkspace("ConnectionCredential", "connection", to="registry.Connection"),
        SameWorkspace("ConnectionCredential", "key", to="core.WorkspaceKey"),
    ]
