"""What cannot heal any more is closed: issues of what was removed, ended, or is not in the version held now."""

from datetime import timedelta

import pytest
from django.utils import timezone

from registry.models import Connection
from registry.services import move_pin, uninstall
from sandbox.connections.services import disconnect
from sandbox.issues import open_issue
from sandbox.models import Breaker, CheckSchedule, Issue
from tests.extensions import installed, publish
from tests.playhouse import staged
from tests.sandbox.health.calls import CHECKED, connect

Kind = Issue.Kind


@pytest.fixture
@staged
def pulse(workspace, admin):
    return installed(workspace, admin, CHECKED)[0]


def troubled(connection, *kinds_and_targets):
    for kind, target in kinds_and_targets:
        installation = connection.installation
        about = None if kind == Kind.VERSION_FAILING else connection
        open_issue(installation, kind, target=target, sentence="No.", next_step="Look.", connection=about)


def still_open() -> set[tuple[str, str]]:
    return set(Issue.objects.open().values_list("kind", "target"))


def moved(pulse, admin, text: str, callbacks) -> None:
    version = publish(text.replace("version: 1.0.0", "version: 2.0.0"))
    with callbacks(execute=True):
        move_pin(pulse, version=version, actor=admin, agrees=True)


def test_what_was_removed_has_no_issues(pulse, admin, django_capture_on_commit_callbacks):
    troubled(connect(pulse), *((kind, "pulse.list") for kind in Kind.values))
    with django_capture_on_commit_callbacks(execute=True):
        uninstall(pulse, actor=admin)
    assert still_open() == set()
    assert set(Issue.objects.values_list("closed_because", flat=True)) == {f"{admin} removed Pulse."}


def test_a_connection_that_is_ended_leaves_no_issue_and_its_failed_checks_are_nobodys(pulse, admin, member):
    shared, own = connect(pulse), connect(pulse, owner=member)
    for connection in (shared, own):
        troubled(connection, (Kind.HEALTH_FAILING, "pulse.list"), (Kind.BREAKER_OPEN, "list"))
        CheckSchedule.objects.create(workspace=pulse.workspace, connection=connection, failures=3)
    disconnect(shared, actor=admin)
    assert set(Issue.objects.open().values_list("connection", flat=True)) == {own.pk}
    assert dict(CheckSchedule.objects.values_list("connection", "failures")) == {shared.pk: 0, own.pk: 3}


def test_another_version_closes_what_it_does_not_have(pulse, admin, django_capture_on_commit_callbacks):
    connection, until = connect(pulse), timezone.now() + timedelta(seconds=30)
    troubled(
        connection, (Kind.VERSION_FAILING, "1.0.0"), (Kind.RETRIES_EXHAUSTED, "pulse.add"),
        (Kind.RETRIES_EXHAUSTED, "pulse.list"), (Kind.HEALTH_FAILING, "pulse.list"), (Kind.BREAKER_OPEN, "add"),
        (Kind.BREAKER_OPEN, "list"),
    )  # fmt: skip
    for action, is_manual in (("add", False), ("list", False), ("list, fallback 1", False), ("add, fallback 1", True)):
        row = {"state": "open", "until": None if is_manual else until, "is_manual": is_manual}
        Breaker.objects.create(workspace=pulse.workspace, connection=connection, action=action, **row)
    moved(pulse, admin, CHECKED.replace("id: add\n", "id: put\n"), django_capture_on_commit_callbacks)
    assert still_open() == {
        (Kind.RETRIES_EXHAUSTED, "pulse.list"), (Kind.HEALTH_FAILING, "pulse.list"), (Kind.BREAKER_OPEN, "list"),
    }  # fmt: skip
    held = Breaker.objects.filter(state="open").values_list("action", "is_manual")
    assert set(held) == {("list", False), ("add, fallback 1", True)}, "what a person tripped stays so"
    assert Issue.objects.get(target="add").closed_because == "Pulse is held at 2.0.0 now."


def test_a_version_without_a_check_fails_none(pulse, admin, django_capture_on_commit_callbacks):
    connection = connect(pulse)
    troubled(connection, (Kind.HEALTH_FAILING, "pulse.list"))
    CheckSchedule.objects.create(workspace=pulse.workspace, connection=connection, failures=3)
    moved(
        pulse,
        admin,
        CHECKED.replace("health: { action: list, every_s: 600 }\n", ""),
        django_capture_on_commit_callbacks,
    )
    assert (still_open(), CheckSchedule.objects.get().failures) == (set(), 0)


def test_a_version_that_signs_in_otherwise_ends_the_connection_with_its_issues(
    pulse, admin, django_capture_on_commit_callbacks
):
    connection = connect(pulse)
    troubled(connection, (Kind.CONNECTION_EXHAUSTED, "Pulse"))
    Connection.objects.filter(pk=connection.pk).update(status="exhausted")
    moved(pulse, admin, CHECKED.replace("auth: { type: bearer }", "auth: { type: basic }"),
          django_capture_on_commit_callbacks)  # fmt: skip
    assert still_open() == set()
