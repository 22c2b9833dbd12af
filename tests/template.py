"""The database that tests begin with: its tables are made once and copied for each process.

Running all migrations takes ten seconds of the processor, of which Django spends most on models as they once were. So
the first process that needs a database runs them in one of its own, named by what they say; every other copies it, in
this run of the tests and in later ones, until a migration is added or altered. What Django and Galaxy do at the end
of ``migrate`` (permissions, content types, partitions, roles) is done anew in each copy, as it depends on more.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import django
from django.apps import apps
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.executor import MigrationExecutor

from galaxy.core.db import grants
from galaxy.core.db.states import drawn_once

PREFIX = "test_template_"
KEPT = 8  # of other branches and of yesterday
LOCK = 7_348_211  # any number: advisory locks of the maintenance database are taken by nothing else
_OURS = re.compile(r"^(?:from|import) (galaxy(?:\.\w+)*)", re.MULTILINE)


def use() -> None:
    """Have the test database copied from the template, which is made where there is none."""
    owner = connections["owner"]
    name = PREFIX + digest()
    with owner._nodb_cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])  # until this session ends
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s) ORDER BY oid DESC", [PREFIX])
        there = [row[0] for row in cursor.fetchall()]
        if name not in there:
            for old in there[KEPT - 1 :]:
                cursor.execute(f'DROP DATABASE "{old}" WITH (FORCE)')
            _make(owner, cursor, name)
    owner.settings_dict["TEST"]["TEMPLATE"] = name


def digest() -> str:
    """Of everything that says what tables there are."""
    said = hashlib.sha256(django.__version__.encode())
    for path in sorted(set(sources())):
        said.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return said.hexdigest()[:16]


def sources() -> Iterator[Path]:
    """The migrations of all apps, and the modules of ours that they import; of these, the package ``galaxy.core.db``
    in whole."""
    yield from Path(grants.__file__).parent.rglob("*.py")
    for app in apps.get_app_configs():
        for path in Path(app.path, "migrations").glob("*.py"):
            yield path
            for module in _OURS.findall(path.read_text(encoding="utf-8")):
                spec = find_spec(module)
                yield Path(spec.origin)


def _make(owner: BaseDatabaseWrapper, cursor, name: str) -> None:
    draft = f"{name}_draft"  # what is left of a process that was killed has no other name
    cursor.execute(f'DROP DATABASE IF EXISTS "{draft}" WITH (FORCE)')
    cursor.execute(f'CREATE DATABASE "{draft}"')
    with closing(owner.copy()) as connection:
        connection.settings_dict["NAME"] = draft
        connections["owner"] = connection  # the one that migrations find by its alias
        try:
            grants.grant_to_app(using="owner")
            executor = MigrationExecutor(connection)
            with drawn_once():
                executor.migrate(executor.loader.graph.leaf_nodes())
        finally:
            connections["owner"] = owner
    cursor.execute(f'ALTER DATABASE "{draft}" RENAME TO "{name}"')
