"""The rollback drill before going forward: what has no way back takes an override, a reason and a second person."""

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone

from policies.errors import SelfApproval
from policies.models import Approval, Change
from policies.services.changes import OverrideNeeded, act_upon, ask_upgrade
from policies.services.voting import decide_approval
from registry.gates import NeedsApproval
from registry.models import Connection, Pin, Version
from registry.rollback.checks import checks_of
from registry.services import move_pin
from sandbox.models import Run, UpgradeReport
from sandbox.upgrades.drill import drill
from sandbox.upgrades.report import preview

SIGNS_IN_OTHERWISE = (("auth: { type: bearer }", "auth: { type: api_key }"),)
WHY = "The vendor ends bearer tokens in May."


@pytest.fixture
def connected(probe):
    Connection.objects.filter(installation=probe).update(status="authenticated")
    return probe


def approve(approval, by):
    """What follows from a yes follows the commit, and no test commits."""
    decide_approval(approval, reviewer=by, decision="approved", note="Fine.", digest=approval.digest, factor="totp")
    act_upon(Approval.objects.select_related("workspace").get(pk=approval.pk))


def number() -> str:
    return Pin.objects.get().version.number


def test_the_drill_says_until_when_one_can_return_or_why_not(probe, newer, called):
    called("create", key="a")
    version = newer(*SIGNS_IN_OTHERWISE)
    assert drill(probe, version).sentence == "You can return at any time."  # nobody is connected
    Connection.objects.filter(installation=probe).update(status="authenticated")
    back = drill(probe, version)
    assert not back.is_way_back and "Going back does not connect it again." in back.sentence
    report = preview(probe, version)
    assert not report.is_way_back and report.one_way == list(back.one_way)
    assert drill(probe, newer(number="1.2.0")).is_way_back
    Version.objects.filter(number="1.0.0").update(status="yanked")
    probe.pin.version.refresh_from_db()
    left = drill(probe, newer(number="1.3.0"))
    assert left.is_way_back and "was yanked" in left.sentence and "leaving it is no loss" in left.sentence


def test_what_has_no_way_back_is_not_simply_moved(client_of, connected, newer, admin):
    version = newer(*SIGNS_IN_OTHERWISE)
    with pytest.raises(NeedsApproval, match="no proven way back"):
        move_pin(connected, version=version, actor=admin)
    page = client_of(admin).get(reverse("registry:pin-change", args=["meridian", connected.pk]), {"to": version.digest})
    assert (
        "One-way." in page.text and "I want it although there is no way back" in page.text and "Ask for it" in page.text
    )
    assert number() == "1.0.0"


def test_it_takes_an_override_a_reason_and_a_second_person(client_of, connected, newer, admin, approver):
    version = newer(*SIGNS_IN_OTHERWISE)
    for refused in ({}, {"override": True}, {"override": True, "reason": " "}, {"reason": WHY}):
        with pytest.raises(OverrideNeeded, match="no proven way back"):
            ask_upgrade(connected, version, actor=admin, **refused)
    assert not Change.objects.exists()
    form = {"kind": "upgrade", "installation": connected.pk, "to": version.digest, "override": "1", "reason": WHY}
    client_of(admin).post(reverse("policies:change-create", args=["meridian"]), form)
    change = Change.objects.get()
    assert (change.override, change.reason, change.state) == (True, WHY, "waiting")
    approval = change.approval
    with pytest.raises(SelfApproval):
        approve(approval, admin)
    assert number() == "1.0.0"
    page = client_of(approver).get(approval.get_absolute_url()).text
    assert "One-way:" in page and "They saw that there is no way back." in page
    approve(approval, approver)
    change.refresh_from_db()
    assert (change.state, number()) == ("made", "2.0.0")


def test_the_database_keeps_that_an_override_has_a_reason(connected, newer, admin):
    change = ask_upgrade(connected, newer(*SIGNS_IN_OTHERWISE), actor=admin, override=True, reason=WHY)
    with pytest.raises(IntegrityError, match="change_override_has_reason"), transaction.atomic():
        Change.objects.filter(pk=change.pk).update(reason="")


def test_a_yes_is_to_this_report_and_asked_anew_after_another(
    probe, called, newer, member, approver, admin, asked_after
):
    """I1: the digest of the report is part of what an approval is bound to."""
    called("create", key="a")
    version = newer()
    change = asked_after(probe, version, actor=member, reason="Fixes.")
    report = UpgradeReport.objects.get()
    approval = change.approval
    assert approval.bound["report"] == report.digest
    assert approval.facts["replay"] == "1 recorded call replayed: all answered the same."
    called("create", key="b")
    other = preview(probe, version, actor=admin)  # somebody replays again, and more was called meanwhile
    assert other.digest != report.digest
    approve(approval, approver)
    change.refresh_from_db()
    assert change.state == "waiting" and change.approval_id != approval.pk
    assert change.approval.facts["changed"] == ["what the replay of recorded calls said"]
    assert number() == "1.0.0"


def test_a_way_back_that_is_gone_by_then_stops_it(probe, newer, member, approver):
    change = ask_upgrade(probe, newer(*SIGNS_IN_OTHERWISE), actor=member, reason="Fixes.")
    assert not change.override  # there was a way back when it was asked for
    Connection.objects.filter(installation=probe).update(status="authenticated")
    approve(change.approval, approver)
    change.refresh_from_db()
    assert change.state == "failed" and "no proven way back" in change.error and number() == "1.0.0"


def test_a_row_of_the_timeline_leads_to_the_approval_and_on_to_the_report(
    client_of, probe, called, newer, member, approver, admin, asked_after
):
    """F89, in two clicks."""
    called("create", key="a")
    change = asked_after(probe, newer(), actor=member, reason="Fixes the notes.")
    approve(change.approval, approver)
    report = UpgradeReport.objects.get()
    pin = Pin.objects.get()
    assert (pin.approval, pin.report, pin.reason) == (change.approval_id, report.pk, "Fixes the notes.")
    client = client_of(admin)
    page = client.get(probe.get_absolute_url()).text
    approval_url = Approval.objects.get().get_absolute_url()
    assert "“Fixes the notes.”" in page and f'href="{approval_url}"' in page
    assert f'href="{report.get_absolute_url()}"' in page  # and straight from the row as well
    assert f'href="{report.get_absolute_url()}"' in client.get(approval_url).text
    assert client.get(report.get_absolute_url()).status_code == 200


def test_a_rollback_tells_of_live_calls_alone(workspace, admin, probe, called, newer):
    """What was simulated wrote nothing anywhere."""
    run = called("create", key="a")
    version = newer(number="0.9.0")
    now = timezone.now()
    Run.objects.filter(pk=run.pk).update(effect_started_at=now)
    assert "written" not in {one.code for one in checks_of(probe, version, admin)}
    Run.objects.filter(pk=run.pk).update(mode="live", scenario="")
    told = next(one for one in checks_of(probe, version, admin) if one.code == "written")
    assert told.title == "Does not roll back: 1 live call made with 1.0.0"
