"""What the template of the test database is named by: everything that says what tables there are."""

from pathlib import Path

from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from tests import template


def test_every_migration_has_a_say_in_the_name_and_so_has_what_it_imports():
    told = {path.relative_to(settings.BASE_DIR).as_posix() for path in template.sources() if _is_ours(path)}
    ours = {one.__module__ for one in MigrationLoader(None).disk_migrations.values()}
    ours = {module for module in ours if (settings.BASE_DIR / module.partition(".")[0]).is_dir()}
    assert len(ours) > 20
    assert {module.replace(".", "/") + ".py" for module in ours} <= told
    assert {"galaxy/core/db/operations.py", "galaxy/core/db/functions.py", "galaxy/core/models/trail.py"} <= told


def test_a_line_more_in_a_migration_is_another_name(monkeypatch, tmp_path):
    before, found = template.digest(), list(template.sources())
    assert template.digest() == before
    longer = tmp_path / found[-1].name
    longer.write_bytes(found[-1].read_bytes() + b"\n")
    monkeypatch.setattr(template, "sources", lambda: [*found[:-1], longer])
    assert template.digest() != before


def test_the_copy_has_had_every_migration(db):
    loader = MigrationLoader(connection)
    assert set(loader.applied_migrations) == set(loader.disk_migrations)


def _is_ours(path: Path) -> bool:
    return path.is_relative_to(settings.BASE_DIR) and ".venv" not in path.parts
