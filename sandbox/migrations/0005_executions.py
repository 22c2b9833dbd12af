"""What the sandbox says of each try of a run of Python."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import SameWorkspace, WorkspaceWall

# Ids alone, across workspaces: where old recordings lie, and whose run an id is. What follows has a scope of its own.
ACROSS = f"""
CREATE FUNCTION sandbox_workspaces_with_recordings(before timestamptz) RETURNS TABLE (workspace_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT e.workspace_id FROM sandbox_execution e
    WHERE e.recording IS NOT NULL AND e.executed_at < before
$$;
CREATE FUNCTION sandbox_workspace_of_run(run uuid) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.workspace_id FROM sandbox_run r WHERE r.id = run
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION sandbox_workspaces_with_recordings(timestamptz) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION sandbox_workspace_of_run(uuid) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION sandbox_workspaces_with_recordings(timestamptz), sandbox_workspace_of_run(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sandbox_workspaces_with_recordings(timestamptz), sandbox_workspace_of_run(uuid) TO {APP_ROLE};
"""
NO_MORE = """
DROP FUNCTION sandbox_workspace_of_run(uuid);
DROP FUNCTION sandbox_workspaces_with_recordings(timestamptz);
"""


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0008_vault'),
        ('sandbox', '0004_agents'),
    ]

    operations = [
        migrations.CreateModel(
            name='Execution',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('attempt', models.PositiveIntegerField(help_text='The claim under which it ran.')),
                ('number', models.PositiveIntegerField(help_text='The try within that claim, from 1.')),
                ('walls', models.JSONField()),
                ('limits', models.JSONField()),
                ('measured', models.JSONField()),
                ('artefact', models.CharField(max_length=64)),
                ('seed', models.BigIntegerField()),
                ('clock', models.DateTimeField()),
                ('error', models.JSONField(blank=True, null=True)),
                ('logs', models.JSONField()),
                ('lost_logs', models.PositiveIntegerField()),
                ('exchanges', models.JSONField()),
                ('output_digest', models.CharField(blank=True, max_length=64)),
                ('recording', models.BinaryField(null=True)),
                ('was_remembered', models.BooleanField(default=False)),
                ('executed_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='executions', to='sandbox.run')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['attempt', 'number'],
                'indexes': [models.Index(condition=models.Q(('recording__isnull', False)), fields=['workspace', 'executed_at'], name='execution_recorded')],
                'constraints': [models.UniqueConstraint(fields=('workspace', 'run', 'attempt', 'number'), name='execution_once')],
            },
        ),
        WorkspaceWall("Execution"),
        SameWorkspace("Execution", "run", to="sandbox.Run"),
        migrations.RunSQL(ACROSS, NO_MORE),
    ]
