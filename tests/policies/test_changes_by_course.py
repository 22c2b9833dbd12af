"""A roll-out that is asked for: its course is shown, agreed to and carried out, and no other one."""

import json
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from galaxy.core.errors import Invalid
from galaxy.core.models import AuditDetail, AuditEvent
from galaxy.core.permissions import NotGranted
from policies.models import Approval, Change
from policies.services.changes import ask_upgrade
from policies.subjects import subject_of
from registry.courses import Course
from registry.errors import ConsentNeeded, NotInstallable
from registry.gates import NeedsApproval
from registry.models import Installation, Pin, RollOut
from registry.services import install, uninstall
from registry.updates.rollouts import AlreadyRollingOut, advance_rollout, finish_rollout, start_rollout
from tests.registry.samples import action, connector, pack, publish

SLOW = Course(stages=((10, 24), (100, 48)), least_calls=50, tolerance=1)
WIDER = action() + action(id="drop_thing", scope="things.delete", method="DELETE")


@pytest.fixture
def held(workspace, admin):
    version = publish(connector("acme", "1.0.0"))
    return install(workspace, version.extension, version=version, actor=admin)


@pytest.fixture
def newer(held):
    return publish(connector("acme", "1.1.0"))


@pytest.fixture
def asked(held, newer, member):
    return ask_upgrade(held, newer, actor=member, course=SLOW, reason="Slowly")


def test_a_yes_begins_it_by_just_that_course(asked, held, newer, member, say):
    assert (asked.state, RollOut.objects.count()) == ("waiting", 0)
    say(asked)
    rollout = RollOut.objects.get()
    assert asked.state == "made" and Pin.objects.get().version.number == "1.0.0"
    assert (rollout.version, rollout.started_by, rollout.approval) == (newer, member, asked.approval_id)
    assert (rollout.stages, rollout.percent) == ([{"percent": 10, "hours": 24}, {"percent": 100, "hours": 48}], 10)
    assert (rollout.least_calls, rollout.tolerance) == (50, 1)
    event = AuditEvent.objects.get(action="rollout.started")
    fields = AuditDetail.objects.get(event_id=event.pk).fields
    assert [link["kind"] for link in fields["actor.chain"]] == ["person", "approval"]
    assert Approval.objects.get().consumed_at is not None


def test_who_decides_reads_how_it_comes_in(asked, approver, client_of):
    assert asked.approval.summary == "Roll out Acme 1.1.0 step by step"
    facts = dict(subject_of(asked.approval).show(asked.approval, approver).facts)
    goes, stops = facts["How it comes in"]
    assert "10 % of the runs for 24 hours, then 100 % of the runs for 48 hours; then everything takes 1.1.0" in goes
    assert "after 50 calls of a step, once they fail by 1 percentage point more than those of 1.0.0" in stops
    for page in (asked.approval.get_absolute_url(), asked.get_absolute_url()):
        told = client_of(approver).get(page).content.decode()
        assert "How it comes in" in told and "10 % of the runs for 24 hours" in told


def test_another_course_is_another_request_and_the_same_is_the_same(asked, held, newer, member):
    assert ask_upgrade(held, newer, actor=member, course=SLOW) == asked
    for course in (
        Course(stages=((20, 24), (100, 48)), least_calls=50, tolerance=1),
        Course(stages=SLOW.stages, least_calls=20, tolerance=1),
        Course(stages=SLOW.stages, least_calls=50, tolerance=2),
        None,
    ):
        other = ask_upgrade(held, newer, actor=member, course=course)
        assert other != asked
        assert other.approval.digest != asked.approval.digest and other.approval.shape != asked.approval.shape
    assert Approval.objects.filter(status="pending").count() == 5


def test_a_course_that_was_altered_behind_its_back_is_not_carried_out(asked, say):
    """As by whoever can write to the table and not to what was approved."""
    whole = Course(stages=((100, 1),), least_calls=50, tolerance=50).as_json()
    Change.objects.filter(pk=asked.pk).update(course=whole)
    before = asked.approval
    say(asked)
    assert (asked.state, RollOut.objects.count()) == ("waiting", 0)
    assert asked.approval.again == before and "how it comes in, step by step" in asked.approval.facts["changed"]


def test_the_yes_to_a_roll_out_is_none_to_the_move_at_once(asked, admin, say, rule):
    rule("require_approval", acts=["upgrade"])
    say(say(asked))  # the rule came after the request, so it is asked for once more
    rollout = RollOut.objects.get()
    for hurry in (advance_rollout, finish_rollout):
        with pytest.raises(NeedsApproval, match="agreed to step by step"):
            hurry(rollout, by=admin)
    rollout.refresh_from_db()
    assert (rollout.stage, Pin.objects.get().version.number) == (0, "1.0.0")
    advance_rollout(rollout, by=None)  # its hours are over
    advance_rollout(rollout, by=None)
    pin = Pin.objects.select_related("version").get()
    assert (pin.version.number, pin.approval) == ("1.1.0", asked.approval_id)


def test_where_nothing_stands_in_the_way_by_then_it_may_be_hurried(asked, admin, say):
    say(asked)
    finish_rollout(RollOut.objects.get(), by=admin)
    assert Pin.objects.select_related("version").get().version.number == "1.1.0"


def test_the_move_at_once_can_be_asked_for_while_it_goes(asked, held, newer, member, say):
    say(asked)
    whole = ask_upgrade(Installation.objects.get(pk=held.pk), newer, actor=member)
    say(whole)
    assert (RollOut.objects.get().state, Pin.objects.select_related("version").get().version.number) == (
        "returned", "1.1.0",
    )  # fmt: skip


