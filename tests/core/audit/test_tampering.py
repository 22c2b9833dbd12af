"""A superuser of the database, after the first checkpoint and against the copies outside: each deed is named.

All cases share one trail. It is written on a connection of the superuser's, who becomes the application's role for
Galaxy's own work; each case is rolled back.
"""

import os
import shutil
from contextlib import contextmanager

import pytest
from django.db import connections, transaction

from galaxy.core import audit
from galaxy.core.audit import sequencer as sequencing
from galaxy.core.audit.sequencer import Refused
from galaxy.core.audit.verifying import verify
from galaxy.core.models import AuditEvent
from galaxy.core.scope import workspace_scope
from galaxy.core.vault.signing import SigningKeys, make_signing_keys
from tests import flushing
from tests.core.audit import tampering
from tests.core.audit.tampering import Line, Trail
from tests.factories import make_user, make_workspace
from tests.sealing import EVERYTHING_SEEN

APP = "galaxy_app"


@pytest.fixture(scope="module")
def trail(django_db_setup, django_db_blocker, tmp_path_factory):
    """The trail, in a transaction that is never committed."""
    if not flushing.is_quick():
        pytest.skip("Only the embedded server lets its superuser in.")
    directory = tmp_path_factory.mktemp("trail")
    make_signing_keys(directory / "keys.json")
    patch = pytest.MonkeyPatch()
    patch.setattr(sequencing, "HORIZON", EVERYTHING_SEEN)
    with django_db_blocker.unblock():
        before = connections["default"]
        superuser = connections["default"] = connections.create_connection("default")
        superuser.settings_dict = before.settings_dict | {"USER": "postgres"}
        try:
            with transaction.atomic(), superuser.cursor() as cursor:
                cursor.execute(f"SET SESSION AUTHORIZATION {APP}")
                yield _sealed(directory, _as_superuser(superuser))
                transaction.set_rollback(True)
        finally:
            superuser.close()
            connections["default"] = before
            patch.undo()


def _as_superuser(connection):
    def sql(statement, *params):
        with connection.cursor() as cursor:
            cursor.execute("RESET SESSION AUTHORIZATION")
            cursor.execute("SET LOCAL session_replication_role = replica")
            cursor.execute(statement, params)
            rows = cursor.fetchall() if cursor.description else []
            cursor.execute("SET LOCAL session_replication_role = DEFAULT")
            cursor.execute(f"SET SESSION AUTHORIZATION {APP}")
        return rows

    return sql


def _sealed(directory, sql) -> Trail:
    workspace = make_workspace("Sealed", {"owner": make_user()})
    first = sql(
        "SELECT coalesce(min(id), nextval(pg_get_serial_sequence('core_auditevent', 'id'))) FROM core_auditevent"
    )
    # Transactions that are over on any server, with room between them, however many events there were before ours.
    xid = f"(10 + 2 * (id - {first[0][0]}))::text::xid8"

    def write(action, **data):
        """As if each event came by a transaction of its own."""
        with workspace_scope([workspace.pk]), transaction.atomic():
            event = audit.record(action, actor=None, target=workspace, note="as it was", **data)
        sql(f"UPDATE core_auditevent SET xid = {xid} WHERE id = %s", event.pk)
        return event

    trail = Trail(workspace, directory, SigningKeys(directory / "keys.json"), sql, write)
    with workspace_scope([workspace.pk]):
        sql(f"UPDATE core_auditevent SET xid = {xid}")
        for number in range(10 - AuditEvent.objects.count()):
            write(f"box.first_{number}")
        trail.seal()
        for number in range(300):
            write(f"box.many_{number}")
        trail.seal()
        for number in range(8):
            write(f"box.one_{number}")
            trail.seal()
    return trail


@contextmanager
def after(trail: Trail, case: str):
    """The trail as ``case`` leaves it, within the block; afterwards as it was, files and rows."""
    kept = trail.directory / "kept"
    shutil.copytree(trail.copies, kept)
    with workspace_scope([trail.workspace.pk]):
        point = transaction.savepoint()
        try:
            tampering.CASES[case](trail)
            yield
        finally:
            transaction.savepoint_rollback(point)
            for name in ("checkpoints", "elsewhere"):
                shutil.rmtree(trail.directory / name, ignore_errors=True)
            kept.rename(trail.copies)
            (trail.directory / "strange.json").unlink(missing_ok=True)


def found_after(trail: Trail, case: str) -> str:
    """Each kind of finding with its positions."""
    with after(trail, case):
        report = verify(trail.workspace, trail.copies)
    kinds: dict[str, set[tuple[int, int]]] = {}
    for one in report.findings:
        kinds.setdefault(one.label, set()).add((one.position, one.position if one.last is None else one.last))
    return "; ".join(f"{kind} at {_places(found)}" for kind, found in kinds.items()) or "intact"


def _places(found: set[tuple[int, int]]) -> str:
    """Ranges in order, neighbours as one."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(found):
        if joined and first == joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], last)
        else:
            joined.append((first, last))
    return ", ".join(str(first) if first == last else f"{first} to {last}" for first, last in joined)


@pytest.mark.asvs("16.4.2")
def test_every_deed_is_named_with_its_place(trail):
    lines = [Line(case, found_after(trail, case)) for case in tampering.CASES]
    if os.environ.get("GALAXY_WRITE_TAMPERING"):
        tampering.write(lines)
    assert lines == tampering.read()
    assert [line.case for line in lines if line.found == "intact"] == ["nothing"]


@pytest.mark.parametrize(
    "case", ["history is rewritten and signed with another key", "the last three events are cut off with their tree"]
)
def test_without_the_copy_outside_a_database_can_be_replaced_as_a_whole(trail, case):
    """Which is why there is one: nothing that lies in the database alone can tell."""
    with after(trail, case):
        assert verify(trail.workspace, None).is_intact


def test_the_sequencer_does_not_go_on_from_a_backup(trail):
    with after(trail, "an older backup is restored and work goes on"), pytest.raises(Refused, match="new-epoch"):
        trail.seal()


def test_what_was_verified_is_counted(trail):
    with after(trail, "nothing"):
        report = verify(trail.workspace, trail.copies)
    assert (report.size, report.checkpoints, report.copied, report.values, report.gone) == (318, 10, 10, 318, 0)
    assert (report.waiting, report.lost, report.keys) == (0, 0, [trail.keys.current])


def test_a_value_that_was_changed_is_not_counted_among_those_that_open(trail):
    with after(trail, "a value is edited"):
        assert verify(trail.workspace, trail.copies).values == 317


def test_values_that_retention_deleted_are_counted_and_break_nothing(trail):
    with after(trail, "nothing"):
        tampering.purge(trail)
        report = verify(trail.workspace, trail.copies)
    assert (report.is_intact, report.values, report.gone) == (True, 316, 3)
