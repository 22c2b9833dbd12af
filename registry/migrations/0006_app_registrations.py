"""The apps that vendors know installations by, and which connections are due for a new token."""

import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import SameWorkspace, WorkspaceWall

# Ids alone, across workspaces: each connection is then renewed within its own scope.
DUE_CONNECTIONS = f"""
CREATE FUNCTION registry_due_connections(moment timestamptz, at_most integer)
RETURNS TABLE (workspace_id uuid, connection_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.workspace_id, c.id FROM registry_connection c
    WHERE c.next_refresh_at <= moment AND c.status = 'authenticated'
        AND (c.cooldown_until IS NULL OR c.cooldown_until <= moment)
        AND (c.refresh_lease_until IS NULL OR c.refresh_lease_until <= moment)
    ORDER BY c.next_refresh_at LIMIT least(at_most, 1000)
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION registry_due_connections(timestamptz, integer) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION registry_due_connections(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION registry_due_connections(timestamptz, integer) TO {APP_ROLE};
"""


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0011_more_permissions'),
        ('registry', '0005_connections'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='connection',
            name='last_error_code',
            field=models.CharField(blank=True, max_length=40),
        ),
        migrations.AddField(
            model_name='connectioncredential',
            name='hosts',
            field=models.JSONField(default=list),
        ),
        migrations.CreateModel(
            name='AppRegistration',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('client_id', models.CharField(max_length=300)),
                ('version', models.PositiveIntegerField(default=1)),
                ('hosts', models.JSONField(default=list)),
                ('wrapped_key', models.BinaryField(null=True)),
                ('ciphertext', models.BinaryField(null=True)),
                ('entered_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('entered_by', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('installation', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='app', to='registry.installation')),
                ('key', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspacekey')),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'indexes': [models.Index(fields=['workspace', 'key', 'id'], name='appregistration_by_key')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('ciphertext', None), ('key', None), ('wrapped_key', None)), models.Q(('ciphertext__isnull', False), ('key__isnull', False), ('wrapped_key__isnull', False)), _connector='OR'), name='appregistration_sealed_whole')],
            },
        ),
        WorkspaceWall("AppRegistration"),
        SameWorkspace("AppRegistration", "installation", to="registry.Installation"),
        SameWorkspace("AppRegistration", "key", to="core.WorkspaceKey"),
        migrations.RunSQL(
            DUE_CONNECTIONS,
            f"SET ROLE {ROLLUP_ROLE}; DROP FUNCTION registry_due_connections(timestamptz, integer); RESET ROLE",
        ),
    ]
