"""Asking for an upgrade replays nothing itself: a worker does, and the request rests on the report it wrote."""

import pytest
from django.urls import reverse
from django.utils import timezone

from policies.models import Approval, Change
from policies.services.changes import ask_upgrade, settle_decided
from policies.services.voting import decide_approval
from registry.gates import ReplayFirst
from registry.models import Pin
from registry.services import move_pin
from sandbox.models import UpgradePreview, UpgradeReport
from sandbox.upgrades.previews import work_on

RENAMED = (
    (
        "request_schema: { key: string, owner: email? }",
        "request_schema: { key: string, holder: email? }\n    renamed_from: { holder: owner }",
    ),
    ("owner: inputs.owner", "owner: inputs.holder"),
)


def form_of(probe, version):
    return {"kind": "upgrade", "installation": probe.pk, "to": version.digest, "reason": "Fixes"}


def test_the_request_calls_a_worker_and_leads_to_how_far_it_is(client_of, probe, called, newer, member, workspace):
    called("create", key="a")
    version, browser = newer(), client_of(member)
    page = f"{reverse('registry:pin-change', args=[workspace.slug, probe.pk])}?to={version.digest}"
    assert "Replay recorded calls, then ask" in browser.get(page).text
    assert not UpgradePreview.objects.exists(), "looking begins nothing"
    send = reverse("policies:change-create", args=[workspace.slug])
    answer = browser.post(send, form_of(probe, version))
    preview = UpgradePreview.objects.get()
    assert (answer.status_code, answer.url) == (302, preview.get_absolute_url())
    assert (preview.state, preview.asked_by) == ("queued", member)
    assert not Change.objects.exists() and not UpgradeReport.objects.exists()
    under_way = browser.get(page).text
    assert preview.get_absolute_url() in under_way and "Ask for it" not in under_way
    assert browser.post(send, form_of(probe, version)).url == preview.get_absolute_url()
    assert UpgradePreview.objects.count() == 1
    work_on(preview.pk)
    assert page in browser.get(preview.get_absolute_url()).text, "the way back to the move"
    assert "Ask for it" in browser.get(page).text
    browser.post(send, form_of(probe, version))
    assert Change.objects.get().approval.bound["report"] == UpgradeReport.objects.get().digest


def test_where_no_call_is_recorded_nothing_is_waited_for(probe, newer, member):
    change = ask_upgrade(probe, newer(), actor=member)
    assert change.approval.bound["report"] == UpgradeReport.objects.get().digest
    assert not UpgradePreview.objects.exists()


def test_a_version_that_calls_inputs_otherwise_is_moved_to_after_a_replay(
    client_of, probe, called, newer, admin, workspace
):
    called("create", key="a", owner="ann@example.test")
    version, browser = newer(*RENAMED), client_of(admin)
    page = reverse("registry:pin-change", args=[workspace.slug, probe.pk])
    told = browser.get(page, {"to": version.digest}).text
    assert "Replay recorded calls first" in told and not UpgradePreview.objects.exists()
    answer = browser.post(page, {"to": version.digest})
    preview = UpgradePreview.objects.get()
    assert answer.url == preview.get_absolute_url() and Pin.objects.get().digest != version.digest
    work_on(preview.pk)
    move_pin(probe, version=version, actor=admin)
    pin = Pin.objects.get()
    assert (pin.digest, pin.report) == (version.digest, UpgradeReport.objects.get().pk)


def test_a_replay_that_did_not_finish_is_told_and_begun_anew(probe, called, newer, member):
    called("create", key="a")
    version = newer()
    with pytest.raises(ReplayFirst):
        ask_upgrade(probe, version, actor=member)
    over = {"state": "failed", "failure": "It broke.", "finished_at": timezone.now()}
    UpgradePreview.objects.update(**over)
    with pytest.raises(ReplayFirst, match="did not finish: It broke") as refused:
        ask_upgrade(probe, version, actor=member)
    assert refused.value.is_stuck and UpgradePreview.objects.count() == 2


def test_what_moved_meanwhile_is_asked_again_once_a_worker_replayed_it(
    probe, called, newer, member, admin, approver, asked_after
):
    called("create", key="a")
    version, between = newer(), newer(number="1.5.0")
    change = asked_after(probe, version, actor=member)
    before = change.approval
    move_pin(probe, version=between, actor=admin)
    called("create", key="b")
    decide_approval(before, reviewer=approver, decision="approved", note="Fine", digest=before.digest)
    settle_decided()
    change.refresh_from_db()
    assert (change.state, change.approval) == ("waiting", before), "it waits for the worker"
    work_on(UpgradePreview.objects.latest("asked_at").pk)
    settle_decided()
    change.refresh_from_db()
    assert (change.state, change.approval.again) == ("waiting", before)
    assert "the version it is held at" in change.approval.facts["changed"]
    assert Approval.objects.filter(status="pending").count() == 1 and Pin.objects.get().digest == between.digest