def test_what_is_new_is_named_before_it_is_asked_for(held, member, say):
    wider = publish(connector("acme", "1.2.0", WIDER))
    with pytest.raises(ConsentNeeded):
        ask_upgrade(held, wider, actor=member, course=SLOW)
    with pytest.raises(Invalid, match="cannot stay off"):
        ask_upgrade(held, wider, actor=member, course=SLOW, keeps=True)
    say(ask_upgrade(held, wider, actor=member, course=SLOW, agreed=["things.delete"]))
    held.refresh_from_db()
    assert "things.delete" in held.scopes


def test_what_cannot_begin_is_not_asked_for(held, newer, admin, member):
    with pytest.raises(Invalid, match="more than the one before"):
        ask_upgrade(held, newer, actor=member, course=Course(stages=((50, 24), (50, 24))))
    with pytest.raises(Invalid, match="Not all of them call it"):
        ask_upgrade(held, newer, actor=member, course=Course(packs=(held,)))
    with pytest.raises(NotInstallable):
        ask_upgrade(held, held.pin.version, actor=member, course=SLOW)
    start_rollout(held, version=newer, actor=admin, course=SLOW)
    with pytest.raises(AlreadyRollingOut):
        ask_upgrade(held, newer, actor=member, course=SLOW)
    assert not Change.objects.exists()


def test_packs_go_first_and_one_that_was_removed_makes_it_fail(workspace, held, newer, admin, member, say):
    flow = publish(pack("things.keep", needs="acme"))
    caller = install(workspace, flow.extension, version=flow, actor=admin)
    course = Course(stages=((100, 12),), packs=(caller,))
    first = ask_upgrade(held, newer, actor=member, course=course)
    assert f"{flow.extension.name} for 12 hours" in first.approval.facts["course"][0]
    say(first)
    rollout = RollOut.objects.get()
    assert (rollout.way, [one.pack for one in rollout.packs.all()]) == ("packs", [caller])
    finish_rollout(rollout, by=admin)
    late = ask_upgrade(
        Installation.objects.get(pk=held.pk), publish(connector("acme", "1.1.1")), actor=member, course=course
    )
    uninstall(caller, actor=admin)
    say(late)
    assert late.state == "failed" and "Not all of them call it" in late.error


def test_only_an_upgrade_has_a_course(asked):
    with pytest.raises(IntegrityError), transaction.atomic():
        Change.objects.filter(pk=asked.pk).update(kind="widen")
    with pytest.raises(IntegrityError), transaction.atomic():
        Change.objects.filter(pk=asked.pk).update(keeps=True)


def test_the_page_of_the_roll_out_asks_for_what_its_form_says(workspace, held, newer, member, client_of):
    browser = client_of(member)
    page = reverse("registry:roll-out-create", args=[workspace.slug, held.pk])
    told = browser.get(f"{page}?to={newer.digest}").content.decode()
    send = reverse("policies:change-create", args=[workspace.slug])
    assert f'formaction="{send}"' in told and 'name="course"' in told
    form = {
        "kind": "upgrade",
        "installation": str(held.pk),
        "to": newer.digest,
        "course": "1",
        "way": "percent",
        "stages": "10 % for 24 h\n100 % for 48 h",
        "hours": "24",
        "least_calls": "50",
        "tolerance": "1",
        "reason": "Slowly",
    }
    wrong = browser.post(send, form | {"stages": "ten"})
    assert wrong.status_code == 422 and "is not of the form" in wrong.content.decode()
    backwards = browser.post(send, form | {"stages": "50 % for 24 h\n10 % for 24 h"})
    assert backwards.status_code == 422 and "more than the one before" in backwards.content.decode()
    assert not Change.objects.exists()
    answer = browser.post(send, form)
    change = Change.objects.get()
    assert answer.status_code == 302 and change.course == SLOW.as_json()
    again = browser.get(f"{page}?to={newer.digest}").content.decode()
    assert change.get_absolute_url() in again
    assert (
        change.get_absolute_url()
        not in browser.get(
            f"{reverse('registry:pin-change', args=[workspace.slug, held.pk])}?to={newer.digest}"
        ).content.decode()
    )


def test_the_page_of_one_that_was_agreed_to_leaves_it_its_hours(asked, admin, member, client_of, say, rule):
    rule("require_approval", acts=["upgrade"])
    say(say(asked))
    rollout = RollOut.objects.get()
    page = client_of(admin).get(rollout.get_absolute_url()).content.decode()
    assert "it takes its hours" in page and 'value="finish"' not in page and 'value="stop"' in page
    assert asked.approval.get_absolute_url() in page
    assert rollout.get_absolute_url() in client_of(member).get(asked.get_absolute_url()).content.decode()
    refused = client_of(admin).post(
        reverse("registry:roll-out-decision", args=[rollout.workspace.slug, rollout.pk]), {"act": "finish"}
    )
    assert refused.status_code == 409 and Pin.objects.select_related("version").get().version.number == "1.0.0"


def test_who_may_not_pin_hurries_nothing(asked, member, say):
    say(asked)
    with pytest.raises(NotGranted):
        finish_rollout(RollOut.objects.get(), by=member)


def test_a_course_reads_back_as_it_was_written(workspace, held):
    for course in (SLOW, Course(), Course(stages=((100, 3),), packs=(held,))):
        written = json.loads(json.dumps(course.as_json()))
        assert Course.from_json(written, workspace).as_json() == written
    lost = SLOW.as_json() | {"packs": [str(uuid4())]}
    assert Course.from_json(lost, workspace).packs == ()
