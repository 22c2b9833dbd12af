"""What a migration may not do while the release before still runs (docs/zero-downtime.md)."""

import re
from collections.abc import Iterator

from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db import models
from django.db.migrations import Migration, operations
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED

# The last migrations of the release that runs somewhere. What comes after them keeps the rules.
BASELINE = {
    "core": "0023_ways_to_people",
    "registry": "0023_shipped",
    "policies": "0011_courses",
    "sandbox": "0026_counted_while_off",
    "marketplace": "0026_rephrased_advice",
}
RULES = ("removes", "demands", "retypes", "constrains", "indexes", "mixes")
# Tables that grow with every call, notice or decision: an index on them takes minutes.
BIG = {
    *("core.auditevent", "core.auditdetail", "core.historyrow", "core.notification"),
    *("policies.decision", "policies.approval"),
    *("sandbox.run", "sandbox.span", "sandbox.callrecord", "sandbox.triggerdelivery"),
}
SHORTEST_REASON = 40  # characters: "it is fine" is none

_SQL = {
    "removes": r"\bDROP\s+(TABLE|COLUMN|VIEW|FUNCTION|SCHEMA)\b|\bRENAME\s+(TO|COLUMN|CONSTRAINT)\b",
    "retypes": r"\bALTER\s+(COLUMN\s+)?\w+\s+(SET\s+DATA\s+)?TYPE\b|\bSET\s+NOT\s+NULL\b",
    "constrains": r"\bADD\s+(CONSTRAINT|CHECK|UNIQUE|PRIMARY|FOREIGN)\b(?!.*\bNOT\s+VALID\b)",
    "indexes": r"\bCREATE\s+(UNIQUE\s+)?INDEX\s+(?!CONCURRENTLY)|\bLOCK\s+TABLE\b|\bVACUUM\s+FULL\b|\bCLUSTER\b",
}
_MOVES_DATA = r"^\s*(UPDATE|DELETE\s+FROM|INSERT\s+INTO)\b"


def new_migrations(loader: MigrationLoader) -> list[Migration]:
    """Those of ours after the baseline, in the order in which they are applied."""
    old = {key for app, name in BASELINE.items() for key in loader.graph.forwards_plan((app, name))}
    plan: dict = {}
    for leaf in loader.graph.leaf_nodes():
        plan |= dict.fromkeys(loader.graph.forwards_plan(leaf))
    return [loader.graph.nodes[key] for key in plan if key not in old and key[0] in BASELINE]


def state_at_baseline(loader: MigrationLoader) -> ProjectState:
    return loader.project_state(list(BASELINE.items()))


def breaches(migration: Migration, before: ProjectState, old: ProjectState) -> Iterator[tuple[str, str]]:
    """(rule, what breaks it) of a migration that is applied to ``before``. ``old`` is what the other release knows:
    what came after it may be altered freely."""
    state, app = before.clone(), migration.app_label
    alters, moves = False, False
    for one in migration.operations:
        for rule, what in _of_operation(one, app, state, old):
            yield rule, f"{migration}: {one.describe()}: {what}"
        alters |= isinstance(one, operations.fields.FieldOperation) and _is_old(app, one.model_name, old)
        moves |= isinstance(one, operations.RunPython) or bool(
            isinstance(one, operations.RunSQL) and re.search(_MOVES_DATA, _text(one), re.I | re.M)
        )
        one.state_forwards(app, state)
    if alters and moves:
        yield "mixes", f"{migration}: moves data and alters tables"


def excused(migration: Migration) -> dict[str, str]:
    """rule -> reason, as the migration writes it."""
    return getattr(migration, "allowed", {})


def _of_operation(one, app: str, state: ProjectState, old: ProjectState) -> Iterator[tuple[str, str]]:
    if isinstance(one, operations.SeparateDatabaseAndState):
        for inner in one.database_operations:
            yield from _of_operation(inner, app, state, old)
        return
    if isinstance(one, operations.RunSQL):
        for rule, pattern in _SQL.items():
            if found := re.search(pattern, _text(one), re.I):
                yield rule, f"SQL with {found[0]}"
        return
    model = getattr(one, "model_name", None) or getattr(one, "old_name", None) or getattr(one, "name", "")
    if not isinstance(model, str) or not _is_old(app, model, old):
        return
    if isinstance(one, _REMOVERS):
        yield "removes", "the release before asks for it"
    elif isinstance(one, operations.AddField):
        yield from _added(one.field)
    elif isinstance(one, operations.AlterField):
        yield from _altered(state.models[app, model.lower()].fields[one.name], one.field)
    elif isinstance(one, operations.AddConstraint) and not isinstance(one, AddConstraintNotValid):
        yield "constrains", "all rows are checked while nobody writes, and the release before may break it"
    elif isinstance(one, operations.AlterUniqueTogether) and one.option_value:
        yield "constrains", "an index is built while nobody writes"
    elif _locks_by_index(one) and f"{app}.{model.lower()}" in BIG:
        yield "indexes", "it is built while nobody writes"


def _locks_by_index(one) -> bool:
    return isinstance(one, operations.AddIndex) and not isinstance(one, AddIndexConcurrently)


_REMOVERS = (
    *(operations.RemoveField, operations.RenameField, operations.DeleteModel, operations.RenameModel),
    operations.AlterModelTable,
)


def _added(field: models.Field) -> Iterator[tuple[str, str]]:
    if field.many_to_many or getattr(field, "generated", False):
        return
    if not field.null and field.db_default is NOT_PROVIDED:
        yield "demands", "the release before inserts rows without it"
    if field.unique or (field.one_to_one and not field.primary_key):
        yield "constrains", "an index is built while nobody writes"


def _altered(was: models.Field, field: models.Field) -> Iterator[tuple[str, str]]:
    if was.null and not field.null:
        yield "demands", "the release before may write null, and the table is read while nobody gets in"
    shorter = field.max_length is not None and (was.max_length is None or field.max_length < was.max_length)
    if was.get_internal_type() != field.get_internal_type() or shorter:
        yield "retypes", "the table is written anew, or what stands in it does not fit"
    if was.db_default is not NOT_PROVIDED and field.db_default is NOT_PROVIDED and not field.null:
        yield "demands", "the release before counts on the default of the database"
    if field.unique and not was.unique:
        yield "constrains", "an index is built while nobody writes"
    if was.db_column != field.db_column:
        yield "removes", "the release before asks for it by its old name"


def _is_old(app: str, model: str, old: ProjectState) -> bool:
    return (app, model.lower()) in old.models


def _text(one: operations.RunSQL) -> str:
    """Statements without comments."""
    parts = [one.sql] if isinstance(one.sql, str) else [part if isinstance(part, str) else part[0] for part in one.sql]
    return re.sub(r"--[^\n]*", "", "\n".join(parts))
