"""Migration operations: walls, append-only tables, history rows, partitions and keys within one workspace.

Each states in one line of a migration what PostgreSQL then holds by itself, whatever the application forgets.
The pattern was tried over 10,000 mixed requests; its reasons stand in docs/row-level-security.md.
"""

from django.db.migrations.operations.base import Operation

from galaxy.core.db.grants import APP_ROLE, ROLLUP_ROLE

# The cast and the call stand inside a sub-select so that PostgreSQL evaluates them once per statement, not per row.
_IN_SCOPE = "= ANY ((SELECT galaxy_workspaces())::uuid[])"


class TableOperation(Operation):
    """Runs statements on the table of a model; ``statements`` and ``reverse_statements`` give them as text."""

    reduces_to_sql = True
    reversible = True

    def __init__(self, model: str):
        self.model = model

    def statements(self, table: str) -> list[str]:
        raise NotImplementedError

    def reverse_statements(self, table: str) -> list[str]:
        raise NotImplementedError

    def state_forwards(self, app_label, state):
        """The models do not change: only what the database enforces."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        self._run(schema_editor, self.statements(self._table(app_label, to_state)), app_label, to_state)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        self._run(schema_editor, self.reverse_statements(self._table(app_label, from_state)), app_label, from_state)

    def _run(self, schema_editor, statements, app_label, state):
        for statement in statements:
            schema_editor.execute(statement)

    def _table(self, app_label, state, model=None):
        return state.apps.get_model(app_label, model or self.model)._meta.db_table

    def describe(self):
        return f"{type(self).__name__} on {self.model}"


class WorkspaceWall(TableOperation):
    """Rows are seen and written only where their workspace is in scope, by the owner of the table too.

    ``column`` names the workspace column; ``plus`` is a condition under which rows may also be read (never written).
    ``shared``: rows of no workspace are everybody's, as before there was a wall; those of one are that workspace's.
    """

    def __init__(self, model: str, column: str = "workspace_id", plus: str = "", *, shared: bool = False):
        super().__init__(model)
        self.column = column
        self.plus = plus
        self.shared = shared

    def statements(self, table):
        return wall_statements(table, self.column, self.plus, shared=self.shared)

    def reverse_statements(self, table):
        return [
            f'DROP POLICY IF EXISTS plus ON "{table}"',
            f'DROP POLICY IF EXISTS rollup ON "{table}"',
            f'DROP POLICY IF EXISTS wall ON "{table}"',
            f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY',
            f'ALTER TABLE "{table}" DISABLE ROW LEVEL SECURITY',
        ]


def wall_statements(table: str, column: str = "workspace_id", plus: str = "", *, shared: bool = False) -> list[str]:
    everybodys = f'"{column}" IS NULL OR ' if shared else ""
    statements = [
        f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY',
        f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY',
        f'CREATE POLICY wall ON "{table}" USING ({everybodys}"{column}" {_IN_SCOPE})',
        # Membership in a role would inherit its policies; asking for current_user shuts that way in.
        f'CREATE POLICY rollup ON "{table}" FOR SELECT TO {ROLLUP_ROLE} '
        f"USING ((SELECT current_user) = '{ROLLUP_ROLE}')",
    ]
    if plus:
        statements.append(f'CREATE POLICY plus ON "{table}" FOR SELECT USING ({plus})')
    return statements


class TwoSidedWall(TableOperation):
    """Rows that two workspaces share, ``workspace_id`` and ``other``: each sees and writes them, nobody else does."""

    def __init__(self, model: str, other: str):
        super().__init__(model)
        self.other = other

    def statements(self, table):
        first, *others = wall_statements(table)
        wall = f'CREATE POLICY wall ON "{table}" USING (workspace_id {_IN_SCOPE} OR "{self.other}" {_IN_SCOPE})'
        return [first, *(wall if "POLICY wall" in one else one for one in others)]

    def reverse_statements(self, table):
        return WorkspaceWall(self.model).reverse_statements(table)


class SameWorkspace(TableOperation):
    """A row may only point at a row of its own workspace: foreign keys alone look through the wall.

    Needs ``workspace_id`` on both tables; adds UNIQUE (workspace_id, id) to the target where it is missing.
    """

    def __init__(self, model: str, field: str, to: str):
        super().__init__(model)
        self.field = field
        self.to = to

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        table, target = self._table(app_label, to_state), self._target(to_state)
        for statement in (
            f'CREATE UNIQUE INDEX IF NOT EXISTS "{target}_in_workspace" ON "{target}" (workspace_id, id)',
            f'ALTER TABLE "{table}" ADD CONSTRAINT "{table}_{self.field}_same_workspace" '
            f'FOREIGN KEY (workspace_id, "{self.field}_id") REFERENCES "{target}" (workspace_id, id) '
            "DEFERRABLE INITIALLY DEFERRED",
        ):
            schema_editor.execute(statement)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        table = self._table(app_label, from_state)
        schema_editor.execute(f'ALTER TABLE "{table}" DROP CONSTRAINT "{table}_{self.field}_same_workspace"')

    def _target(self, state):
        app_label, model = self.to.split(".")
        return self._table(app_label, state, model)


class AppendOnly(TableOperation):
    """Rows are added and never changed: no right for the application, and a trigger that stops the owner too.

    ``deletable`` keeps DELETE possible for the owner (retention). TRUNCATE stays with the owner for test databases.
    """

    def __init__(self, model: str, *, deletable: bool = False):
        super().__init__(model)
        self.deletable = deletable

    def statements(self, table):
        events = "UPDATE" if self.deletable else "UPDATE OR DELETE"
        return [
            f'REVOKE UPDATE, DELETE, TRUNCATE ON "{table}" FROM {APP_ROLE}',
            f'CREATE TRIGGER append_only BEFORE {events} ON "{table}" '
            "FOR EACH ROW EXECUTE FUNCTION galaxy_refuse_change()",
        ]

    def reverse_statements(self, table):
        return [f'DROP TRIGGER append_only ON "{table}"', f'GRANT UPDATE, DELETE ON "{table}" TO {APP_ROLE}']


class KeepsHistory(TableOperation):
    """Every state that a row of this table ever had stays in ``core_historyrow``, with the time it held.

    ``workspace`` is an SQL expression over ``r`` (the row) that gives the id of its workspace.
    """

    def __init__(self, model: str, workspace: str = "r.workspace_id"):
        super().__init__(model)
        self.workspace = workspace

    def statements(self, table):
        return history_statements(table, self.workspace)

    def reverse_statements(self, table):
        return [f'DROP TRIGGER keep_history ON "{table}"', f"DROP FUNCTION {table}_keep_history()"]


def history_statements(table: str, workspace: str) -> list[str]:
    """A trigger of the table's own: close the open history row, and open the next one unless the row is gone.

    It runs as the owner, so that the application needs no right to write history, and within the scope in force.
    Two changes within one transaction share its timestamp, so the first of them held for no time at all and its row
    is overwritten instead of closed.
    """
    return [
        f"""
        CREATE FUNCTION {table}_keep_history() RETURNS trigger
        LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
        DECLARE
            r record;
            owner_id uuid;
        BEGIN
            IF TG_OP = 'DELETE' THEN r := OLD; ELSE r := NEW; END IF;
            owner_id := {workspace};
            DELETE FROM core_historyrow WHERE workspace_id = owner_id AND kind = '{table}'
                AND row_id = r.id::text AND upper_inf(during) AND lower(during) = now();
            UPDATE core_historyrow SET during = tstzrange(lower(during), now())
                WHERE workspace_id = owner_id AND kind = '{table}' AND row_id = r.id::text AND upper_inf(during);
            IF TG_OP <> 'DELETE' THEN
                INSERT INTO core_historyrow (id, workspace_id, kind, row_id, row, during)
                VALUES (gen_random_uuid(), owner_id, '{table}', r.id::text, to_jsonb(r), tstzrange(now(), NULL));
            END IF;
            RETURN NULL;
        END $$
        """,
        f'CREATE TRIGGER keep_history AFTER INSERT OR UPDATE OR DELETE ON "{table}" '
        f"FOR EACH ROW EXECUTE FUNCTION {table}_keep_history()",
    ]


class MonthlyPartitions(TableOperation):
    """Registers a partitioned table: from now on ``galaxy_make_partitions()`` keeps its months ahead of the clock."""

    def statements(self, table):
        return [
            f"INSERT INTO galaxy_partitioned (name) VALUES ('{table}')",
            "SELECT galaxy_make_partitions()",
        ]

    def reverse_statements(self, table):
        return [f"DELETE FROM galaxy_partitioned WHERE name = '{table}'"]
