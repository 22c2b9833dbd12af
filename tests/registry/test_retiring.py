"""A version is deprecated with a last day 90 days away at least, told of in time, and ended aloud (F83, F84)."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError, IntegrityError
from django.utils import timezone

from galaxy.core.errors import Invalid
from galaxy.core.models import AuditEvent, Notification
from galaxy.core.scope import scope_with
from registry.errors import AlreadyEnded, AlreadyYanked, NotDeprecated, NotInstallable, NotPublisher
from registry.models import EndNotice, Installation, Version
from registry.services import ending, install, move_pin
from registry.services.ending import Proof, end_versions, notice_due, tell_of_endings
from registry.services.retiring import deprecate, undo_deprecation, yank
from sandbox.services import invoke, perform
from tests.registry.samples import action, connector, pack, publish

WHY = "Its API is switched off."


@pytest.fixture
def acme():
    return publish(connector()), publish(connector("acme", "1.0.1", summary="The next one."))


@pytest.fixture
def held(workspace, admin, acme):
    return install(workspace, acme[0].extension, version=acme[0], actor=admin)


@pytest.fixture
def no_prover(monkeypatch):
    monkeypatch.setattr(ending, "_provers", [])


def in_days(days):
    return timezone.now().date() + timedelta(days=days)


def retire(desk, version, days=90, **more):
    with scope_with(desk.workspace.pk):
        return deprecate(version, ends_on=in_days(days), reason=WHY, actor=desk.reviewer, **more)


def test_a_date_of_60_days_is_refused_and_the_database_refuses_it_too(desk, acme):
    with pytest.raises(Invalid, match="too soon") as refusal:
        retire(desk, acme[0], 60)
    assert "earliest" in refusal.value.fields["ends_on"]
    late = Version.objects.filter(pk=acme[0].pk)
    for days, error in ((60, IntegrityError), (89, IntegrityError)):
        with pytest.raises(error), transaction.atomic():
            late.update(deprecated_at=timezone.now(), retire_reason=WHY, ends_on=in_days(days))
    with pytest.raises(DatabaseError, match="dated back"), transaction.atomic():
        then = timezone.now() - timedelta(days=90)
        late.update(deprecated_at=then, retire_reason=WHY, ends_on=in_days(1))
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE registry_version SET deprecated_at = now(), ends_on = current_date + 60, retire_reason = 'x'"
            " WHERE id = %s",
            [acme[0].pk],
        )
    retire(desk, acme[0], 90)


def test_a_deprecated_version_is_installed_by_nobody_and_says_what_to_take(desk, workspace, admin, acme):
    retire(desk, acme[0], successor=acme[1])
    with pytest.raises(NotInstallable, match=r"deprecated and ends on .*switched off.* Take 1\.0\.1 instead"):
        install(workspace, acme[0].extension, version=Version.objects.get(pk=acme[0].pk), actor=admin)
    with scope_with(desk.workspace.pk):
        assert AuditEvent.objects.in_workspace(desk.workspace).filter(action="version.deprecated").count() == 1


def test_its_last_day_may_be_put_off_and_not_brought_forward(desk, acme):
    retire(desk, acme[0], 120)
    with pytest.raises(Invalid):
        retire(desk, acme[0], 100)
    assert retire(desk, acme[0], 150).ends_on == in_days(150)
    with scope_with(desk.workspace.pk):
        undone = undo_deprecation(acme[0], reason="It stays.", actor=desk.reviewer)
        assert (undone.status, undone.ends_on) == ("published", None)
        with pytest.raises(NotDeprecated):
            undo_deprecation(acme[0], reason="It stays.", actor=desk.reviewer)


def test_only_who_publishes_it_or_the_desk_may(desk, admin, acme):
    with pytest.raises(NotPublisher):
        deprecate(acme[0], ends_on=in_days(90), reason=WHY, actor=admin)
    with pytest.raises(NotPublisher):
        yank(acme[0], reason=WHY, actor=admin)


def test_a_yanked_version_stays_yanked_and_runs_on_where_it_is(desk, workspace, admin, acme, held):
    with scope_with(desk.workspace.pk):
        yank(acme[0], reason=WHY, actor=desk.reviewer)
        with pytest.raises(AlreadyYanked):
            yank(acme[0], reason=WHY, actor=desk.reviewer)
    with pytest.raises(NotInstallable, match="took it back"):
        move_pin(held, version=Version.objects.get(pk=acme[0].pk), actor=admin)
    with pytest.raises(DatabaseError, match="stays yanked"), transaction.atomic():
        Version.objects.filter(pk=acme[0].pk).update(status="published", yanked_at=None, yank_reason="")
    run = invoke(workspace, actor=admin, target="acme.create_thing", inputs={"title": "a"}, simulate=True)
    assert run.error is None


@pytest.mark.parametrize(
    ("left", "due"), [(91, None), (90, 90), (61, 90), (60, 60), (31, 60), (8, 30), (7, 7), (2, 7), (1, 1)]
)
def test_which_notice_is_due(left, due):
    assert notice_due(left) == due


def test_notices_go_out_at_each_mark_once_with_the_packs_that_are_hit(desk, workspace, admin, held, acme):
    needing = publish(pack())
    install(workspace, needing.extension, version=needing, actor=admin)
    retire(desk, acme[0], 90, successor=acme[1])
    now = timezone.now()
    told = [tell_of_endings(now + timedelta(days=day)) for day in (0, 0, 10, 30, 60, 83, 89, 89)]
    assert told == [1, 0, 0, 1, 1, 1, 1, 0]
    assert sorted(EndNotice.objects.values_list("days", flat=True)) == [1, 7, 30, 60, 90]
    news = Notification.objects.in_workspace(workspace).get(kind="version_ending", person=admin)
    assert "Move to 1.0.1." in news.note and "Used by Keep things." in news.note and WHY in news.note


def after_the_end(days=91):
    return timezone.now() + timedelta(days=days)


def test_on_the_day_it_is_moved_where_that_is_proven_safe(desk, workspace, admin, held, acme, monkeypatch):
    asked = []
    monkeypatch.setattr(ending, "_provers", [lambda one, to: asked.append((one, to)) or Proof(True)])
    retire(desk, acme[0], successor=acme[1])
    assert (end_versions(), end_versions(after_the_end()), end_versions(after_the_end())) == (0, 1, 0)
    held = Installation.objects.get(pk=held.pk)
    assert (held.pin.version, held.paused_at) == (acme[1], None) and asked == [(held, acme[1])]
    assert "came to its end" in held.pin.reason
    assert Notification.objects.filter(kind="version_ended_moved", person=admin).exists()


@pytest.mark.parametrize("why", ["no successor", "not proven", "asks for more", "nobody proves"])
def test_on_the_day_it_is_paused_where_it_is_not_and_the_next_call_says_so(
    desk, workspace, admin, held, acme, monkeypatch, why
):
    wider = publish(connector("acme", "1.1.0", action() + action(id="drop", scope="things.delete", method="DELETE")))
    prover = [] if why == "nobody proves" else [lambda one, to: Proof(why == "asks for more", ("A field is gone.",))]
    monkeypatch.setattr(ending, "_provers", prover)
    successor = {"no successor": None, "asks for more": wider}.get(why, acme[1])
    retire(desk, acme[0], successor=successor)
    assert (end_versions(after_the_end()), end_versions(after_the_end())) == (1, 0)
    held = Installation.objects.get(pk=held.pk)
    assert held.pin.version == acme[0] and held.paused_at and "came to its end" in held.paused_reason
    assert Notification.objects.filter(kind="installation_paused", person=admin).exists()
    assert AuditEvent.objects.filter(action="installation.paused").count() == 1
    run = invoke(workspace, actor=admin, target="acme.create_thing", inputs={"title": "a"}, simulate=True)
    assert (run.state, run.error["error_code"]) == ("failed", "paused")
    move_pin(held, version=wider if why == "asks for more" else acme[1], actor=admin, agrees=True)
    assert Installation.objects.get(pk=held.pk).paused_at is None
    with scope_with(desk.workspace.pk), pytest.raises(AlreadyEnded):
        undo_deprecation(acme[0], reason="Too late.", actor=desk.reviewer, now=after_the_end())


@pytest.mark.parametrize("is_kept", [True, False], ids=["moved", "paused"])
def test_the_replay_of_what_was_called_here_decides(desk, workspace, admin, acme, is_kept):
    """No prover of the test's own: what sandbox registers replays the recorded call."""
    other = action().replace("answer: { id: inputs.title }", "answer: { id: \"'always this'\" }")
    successor = acme[1] if is_kept else publish(connector("acme", "1.0.2", other))
    one = install(workspace, acme[0].extension, version=acme[0], actor=admin)
    run = perform(invoke(workspace, actor=admin, target="acme.create_thing", inputs={"title": "a"}, simulate=True).pk)
    assert run.state == "succeeded"
    retire(desk, acme[0], successor=successor)
    assert end_versions(after_the_end()) == 1
    one = Installation.objects.get(pk=one.pk)
    assert (one.pin.version == successor, one.paused_at is None) == (is_kept, is_kept), one.paused_reason
