"""Which connection a run goes out by; breakers, health checks and issues."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.operations import SameWorkspace, WorkspaceWall


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0010_told_once'),
        ('registry', '0005_connections'),
        ('sandbox', '0005_executions'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='run',
            name='by_fallback',
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name='run',
            name='connection',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='runs', to='registry.connection'),
        ),
        migrations.CreateModel(
            name='Breaker',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('action', models.CharField(max_length=160)),
                ('state', models.CharField(choices=[('closed', 'Closed'), ('open', 'Open'), ('half_open', 'Trying')], default='closed', max_length=10)),
                ('is_manual', models.BooleanField(default=False)),
                ('until', models.DateTimeField(blank=True, null=True)),
                ('changed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('connection', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='breakers', to='registry.connection')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['action'],
            },
        ),
        migrations.CreateModel(
            name='BreakerEvent',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('closed', 'Closed'), ('open', 'Open'), ('half_open', 'Trying')], max_length=10)),
                ('counts', models.JSONField(default=dict)),
                ('reason', models.CharField(max_length=300)),
                ('at', models.DateTimeField(default=django.utils.timezone.now)),
                ('actor', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('breaker', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='events', to='sandbox.breaker')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['-at'],
            },
        ),
        migrations.CreateModel(
            name='HealthCheck',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('passed', models.BooleanField()),
                ('category', models.CharField(blank=True, max_length=16)),
                ('sentence', models.CharField(blank=True, max_length=300)),
                ('duration_ms', models.FloatField()),
                ('checked_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('connection', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='health_checks', to='registry.connection')),
                ('run', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='sandbox.run')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['-checked_at'],
            },
        ),
        migrations.CreateModel(
            name='Issue',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('breaker_open', 'Calls are held back'), ('retries_exhausted', 'Calls fail after every retry'), ('connection_exhausted', 'The connection has to be renewed'), ('health_failing', 'Health checks fail'), ('version_failing', 'This version fails more than others')], max_length=24)),
                ('target', models.CharField(max_length=160)),
                ('sentence', models.CharField(max_length=300)),
                ('next_step', models.CharField(max_length=300)),
                ('facts', models.JSONField(default=dict)),
                ('times', models.PositiveIntegerField(default=1)),
                ('opened_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('last_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('closed_at', models.DateTimeField(blank=True, null=True)),
                ('closed_because', models.CharField(blank=True, max_length=300)),
                ('closed_by', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('connection', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='issues', to='registry.connection')),
                ('installation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='issues', to='registry.installation')),
                ('owner', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['-opened_at'],
            },
        ),
        migrations.AddConstraint(
            model_name='breaker',
            constraint=models.UniqueConstraint(fields=('workspace', 'connection', 'action'), name='breaker_once'),
        ),
        migrations.AddIndex(
            model_name='breakerevent',
            index=models.Index(fields=['workspace', 'breaker', '-at'], name='breakerevent_newest'),
        ),
        migrations.AddIndex(
            model_name='healthcheck',
            index=models.Index(fields=['workspace', 'connection', '-checked_at'], name='healthcheck_newest'),
        ),
        migrations.AddIndex(
            model_name='issue',
            index=models.Index(fields=['workspace', '-opened_at', 'id'], name='issue_newest'),
        ),
        migrations.AddIndex(
            model_name='issue',
            index=models.Index(fields=['workspace', 'installation', '-opened_at'], name='issue_by_installation'),
        ),
        migrations.AddConstraint(
            model_name='issue',
            constraint=models.UniqueConstraint(condition=models.Q(('closed_at', None)), fields=('workspace', 'installation', 'kind', 'target'), name='issue_once_while_open'),
        ),
        WorkspaceWall("Breaker"),
        WorkspaceWall("BreakerEvent"),
        WorkspaceWall("HealthCheck"),
        WorkspaceWall("Issue"),
        SameWorkspace("Run", "connection", to="registry.Connection"),
        SameWorkspace("Breaker", "connection", to="registry.Connection"),
        SameWorkspace("BreakerEvent", "breaker", to="sandbox.Breaker"),
        SameWorkspace("HealthCheck", "connection", to="registry.Connection"),
        SameWorkspace("HealthCheck", "run", to="sandbox.Run"),
        SameWorkspace("Issue", "installation", to="registry.Installation"),
        SameWorkspace("Issue", "connection", to="registry.Connection"),
    ]
