"""Functions, walls, history and the two partitioned tables of the audit trail."""

from django.db import migrations, models

from galaxy.core.db.functions import PARTITIONS, SCOPE_FUNCTIONS
from galaxy.core.db.grants import APP_ROLE
from galaxy.core.db.operations import (
    AppendOnly,
    KeepsHistory,
    MonthlyPartitions,
    WorkspaceWall,
    history_statements,
)

# ``epoch`` and ``xid`` are filled by the database alone: their order survives late commits and, with a raised epoch,
# a restore. The primary keys carry the partition key, as PostgreSQL demands.
AUDIT_TABLES = """
CREATE SEQUENCE core_auditevent_id_seq;
CREATE TABLE core_auditevent (
    id bigint NOT NULL DEFAULT nextval('core_auditevent_id_seq'),
    workspace_id uuid NOT NULL REFERENCES core_workspace (id),
    occurred_at timestamptz NOT NULL,
    action varchar(63) NOT NULL,
    actor_kind varchar(8) NOT NULL,
    actor_id varchar(64) NOT NULL,
    target_kind varchar(40) NOT NULL,
    target_id varchar(64) NOT NULL,
    request_id varchar(64) NOT NULL,
    simulated boolean NOT NULL,
    commitments jsonb NOT NULL,
    epoch integer NOT NULL DEFAULT 1,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (workspace_id, id, occurred_at)
) PARTITION BY RANGE (occurred_at);
ALTER SEQUENCE core_auditevent_id_seq OWNED BY core_auditevent.id;
CREATE INDEX core_auditevent_newest ON core_auditevent (workspace_id, occurred_at DESC, id DESC);
CREATE INDEX core_auditevent_by_action ON core_auditevent (workspace_id, action varchar_pattern_ops, occurred_at DESC);
CREATE INDEX core_auditevent_by_target ON core_auditevent (workspace_id, target_id, occurred_at DESC);
CREATE INDEX core_auditevent_by_actor ON core_auditevent (workspace_id, actor_id, occurred_at DESC);
CREATE INDEX core_auditevent_by_request ON core_auditevent (workspace_id, request_id) WHERE request_id <> '';
CREATE TABLE core_auditdetail (
    event_id bigint NOT NULL,
    workspace_id uuid NOT NULL REFERENCES core_workspace (id),
    occurred_at timestamptz NOT NULL,
    actor_label varchar(160) NOT NULL,
    target_label varchar(200) NOT NULL,
    fields jsonb NOT NULL,
    salt bytea NOT NULL,
    PRIMARY KEY (workspace_id, event_id, occurred_at)
) PARTITION BY RANGE (occurred_at);
"""
MEMBERSHIPS_OF_MINE = "SELECT m.workspace_id FROM core_membership m WHERE m.user_id = (SELECT galaxy_user())::uuid"
GRANT_TABLES = ("guardian_groupobjectpermission", "guardian_userobjectpermission")


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial"), ("guardian", "0003_remove_groupobjectpermission_guardian_gr_content_ae6aec_idx_and_more")]

    operations = [
        migrations.RunSQL(
            SCOPE_FUNCTIONS,
            "DROP FUNCTION galaxy_workspace_of(integer, text); DROP FUNCTION galaxy_refuse_change();"
            "DROP FUNCTION galaxy_user(); DROP FUNCTION galaxy_workspaces()",
        ),
        migrations.RunSQL(
            PARTITIONS, "DROP FUNCTION galaxy_make_partitions(integer, integer); DROP TABLE galaxy_partitioned"
        ),
        migrations.RunSQL(AUDIT_TABLES, "DROP TABLE core_auditdetail; DROP TABLE core_auditevent"),
        # Made above, since Django makes no partitioned tables; from here on they are models like any other.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                operation
                for name in ("auditevent", "auditdetail")
                for operation in (
                    migrations.AlterModelOptions(name, options={}),
                    migrations.AddField(
                        name,
                        "workspace",
                        models.ForeignKey(
                            "core.workspace", on_delete=models.PROTECT, db_index=False, related_name="+"
                        ),
                    ),
                )
            ]
        ),
        WorkspaceWall("Workspace", column="id", plus=f"id IN ({MEMBERSHIPS_OF_MINE})"),
        WorkspaceWall("Membership", plus="user_id = (SELECT galaxy_user())::uuid"),
        WorkspaceWall("RoleGroup"),
        WorkspaceWall("HistoryRow"),
        WorkspaceWall("AuditEvent"),
        WorkspaceWall("AuditDetail"),
        AppendOnly("AuditEvent"),
        AppendOnly("AuditDetail", deletable=True),
        MonthlyPartitions("AuditEvent"),
        MonthlyPartitions("AuditDetail"),
        migrations.RunSQL(
            f"REVOKE INSERT, UPDATE, DELETE ON core_historyrow FROM {APP_ROLE}",
            f"GRANT INSERT, UPDATE, DELETE ON core_historyrow TO {APP_ROLE}",
        ),
        KeepsHistory("Membership"),
        *[
            migrations.RunSQL(
                history_statements(table, "galaxy_workspace_of(r.content_type_id, r.object_pk)"),
                [f"DROP TRIGGER keep_history ON {table}", f"DROP FUNCTION {table}_keep_history()"],
            )
            for table in GRANT_TABLES
        ],
    ]
