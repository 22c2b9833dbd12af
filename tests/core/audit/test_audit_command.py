"""``manage.py audit``: verifying, keys, and going on after a backup was restored. ``sequencer --once`` beside it."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from galaxy.core import audit
from galaxy.core.audit import sequencer as sequencing
from galaxy.core.audit import tree
from galaxy.core.audit.anchors import Anchors
from galaxy.core.audit.verifying import verify
from galaxy.core.models import AuditEvent
from galaxy.core.scope import workspace_scope
from tests import flushing
from tests.sealing import EVERYTHING_SEEN

both = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture
def places(settings, tmp_path, monkeypatch):
    """Nobody else writes here, so nothing is waited for that other databases of the server are busy with."""
    monkeypatch.setattr(sequencing, "HORIZON", EVERYTHING_SEEN)
    settings.GALAXY_SIGNING_KEYS = str(tmp_path / "keys.json")
    settings.GALAXY_CHECKPOINTS_DIR = tmp_path / "copies"
    return tmp_path


def said(*words, **options) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=out, **options)
    return out.getvalue()


def write(workspace, action="box.opened") -> AuditEvent:
    with workspace_scope([workspace.pk]), transaction.atomic():
        return audit.record(action, actor=None, target=workspace)


@both
def test_every_trail_is_verified_and_counted(cast, places):
    assert "keys.json is made." in said("audit", "make-key")
    assert "is there already" in said("audit", "make-key")
    write(cast["meridian"])
    said("sequencer", once=True)
    text = said("audit", "verify")
    with workspace_scope([cast["meridian"].pk]):
        size = AuditEvent.objects.count()
    assert f"meridian: {size} events under " in text and "tidewater: " in text
    assert text.endswith("Every trail is what was signed.\n")
    assert "with no copy outside" in said("audit", "verify", checkpoints=places / "nowhere", workspace=["meridian"])


@both
def test_what_was_done_is_named_and_the_exit_status_is_1(cast, places):
    said("audit", "make-key")
    event = write(cast["meridian"])
    said("sequencer", once=True)
    with workspace_scope([cast["meridian"].pk]):
        position = tree.position_of(event)
    with flushing.superuser() as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute("UPDATE core_auditevent SET action = 'box.closed' WHERE id = %s", [event.pk])
    out = StringIO()
    with pytest.raises(CommandError, match="Not intact: meridian") as caught:
        call_command("audit", "verify", stdout=out)
    assert caught.value.returncode == 1
    assert "tidewater" in out.getvalue() and "meridian: " in out.getvalue() and "NOT INTACT" in out.getvalue()
    table = out.getvalue().partition("  position ")[2].splitlines()
    rows = [line.split(maxsplit=1) for line in table if line.startswith(f"  {position} ")]
    assert [row[1].split("  ")[0] for row in rows] == ["Value changed", "Event changed"]


@both
def test_a_workspace_that_is_none_is_refused(places):
    with pytest.raises(CommandError, match="There is no workspace named nowhere"):
        said("audit", "verify", workspace=["nowhere"])


@both
def test_a_new_key_signs_after_the_hand_over(cast, places):
    said("audit", "make-key")
    said("sequencer", once=True)
    assert "is added. Restart the sequencer" in said("audit", "rotate-key")
    write(cast["meridian"])
    said("sequencer", once=True)
    assert len(tree.public_keys()) == 2
    assert "Every trail is what was signed." in said("audit", "verify")


@both
def test_after_a_restore_the_trail_goes_on_in_a_new_epoch(cast, places):
    """The backup is from before the last two events of Meridian; what is lost is told, and told as declared."""
    meridian = cast["meridian"]
    said("audit", "make-key")
    write(meridian)
    said("sequencer", once=True)
    with workspace_scope([meridian.pk]):
        kept = tree.checkpoint_of(meridian)
    for number in range(2):
        write(meridian, f"box.lost_{number}")
    said("sequencer", once=True)
    with flushing.superuser() as superuser:
        superuser.execute("SET session_replication_role = replica")
        for table in ("core_auditleaf WHERE position >= %s", "core_auditcheckpoint WHERE size > %s"):
            superuser.execute(f"DELETE FROM {table} AND workspace_id = %s", [kept.size, meridian.pk])
        for table in ("core_auditdetail WHERE event_id", "core_auditevent WHERE id"):
            superuser.execute(f"DELETE FROM {table} NOT IN (SELECT event_id FROM core_auditleaf)")
    write(meridian)
    with pytest.raises(CommandError, match="Not every trail could be sealed"):
        said("sequencer", once=True)
    with pytest.raises(CommandError, match="Not intact: meridian"):
        said("audit", "verify")
    try:
        text = said("audit", "new-epoch", "--restored")
        assert "meridian: 2 sealed events are not in this backup." in text and "Epoch 2 has begun." in text
        said("sequencer", once=True)
        with workspace_scope([meridian.pk]):
            report = verify(meridian, places / "copies")
            assert (report.findings, report.lost) == ([], 2)
            told = AuditEvent.objects.in_order().get(action="trail.restored")
            assert (told.epoch, tree.position_of(told)) == (2, kept.size + 1)
        declared = json.loads((places / "copies" / "epochs.log").read_text())
        assert json.loads(declared["note"])["heads"][str(meridian.pk)] == [kept.number, kept.size]
        assert Anchors(places / "copies").last(meridian.pk)[1] == checkpoint_note(meridian)
    finally:
        with connections["owner"].cursor() as cursor:
            cursor.execute("ALTER TABLE core_auditevent ALTER COLUMN epoch SET DEFAULT 1")


def checkpoint_note(workspace) -> str:
    with workspace_scope([workspace.pk]):
        return tree.checkpoint_of(workspace).note


@both
def test_an_epoch_that_only_the_database_declares_is_not_believed(cast, places):
    said("audit", "make-key")
    write(cast["meridian"])
    said("sequencer", once=True)
    with flushing.superuser() as superuser:
        superuser.execute("SET session_replication_role = replica")
        superuser.execute("DELETE FROM core_auditcheckpoint")
        superuser.execute("DELETE FROM core_auditleaf")
        superuser.execute("ALTER TABLE core_auditevent ALTER COLUMN epoch SET DEFAULT 2")
    try:
        with pytest.raises(CommandError, match="Not every trail could be sealed"):
            said("sequencer", once=True)
    finally:
        with connections["owner"].cursor() as cursor:
            cursor.execute("ALTER TABLE core_auditevent ALTER COLUMN epoch SET DEFAULT 1")


@both
def test_without_the_owners_restored_word_no_epoch_begins(places):
    with pytest.raises(CommandError, match="--restored"):
        said("audit", "new-epoch")


def test_the_epoch_is_the_default_of_the_column(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT core_audit_epoch()")
        assert cursor.fetchone() == (1,)
