"""New migrations can be applied while the release before runs (docs/zero-downtime.md)."""

import json
import os
import subprocess
import sys

import pytest
from django.contrib.postgres.operations import AddConstraintNotValid, AddIndexConcurrently
from django.db import connection, migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.models import CheckConstraint, Index, Q

from tests.deploy.boxes import ROOT
from tests.deploy.migration_rules import (
    BIG,
    RULES,
    SHORTEST_REASON,
    breaches,
    excused,
    new_migrations,
    state_at_baseline,
)

LOADER = MigrationLoader(None)
OLD = state_at_baseline(LOADER)
RELEASE = "41376ffc"  # where no tag names one: the commit with the migrations of the baseline
# What the models of a release want of the tables, without a database.
WANTS = """
import json, django
django.setup()
from django.apps import apps
print(json.dumps({
    model._meta.db_table: [field.column for field in model._meta.local_concrete_fields]
    for model in apps.get_models(include_auto_created=True) if model._meta.managed and not model._meta.proxy
}))
"""


def _of(*operations, app="sandbox"):
    return type("Migration", (migrations.Migration,), {"operations": list(operations)})("9999_tried", app)


def _rules(*operations) -> list[str]:
    return [rule for rule, _ in breaches(_of(*operations), OLD, OLD)]


def test_new_migrations_keep_the_rules_or_say_why_not():
    state, found = OLD.clone(), []
    for migration in new_migrations(LOADER):
        reasons = excused(migration)
        assert all(rule in RULES and len(why) >= SHORTEST_REASON for rule, why in reasons.items()), migration
        broken = list(breaches(migration, state, OLD))
        assert set(reasons) <= {rule for rule, _ in broken}, f"{migration}: excuses what it does not do"
        found += [what for rule, what in broken if rule not in reasons]
        state = migration.mutate_state(state, preserve=False)
    assert found == []


CHECK = CheckConstraint(name="tried", condition=Q(attempt__gte=0))
REFUSED = [
    ("removes", migrations.RemoveField("run", "state")),
    ("removes", migrations.RenameField("run", "state", "status")),
    ("removes", migrations.DeleteModel("Run")),
    ("removes", migrations.RenameModel("Run", "Call")),
    ("removes", migrations.AlterModelTable("run", "runs")),
    ("removes", migrations.RunSQL("ALTER TABLE sandbox_run DROP COLUMN state")),
    ("removes", migrations.RunSQL(["SELECT 1", "DROP FUNCTION galaxy_make_partitions()"])),
    ("removes", migrations.SeparateDatabaseAndState([migrations.RemoveField("run", "state")])),
    ("demands", migrations.AddField("run", "tried", models.IntegerField(default=0))),
    ("demands", migrations.AlterField("run", "finished_at", models.DateTimeField())),
    ("retypes", migrations.AlterField("run", "attempt", models.TextField())),
    ("retypes", migrations.AlterField("run", "target", models.CharField(max_length=3))),
    ("retypes", migrations.RunSQL("ALTER TABLE sandbox_run ALTER COLUMN attempt TYPE bigint")),
    ("retypes", migrations.RunSQL("ALTER TABLE sandbox_run ALTER COLUMN finished_at SET NOT NULL")),
    ("constrains", migrations.AddConstraint("run", CHECK)),
    ("constrains", migrations.AddField("run", "tried", models.IntegerField(null=True, unique=True))),
    ("constrains", migrations.AlterUniqueTogether("run", {("state", "attempt")})),
    ("constrains", migrations.RunSQL("ALTER TABLE sandbox_run ADD CONSTRAINT tried CHECK (attempt >= 0)")),
    ("indexes", migrations.AddIndex("run", Index(fields=["attempt"], name="tried"))),
    ("indexes", migrations.RunSQL("CREATE INDEX tried ON sandbox_run (attempt)")),
]
LET_THROUGH = [
    migrations.AddField("run", "tried", models.IntegerField(db_default=0)),
    migrations.AddField("run", "tried", models.IntegerField(null=True)),
    migrations.AlterField("run", "attempt", models.PositiveIntegerField(null=True)),
    AddConstraintNotValid("run", CHECK),
    AddIndexConcurrently("run", Index(fields=["attempt"], name="tried")),
    migrations.CreateModel("Tried", [("id", models.BigAutoField(primary_key=True)), ("name", models.TextField())]),
    migrations.RunSQL("CREATE INDEX CONCURRENTLY tried ON sandbox_run (attempt)"),
    migrations.RunSQL("ALTER TABLE sandbox_run ADD CONSTRAINT tried CHECK (attempt >= 0) NOT VALID"),
    migrations.RunSQL("-- DROP TABLE stands in words alone\nSELECT 1"),
    migrations.RunPython(migrations.RunPython.noop),
]


