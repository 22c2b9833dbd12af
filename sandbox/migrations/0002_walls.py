"""Walls, spans in monthly partitions, and the one thing the reconciler may know about every workspace."""

from django.db import migrations, models

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE
from galaxy.core.db.operations import AppendOnly, MonthlyPartitions, SameWorkspace, WorkspaceWall

SPANS = """
CREATE TABLE sandbox_span (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL REFERENCES core_workspace (id),
    run_id uuid NOT NULL,
    root_run_id uuid NOT NULL,
    parent_id uuid,
    name varchar(160) NOT NULL,
    kind varchar(16) NOT NULL,
    attempt integer NOT NULL,
    started_at timestamptz NOT NULL,
    duration_ms double precision NOT NULL,
    status varchar(8) NOT NULL,
    attributes jsonb NOT NULL,
    PRIMARY KEY (workspace_id, id, started_at)
) PARTITION BY RANGE (started_at);
CREATE INDEX sandbox_span_of_run ON sandbox_span (workspace_id, root_run_id, started_at);
"""

# Which runs need a doorbell, in any workspace: ids alone, so that each is then worked on within its own scope.
DUE_RUNS = f"""
CREATE FUNCTION sandbox_due_runs(at timestamptz, at_most integer) RETURNS TABLE (workspace_id uuid, run_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT r.workspace_id, r.id FROM sandbox_run r
    WHERE r.parent_id IS NULL AND r.state IN ('queued', 'running') AND (
        (r.state = 'running' AND r.lease_until < at)
        OR (r.state = 'queued' AND EXISTS (
            SELECT 1 FROM sandbox_outboxmessage o
            WHERE o.workspace_id = r.workspace_id AND o.run_id = r.id AND o.ring_at < at)))
    ORDER BY r.created_at LIMIT least(at_most, 1000)
$$;
GRANT CREATE ON SCHEMA public TO {ROLLUP_ROLE};
ALTER FUNCTION sandbox_due_runs(timestamptz, integer) OWNER TO {ROLLUP_ROLE};
REVOKE CREATE ON SCHEMA public FROM {ROLLUP_ROLE};
REVOKE ALL ON FUNCTION sandbox_due_runs(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sandbox_due_runs(timestamptz, integer) TO {APP_ROLE};
"""


class Migration(migrations.Migration):
    dependencies = [("sandbox", "0001_initial"), ("core", "0002_walls"), ("registry", "0002_walls"), ("policies", "0002_walls")]

    operations = [
        migrations.RunSQL(SPANS, "DROP TABLE sandbox_span"),
        migrations.SeparateDatabaseAndState(  # made above, since Django makes no partitioned tables
            state_operations=[
                migrations.AlterModelOptions("span", options={}),
                migrations.AddField(
                    "span",
                    "workspace",
                    models.ForeignKey("core.workspace", on_delete=models.PROTECT, db_index=False, related_name="+"),
                ),
            ]
        ),
        WorkspaceWall("Run"),
        WorkspaceWall("RunPayload"),
        WorkspaceWall("OutboxMessage"),
        WorkspaceWall("Span"),
        WorkspaceWall("CallRecord"),
        WorkspaceWall("Outcome"),
        MonthlyPartitions("Span"),
        SameWorkspace("Run", "installation", to="registry.Installation"),
        SameWorkspace("Run", "parent", to="sandbox.Run"),
        SameWorkspace("Run", "decision", to="policies.Decision"),
        SameWorkspace("Run", "approval", to="policies.Approval"),
        SameWorkspace("RunPayload", "run", to="sandbox.Run"),
        SameWorkspace("OutboxMessage", "run", to="sandbox.Run"),
        SameWorkspace("CallRecord", "run", to="sandbox.Run"),
        SameWorkspace("Outcome", "run", to="sandbox.Run"),
        AppendOnly("CallRecord"),
        migrations.RunSQL(DUE_RUNS, f"SET ROLE {ROLLUP_ROLE}; DROP FUNCTION sandbox_due_runs(timestamptz, integer); RESET ROLE"),
    ]
