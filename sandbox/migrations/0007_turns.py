"""Runs that wait for their turn: holds, why a doorbell is not rung yet; and one open issue for each connection."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.operations import SameWorkspace, WorkspaceWall


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0011_more_permissions'),
        ('registry', '0005_connections'),
        ('sandbox', '0006_connections'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Hold',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('subject', models.CharField(max_length=60)),
                ('key', models.CharField(max_length=64)),
                ('label', models.CharField(max_length=200)),
                ('attempt', models.PositiveIntegerField()),
                ('taken_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                'ordering': ['taken_at'],
            },
        ),
        migrations.RemoveConstraint(
            model_name='issue',
            name='issue_once_while_open',
        ),
        migrations.AddField(
            model_name='outboxmessage',
            name='because',
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddField(
            model_name='run',
            name='given_back',
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name='run',
            name='last_endpoint',
            field=models.CharField(blank=True, max_length=300),
        ),
        migrations.AddConstraint(
            model_name='issue',
            constraint=models.UniqueConstraint(condition=models.Q(('closed_at', None), ('connection', None)), fields=('workspace', 'installation', 'kind', 'target'), name='issue_once_while_open'),
        ),
        migrations.AddConstraint(
            model_name='issue',
            constraint=models.UniqueConstraint(condition=models.Q(('closed_at', None), ('connection__isnull', False)), fields=('workspace', 'connection', 'kind', 'target'), name='issue_once_by_connection'),
        ),
        migrations.AddField(
            model_name='hold',
            name='installation',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='holds', to='registry.installation'),
        ),
        migrations.AddField(
            model_name='hold',
            name='run',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='holds', to='sandbox.run'),
        ),
        migrations.AddField(
            model_name='hold',
            name='workspace',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace'),
        ),
        migrations.AddIndex(
            model_name='hold',
            index=models.Index(fields=['workspace', 'subject', 'key'], name='hold_by_key'),
        ),
        migrations.AddIndex(
            model_name='hold',
            index=models.Index(fields=['workspace', 'run'], name='hold_by_run'),
        ),
        WorkspaceWall("Hold"),
        SameWorkspace("Hold", "installation", to="registry.Installation"),
        SameWorkspace("Hold", "run", to="sandbox.Run"),
    ]
