"""Machines: agents, tokens by their hash alone, and the answers kept for repeated requests."""

import datetime
import django.db.models.deletion
import django.db.models.expressions
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import KeepsHistory, SameWorkspace, WorkspaceWall

# A token names its workspace before any scope is open: its hash leads to one id, and to nothing else.
FIND_WORKSPACE = f"""
CREATE FUNCTION core_workspace_of_token(hash text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT t.workspace_id FROM core_token t WHERE t.digest = hash
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION core_workspace_of_token(text) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION core_workspace_of_token(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core_workspace_of_token(text) TO {APP_ROLE};
"""


class Migration(migrations.Migration):

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('core', '0004_people'),
    ]

    operations = [
        migrations.CreateModel(
            name='Agent',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=80)),
                ('purpose', models.CharField(max_length=500)),
                ('scopes', models.JSONField(default=list)),
                ('calls_per_day', models.PositiveIntegerField()),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('ends_at', models.DateTimeField()),
                ('suspended_at', models.DateTimeField(blank=True, null=True)),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('group', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='agent', to='auth.group')),
                ('owner', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='KeptAnswer',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('principal', models.CharField(max_length=48)),
                ('key', models.CharField(max_length=255)),
                ('request_digest', models.CharField(max_length=64)),
                ('status', models.PositiveSmallIntegerField(default=0)),
                ('body', models.JSONField(blank=True, null=True)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
        ),
        migrations.CreateModel(
            name='Token',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=80)),
                ('prefix', models.CharField(max_length=12)),
                ('digest', models.CharField(max_length=64, unique=True)),
                ('permissions', models.JSONField(default=list)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('expires_at', models.DateTimeField()),
                ('last_used_at', models.DateTimeField(blank=True, null=True)),
                ('revoked_at', models.DateTimeField(blank=True, null=True)),
                ('agent', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='tokens', to='core.agent')),
                ('created_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('user', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['-created_at'],
            },
        ),
        migrations.AddConstraint(
            model_name='agent',
            constraint=models.UniqueConstraint(fields=('workspace', 'name'), name='agent_name_once'),
        ),
        migrations.AddIndex(
            model_name='keptanswer',
            index=models.Index(fields=['workspace', 'principal', 'created_at'], name='keptanswer_oldest'),
        ),
        migrations.AddConstraint(
            model_name='keptanswer',
            constraint=models.UniqueConstraint(fields=('workspace', 'principal', 'key'), name='keptanswer_once'),
        ),
        migrations.AddIndex(
            model_name='token',
            index=models.Index(fields=['workspace', 'user'], name='token_of_person'),
        ),
        migrations.AddIndex(
            model_name='token',
            index=models.Index(fields=['workspace', 'agent'], name='token_of_agent'),
        ),
        migrations.AddConstraint(
            model_name='token',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('agent', None), ('user__isnull', False)), models.Q(('agent__isnull', False), ('user', None)), _connector='OR'), name='token_of_person_or_agent'),
        ),
        migrations.AddConstraint(
            model_name='token',
            constraint=models.CheckConstraint(condition=models.Q(('expires_at__lte', django.db.models.expressions.CombinedExpression(models.F('created_at'), '+', models.Value(datetime.timedelta(days=366))))), name='token_expires_within_a_year'),
        ),
        WorkspaceWall("Agent"),
        WorkspaceWall("Token"),
        WorkspaceWall("KeptAnswer"),
        SameWorkspace("Token", "agent", to="core.Agent"),
        KeepsHistory("Agent"),
        migrations.RunSQL(
            FIND_WORKSPACE, f"SET ROLE {ROLLUP_ROLE}; DROP FUNCTION core_workspace_of_token(text); RESET ROLE"
        ),
    ]
