"""A version is taken out by the desk: nobody installs it, its calls end or go on as each workspace says (F95)."""

import threading

import pytest
from django.db import connections, transaction
from django.db.utils import DatabaseError, IntegrityError

from galaxy.core.errors import Invalid
from galaxy.core.models import AuditEvent, Notification
from galaxy.core.permissions import NotGranted
from galaxy.core.scope import scope_with, workspace_scope
from registry.errors import AlreadyQuarantined, NeedsAnother, NotQuarantined, Quarantined
from registry.models import PackPin, PublisherMember, Quarantine, Version
from registry.reach import workspaces_of_versions
from registry.services import install, installing, move_pin, moving
from registry.services.quarantining import lift, quarantine, stop_versions, tell_of_quarantine
from sandbox.services import approval_was_decided, invoke, perform
from tests.approving import approve
from tests.extensions import PROBE, TIDY, installed, publish
from tests.playhouse import staged
from tests.registry.samples import connector, pack
from tests.registry.samples import publish as publish_sample

WHY = "It sends more than it says."
FLOW = """
pack: flow.two
version: 1.0.0
name: Two and one
summary: A made-up pack whose second step waits for a person.
requires: { probe: ^1.0, probe.tidy: ^1.0 }
inputs: { name: string }
steps:
  - { id: tidy, use: probe.tidy, with: { name: inputs.name, on: "'2026-01-02'" } }
  - { id: drop, use: probe.remove, with: { key: steps.tidy.title } }
  - { id: look, use: probe.look_up, with: { key: steps.drop.id } }
outcome: { name: dropped, success: steps.look.id, signal: downstream_state }
sample: { inputs: { name: A } }
"""


@pytest.fixture
@staged
def probe(workspace, admin):
    version = publish(PROBE)
    return install(workspace, version.extension, version=version, actor=admin)


def look_up(workspace, admin):
    return invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "a"})


def take_out(desk, version, reach="installs"):
    with scope_with(desk.workspace.pk):
        return quarantine(version, reach=reach, reason=WHY, actor=desk.reviewer)


def test_nobody_installs_it_or_moves_to_it_and_the_reason_is_told(desk, workspace, admin):
    first, second = publish_sample(connector()), publish_sample(connector("acme", "1.0.1", summary="Better."))
    held = install(workspace, first.extension, version=first, actor=admin)
    take_out(desk, second)
    for act in (lambda: move_pin(held, version=second, actor=admin),):
        with pytest.raises(Quarantined, match="sends more than it says") as refusal:
            act()
        assert refusal.value.status == 403
    assert second not in Version.objects.installable()
    other = publish_sample(connector("other"))
    take_out(desk, other, "calls")
    with pytest.raises(Quarantined):
        install(workspace, other.extension, version=other, actor=admin)


def test_what_is_stopped_is_refused_at_the_gate_and_at_the_claim_and_runs_again_once_it_is_lifted(
    desk, workspace, admin, probe
):
    waits = look_up(workspace, admin)
    take_out(desk, probe.pin.version, "calls")
    for run in (perform(waits.pk) or waits, look_up(workspace, admin)):
        run.refresh_from_db()
        assert (run.state, run.error["error_code"], run.error_category) == ("failed", "quarantined", "policy_block")
        assert WHY in run.error["sentence"]
    with scope_with(desk.workspace.pk):
        lift(probe.pin.version, reason="It was a false alarm.", actor=desk.second)
    assert perform(look_up(workspace, admin).pk).state == "succeeded"


@pytest.mark.parametrize(("says", "state"), [("go_on", "succeeded"), ("stop", "failed")])
def test_what_is_flagged_goes_on_as_the_workspace_says(desk, workspace, admin, probe, says, state):
    workspace.on_flagged = says
    workspace.save(update_fields=["on_flagged"])
    take_out(desk, probe.pin.version)
    run = look_up(workspace, admin)
    perform(run.pk)
    run.refresh_from_db()
    assert run.state == state


@pytest.mark.parametrize("stopped", ["probe", "flow.two"])
def test_a_pack_is_stopped_between_its_steps(desk, workspace, admin, approver, stopped):
    """While its second step waits for a person, its own version is stopped, or that of the step."""
    installed(workspace, admin, PROBE, TIDY, FLOW)
    run = perform(invoke(workspace, actor=admin, target="flow.two", inputs={"name": "a"}).pk)
    drop = run.steps.get(step_id="drop")
    assert (run.state, drop.state) == ("waiting", "waiting")
    take_out(desk, Version.objects.get(extension__slug=stopped), "calls")
    approve(drop.approval, approver)
    drop.approval.refresh_from_db()
    approval_was_decided(drop.approval)
    perform(run.pk)
    run.refresh_from_db()
    assert (run.state, run.error["error_code"], run.error_category) == ("failed", "quarantined", "policy_block")
    states = dict(run.steps.values_list("step_id", "state"))
    assert states["tidy"] == "succeeded" and states["drop"] != "succeeded" and "look" not in states


def test_a_call_is_not_tried_again_once_its_version_is_stopped(desk, workspace, admin, probe):
    """A step that fails for a time is tried again; between the tries its version is stopped."""
    from sandbox.runners import Reply
    from sandbox.runners.simulated import SimulatedRunner

    tries = []

    def fails(runner, inputs, number):
        tries.append(number)
        take_out(desk, probe.pin.version, "calls")
        return Reply(503)

    run = look_up(workspace, admin)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SimulatedRunner, "attempt", fails)
        perform(run.pk)
    run.refresh_from_db()
    assert (tries, run.error["error_code"]) == ([1], "quarantined")


