"""A copy of the database is told from the one that it was made of, and works at nothing until somebody has said so."""

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from galaxy.core.ops.readiness import is_ready, readiness
from galaxy.core.restoring import home
from galaxy.core.tasks import expire_break_glasses
from galaxy.core.vault.signing import make_signing_keys
from tests import flushing

both = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture(autouse=True)
def unseen(monkeypatch):
    """This process has not looked yet."""
    monkeypatch.setattr(home, "_seen_at", None)


@pytest.fixture
def as_noted(transactional_db):
    """``as_noted(place, timeline)`` changes what the database was last told, where it is given."""

    def note(place=None, timeline=None):
        with flushing.superuser() as superuser:
            superuser.execute(
                "UPDATE core_home SET place = coalesce(%s, place), timeline = coalesce(%s, timeline)", [place, timeline]
            )

    home.note_home("owner")
    yield note
    home.move_in()


@both
def test_it_is_at_home_where_it_was_made():
    home.note_home("owner")
    assert home.standing().is_home
    assert expire_break_glasses() == 0


@both
def test_a_task_does_nothing_in_a_copy(as_noted):
    as_noted(place="7/7/7")
    assert (home.standing().is_copied, home.standing().is_promoted) == (True, False)
    with pytest.raises(home.Moved, match="is a copy"):
        expire_break_glasses()
    assert not is_ready(readiness())
    home.move_in()
    assert expire_break_glasses() == 0
    assert home.condition().ok


@both
def test_a_copy_is_not_sealed(as_noted, settings, tmp_path):
    """Its checkpoints would stand among those of the original, which could not be sealed on beside them."""
    make_signing_keys(tmp_path / "keys.json")
    settings.GALAXY_SIGNING_KEYS = str(tmp_path / "keys.json")
    settings.GALAXY_CHECKPOINTS_DIR = tmp_path / "copies"
    as_noted(place="7/7/7")
    with pytest.raises(CommandError, match="is a copy"):
        call_command("sequencer", once=True)
    assert not (tmp_path / "copies").exists()
    home.move_in()
    call_command("sequencer", once=True)
    assert (tmp_path / "copies").is_dir()


@both
def test_a_recovery_is_told_by_its_timeline_unless_standbys_lose_nothing(as_noted, settings):
    as_noted(timeline=77)
    assert home.standing().is_promoted
    with pytest.raises(home.Moved, match="earlier point"):
        expire_break_glasses()
    settings.GALAXY_SYNCHRONOUS_STANDBYS = True
    assert expire_break_glasses() == 0


def test_the_application_can_not_say_that_a_copy_is_home(db):
    for sql in ("UPDATE core_home SET timeline = 2", "DELETE FROM core_home", "INSERT INTO core_home (id) VALUES (1)"):
        denied = pytest.raises(DatabaseError, match="permission denied")
        with denied, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)


@both
def test_a_process_asks_again_after_seconds(as_noted, monkeypatch):
    home.require_home()
    as_noted(place="7/7/7")
    home.require_home()  # seen a moment ago
    monkeypatch.setattr(home, "LOOKED_EVERY_S", 0.0)
    with pytest.raises(home.Moved):
        home.require_home()
