"""Break-glass: who runs Galaxy looks into a workspace for an hour at most, and workspaces that forbid it."""

import datetime
import django.contrib.postgres.constraints
import django.contrib.postgres.fields.ranges
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.text
import django.db.models.lookups
import uuid
from django.conf import settings
from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import WorkspaceWall

# Two things cross the walls: which workspace has this address, for staff who break the glass of it, and which looks
# are past their end, for the sweep that writes so. Both give ids and nothing else.
ACROSS = f"""
CREATE FUNCTION core_workspace_at(address text) RETURNS uuid
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT w.id FROM core_workspace w WHERE w.slug = address
$$;
CREATE FUNCTION core_due_break_glasses(at timestamptz) RETURNS TABLE (workspace_id uuid, break_glass_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT b.workspace_id, b.id FROM core_breakglass b WHERE b.ended_at IS NULL AND b.ends_at <= at
    ORDER BY b.ends_at LIMIT 1000
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION core_workspace_at(text) OWNER TO {ROLLUP_ROLE};
ALTER FUNCTION core_due_break_glasses(timestamptz) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION core_workspace_at(text), core_due_break_glasses(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core_workspace_at(text), core_due_break_glasses(timestamptz) TO {APP_ROLE};
"""


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0007_notifications'),
    ]

    operations = [
        migrations.AddField(
            model_name='workspace',
            name='allows_support_access',
            field=models.BooleanField(default=True),
        ),
        migrations.CreateModel(
            name='BreakGlass',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('reason', models.CharField(max_length=500)),
                ('started_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(blank=True, null=True)),
                ('ended_by', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('workspace', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='core.workspace')),
            ],
            options={
                'ordering': ['-started_at'],
                'indexes': [models.Index(fields=['workspace', '-started_at'], name='breakglass_newest')],
                'constraints': [models.CheckConstraint(condition=models.Q(('ends_at__gt', models.F('started_at')), ('ends_at__lte', django.db.models.expressions.CombinedExpression(models.F('started_at'), '+', models.Value(datetime.timedelta(seconds=3600))))), name='breakglass_lasts_an_hour_at_most'), models.CheckConstraint(condition=django.db.models.lookups.GreaterThanOrEqual(django.db.models.functions.text.Length(django.db.models.functions.text.Trim('reason')), 20), name='breakglass_has_a_reason'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('ended_by', None)), models.Q(('ended_at__gte', models.F('started_at')), ('ended_at__isnull', False), ('ended_at__lte', models.F('ends_at'))), _connector='OR'), name='breakglass_ends_within_its_time'), django.contrib.postgres.constraints.ExclusionConstraint(condition=models.Q(('ended_at', None)), expressions=[('workspace', '='), ('user', '='), (models.Func('started_at', 'ends_at', function='TSTZRANGE', output_field=django.contrib.postgres.fields.ranges.DateTimeRangeField()), '&&')], name='breakglass_one_at_a_time')],
            },
        ),
        WorkspaceWall("BreakGlass", plus="user_id = (SELECT galaxy_user())::uuid"),
        migrations.RunSQL(
            ACROSS,
            f"SET ROLE {ROLLUP_ROLE}; DROP FUNCTION core_workspace_at(text);"
            "DROP FUNCTION core_due_break_glasses(timestamptz); RESET ROLE",
        ),
    ]