def test_who_uses_it_is_told_once_each(desk, workspace, admin, probe, django_capture_on_commit_callbacks):
    row = take_out(desk, probe.pin.version, "calls")
    assert [tell_of_quarantine(row.pk), tell_of_quarantine(row.pk)] == [1, 0]
    event = AuditEvent.objects.in_workspace(workspace).get(action="quarantine.opened")
    assert event.target_id == str(probe.pk)
    news = Notification.objects.in_workspace(workspace).filter(kind="version_quarantined")
    assert WHY in news.get(person=admin).note
    with scope_with(desk.workspace.pk):
        assert AuditEvent.objects.in_workspace(desk.workspace).filter(action="quarantine.opened").count() == 1


def test_nobody_lets_out_what_they_publish(desk, probe):
    version = probe.pin.version
    PublisherMember.objects.create(publisher=version.extension.owner, user=desk.second)
    take_out(desk, version, "calls")
    with scope_with(desk.workspace.pk):
        with pytest.raises(NeedsAnother, match="those who publish"):
            lift(version, reason="It is fine.", actor=desk.second)
        assert Quarantine.objects.open().exists()
        lift(version, reason="It is fine.", actor=desk.reviewer)


def test_only_the_desk_decides_with_a_reason_and_one_at_a_time(desk, admin, probe):
    version = probe.pin.version
    with pytest.raises(NotGranted):
        quarantine(version, reach="calls", reason=WHY, actor=admin)
    with scope_with(desk.workspace.pk):
        for reason in ("", "x" * 501):
            with pytest.raises(Invalid):
                quarantine(version, reach="calls", reason=reason, actor=desk.reviewer)
        with pytest.raises(NotQuarantined):
            lift(version, reason=WHY, actor=desk.reviewer)
    take_out(desk, version)
    with pytest.raises(AlreadyQuarantined):
        take_out(desk, version)
    further = take_out(desk, version, "calls")
    assert Quarantine.objects.open().get() == further and Quarantine.objects.count() == 2


def test_the_database_keeps_what_was_decided(desk, probe):
    row = take_out(desk, probe.pin.version)
    for change in ({"reason": "Another."}, {"reach": "calls"}):
        with pytest.raises(DatabaseError, match="stays as it was decided"), transaction.atomic():
            Quarantine.objects.filter(pk=row.pk).update(**change)
    with pytest.raises(DatabaseError), transaction.atomic():
        row.delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        Quarantine.objects.create(version=row.version, reach="calls", reason=WHY)
    with pytest.raises(IntegrityError), transaction.atomic():
        Version.objects.filter(pk=row.version_id).update(quarantine="somehow")


def test_a_key_that_is_revoked_stops_what_it_vouched_for(probe):
    assert stop_versions([probe.pin.version_id], "Its key was revoked.") == 1
    assert stop_versions([probe.pin.version_id], "Its key was revoked.") == 0
    assert Version.objects.get(pk=probe.pin.version_id).quarantine == "stopped"


def test_who_uses_it_by_a_pin_of_one_pack_alone_is_told_as_well(desk, workspace, admin):
    first, second = publish_sample(connector()), publish_sample(connector("acme", "1.0.1", summary="Better."))
    held = install(workspace, first.extension, version=first, actor=admin)
    needing = publish_sample(pack())
    flow = install(workspace, needing.extension, version=needing, actor=admin)
    where = {"workspace": workspace, "installation": held, "pack": flow}
    PackPin.objects.create(version=second, digest=second.digest, reason="It needs it.", pinned_by=admin, **where)
    row = take_out(desk, second, "calls")
    assert tell_of_quarantine(row.pk) == 1
    assert workspaces_of_versions([first.pk, second.pk]) == {first.pk: 1, second.pk: 1}


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
@pytest.mark.parametrize("act", ["install", "move"])
def test_who_is_taking_it_in_at_that_moment_is_found_and_told(cast, desk, monkeypatch, act):
    workspace, admin = cast["meridian"], cast["admin"]
    first, second = publish_sample(connector()), publish_sample(connector("acme", "1.0.1", summary="Better."))
    if act == "move":
        with workspace_scope([workspace.pk], admin.pk):
            held = install(workspace, first.extension, version=first, actor=admin)

    def take_it_out():
        try:
            take_out(desk, second)
        finally:
            connections.close_all()

    desk_acts = threading.Thread(target=take_it_out)
    module = {"install": installing, "move": moving}[act]
    verify = module.verify

    def meanwhile(version):
        """After it was found free, and before anything is written."""
        desk_acts.start()
        desk_acts.join(timeout=0.5)
        assert desk_acts.is_alive()
        verify(version)

    monkeypatch.setattr(module, "verify", meanwhile)
    with workspace_scope([workspace.pk], admin.pk):
        if act == "install":
            install(workspace, second.extension, version=second, actor=admin)
        else:
            move_pin(held, version=second, actor=admin)
    desk_acts.join(timeout=20)
    tell_of_quarantine(Quarantine.objects.get(version=second).pk)
    with workspace_scope([workspace.pk], admin.pk):
        told = AuditEvent.objects.filter(action="quarantine.opened", workspace=workspace)
        assert told.count() == 1