@pytest.mark.parametrize(
    ("rule", "operation"), REFUSED, ids=lambda one: getattr(one, "sql", None) and str(one.sql)[:40]
)
def test_what_breaks_the_release_before_is_refused(rule, operation):
    assert rule in _rules(operation)


@pytest.mark.parametrize("operation", LET_THROUGH, ids=lambda one: one.describe())
def test_what_does_not_is_let_through(operation):
    assert _rules(operation) == []


def test_what_came_after_the_release_before_may_be_altered():
    table = migrations.CreateModel(
        "Tried", [("id", models.BigAutoField(primary_key=True)), ("name", models.TextField())]
    )
    assert _rules(table, migrations.RenameField("tried", "name", "title"), migrations.DeleteModel("Tried")) == []


def test_data_is_moved_apart_from_tables():
    column = migrations.AddField("run", "tried", models.IntegerField(null=True))
    for data in (
        migrations.RunPython(migrations.RunPython.noop),
        migrations.RunSQL("UPDATE sandbox_run SET tried = 1"),
    ):
        assert _rules(column, data) == ["mixes"]


def test_the_tables_that_are_called_big_are_there():
    assert {tuple(name.split(".")) for name in BIG} <= set(OLD.models)


def mismatches(wants: dict[str, list[str]], tables: dict[str, dict[str, bool]]) -> list[str]:
    """What would stop code that ``wants`` these columns; ``tables``: table -> column -> whether an insert needs it."""
    found = []
    for table, columns in wants.items():
        there = tables.get(table)
        if there is None:
            found.append(f"{table} is gone")
            continue
        found += [f"{table}.{column} is gone" for column in columns if column not in there]
        found += [f"{table}.{column} is wanted" for column, needed in there.items() if needed and column not in columns]
    return found


def _release() -> str:
    tags = _git("tag", "--list", "v*", "--sort=-v:refname", "--merged")
    return tags.split()[0] if tags.split() else RELEASE


def _git(*words: str, **options) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=False, **options)
    return done.stdout


def test_the_release_before_runs_on_the_tables_of_now(db, tmp_path):
    if _git("cat-file", "-t", _release()).strip() != "commit" and not _git("cat-file", "-t", f"{_release()}^{{}}"):
        pytest.skip("the history of this checkout does not reach the release before")
    parts = ["galaxy", "registry", "policies", "sandbox", "marketplace"]
    packed = subprocess.run(["git", "archive", _release(), *parts], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "-x", "-C", str(tmp_path)], input=packed, check=True)
    env = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(tmp_path),
        "DJANGO_SETTINGS_MODULE": "galaxy.settings",
        "GALAXY_ENV": "production",
        "GALAXY_DATA_DIR": str(tmp_path / "data"),
        "SECRET_KEY": "of-the-tests",
        "ALLOWED_HOSTS": "localhost",
        "DATABASE_URL": "postgres://localhost/none",
        "REDIS_URL": "redis://localhost",
    }
    done = subprocess.run(
        [sys.executable, "-c", WANTS], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    wants = json.loads(done.stdout)
    assert "sandbox_run" in wants and len(wants) > 80

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, attname, attnotnull AND NOT atthasdef AND attidentity = '' FROM pg_attribute"
            " JOIN pg_class ON pg_class.oid = attrelid WHERE attnum > 0 AND NOT attisdropped"
            " AND relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace"
        )
        tables: dict[str, dict[str, bool]] = {}
        for table, column, needed in cursor.fetchall():
            tables.setdefault(table, {})[column] = needed
    assert mismatches(wants, tables) == []

    tables["sandbox_run"]["tried"] = True
    del tables["sandbox_run"]["state"], tables["core_workspace"]
    assert sorted(mismatches(wants, tables)) == [
        "core_workspace is gone",
        "sandbox_run.state is gone",
        "sandbox_run.tried is wanted",
    ]
