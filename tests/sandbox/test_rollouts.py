"""Roll-outs: who takes the new version, what stops it, and where it ends."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from galaxy.core.errors import Invalid
from galaxy.core.models import AuditDetail, AuditEvent, Notification
from galaxy.core.permissions import NotGranted
from registry.errors import ConsentNeeded, HeldHere, NotInstallable
from registry.models import Installation, Pin, RollOut, Version
from registry.services import install, move_pin, resolve, uninstall
from registry.services.choosing import BUCKETS, bucket_of
from registry.updates import plan
from registry.updates.rollouts import (
    AlreadyRollingOut,
    Course,
    NotNow,
    advance_rollout,
    finish_rollout,
    resume_rollout,
    return_rollout,
    start_rollout,
    stop_rollout,
)
from registry.updates.rules import hold, set_defaults
from sandbox.health.objective import Tally
from sandbox.models import Run
from sandbox.rollouts import Figures, figures_of, is_too_bad, tend_rollouts
from sandbox.services import invoke
from tests.registry.samples import action, connector, pack, publish
from tests.sandbox.run_rows import make_decision, make_run

HALF = Course(stages=((50, 24), (100, 24)), least_calls=20)


@pytest.fixture
def old(db):
    return publish(connector("acme", "1.2.0"))


@pytest.fixture
def new(db, old):
    return publish(connector("acme", "1.3.0"))


@pytest.fixture
def held(workspace, admin, old):
    return install(workspace, old.extension, version=old, actor=admin)


@pytest.fixture
def rollout(held, new, admin):
    return start_rollout(held, version=new, actor=admin, course=HALF)


def taken(workspace, key: str, **more) -> str:
    return resolve(workspace, "acme.create_thing", key=key, **more).version.number


def pinned(held) -> str:
    return Pin.objects.select_related("version").get(installation=held).version.number


def calls(held, admin, version, count: int, bad: int) -> None:
    """``count`` live calls of ``version``, the first ``bad`` of which failed."""
    decision = make_decision(held.workspace)
    for number in range(count):
        state = "failed" if number < bad else "succeeded"
        more = {"mode": "live", "scenario": "", "state": state, "created_at": timezone.now(), "decision": decision}
        make_run(held.workspace, held, admin, version=version, version_digest=version.digest, **more)


def test_a_share_of_the_runs_takes_it_and_the_same_run_always_the_same(workspace, rollout, django_assert_num_queries):
    keys = [f"run {number}" for number in range(400)]
    first = [taken(workspace, key) for key in keys]
    assert [taken(workspace, key) for key in keys] == first
    assert 150 < first.count("1.3.0") < 250
    assert taken(workspace, "") == "1.2.0"
    with django_assert_num_queries(1):
        taken(workspace, "once more")


def test_who_is_in_stays_in_when_the_share_grows(workspace, rollout, admin):
    keys = [f"run {number}" for number in range(100)]
    before = {key for key in keys if taken(workspace, key) == "1.3.0"}
    RollOut.objects.filter(pk=rollout.pk).update(percent=75)
    after = {key for key in keys if taken(workspace, key) == "1.3.0"}
    assert before < after


def test_buckets_are_even_and_unlike_for_another_rollout():
    one, other = uuid4(), uuid4()
    found = [bucket_of(one, str(number)) for number in range(2000)]
    assert all(0 <= bucket < BUCKETS for bucket in found)
    assert 850 < sum(bucket < BUCKETS // 2 for bucket in found) < 1150
    assert found != [bucket_of(other, str(number)) for number in range(2000)]


def test_the_run_keeps_what_it_took_and_a_repeated_request_takes_the_same(workspace, rollout, admin, old, new):
    key = next(str(number) for number in range(100) if taken(workspace, str(number)) == "1.3.0")
    asked = {"actor": admin, "target": "acme.create_thing", "inputs": {"title": "A"}, "simulate": True}
    with transaction.atomic():
        lost = invoke(workspace, idempotency_key=key, **asked)
        transaction.set_rollback(True)  # whoever asked died with it, and asks again
    run = invoke(workspace, idempotency_key=key, **asked)
    assert lost.version_digest == run.version_digest == new.digest
    stop_rollout(rollout, by=admin, why="Looking at it.")
    run.refresh_from_db()
    assert (run.version, taken(workspace, key)) == (new, "1.2.0")
    without = [invoke(workspace, **asked).version_digest for _ in range(3)]
    assert without == [old.digest] * 3


def test_a_run_without_a_key_goes_by_its_id(workspace, rollout, admin):
    for _ in range(12):
        run = invoke(workspace, actor=admin, target="acme.create_thing", inputs={"title": "A"}, simulate=True)
        assert run.version.number == taken(workspace, str(run.pk))


def test_by_pack_the_named_ones_take_it_and_nobody_else(workspace, held, new, admin):
    packs = []
    for slug in ("one.keep", "other.keep"):
        version = publish(pack(slug))
        packs.append(install(workspace, version.extension, version=version, actor=admin))
    start_rollout(held, version=new, actor=admin, course=Course(packs=packs[:1]))
    found = [taken(workspace, "any", pack=one.pk) for one in packs]
    assert (found, taken(workspace, "any")) == (["1.3.0", "1.2.0"], "1.2.0")


def test_twenty_per_cent_of_errors_stop_it_and_the_runs_return(
    workspace, held, rollout, old, new, admin, owner, client_of
):
    """F87."""
    calls(held, admin, old, 40, 0)
    calls(held, admin, new, 19, 4)
    assert tend_rollouts() == 0  # too few to say anything
    calls(held, admin, new, 1, 0)
    assert figures_of(rollout) == Figures(Tally(16, 4), Tally(40, 0))
    assert [tend_rollouts(), tend_rollouts()] == [1, 0]
    rollout.refresh_from_db()
    assert (rollout.state, rollout.figures["bad"], pinned(held)) == ("stopped", 4, "1.2.0")
    assert "1.3.0 fails too often: 20.00 % of 20 calls failed" in rollout.why
    page = client_of(admin).get(rollout.get_absolute_url()).text
    first = '<button class="btn btn-primary" name="act" value="return">'
    assert "Stopped by itself" in page and "fill-bad" in page and first in page
    assert '<button class="btn" name="act" value="resume">' in page
    assert {taken(workspace, str(number)) for number in range(50)} == {"1.2.0"}
    event = AuditEvent.objects.get(action="rollout.stopped")
    fields = AuditDetail.objects.get(event_id=event.pk).fields
    assert (fields["actor.chain"][0]["kind"], fields["after.bad"]) == ("system", 4)
    assert Notification.objects.filter(kind="rollout_stopped", person=owner).exists()


@pytest.mark.parametrize(
    ("new", "before", "is_stopped"),
    [
        (Tally(16, 4), Tally(100, 0), True),
        (Tally(16, 4), Tally(), True),  # nothing to compare with: the objective stands in
        (Tally(15, 4), Tally(100, 0), False),  # 19 calls
        (Tally(98, 2), Tally(100, 0), False),  # two failures are an accident
        (Tally(16, 4), Tally(80, 20), False),  # it failed as often before
        (Tally(950, 50), Tally(970, 30), False),  # two points above, and no more than chance
        (Tally(9500, 500), Tally(9700, 300), True),
        (Tally(9850, 150), Tally(10_000, 0), False),  # sure, and within the tolerance
    ],
)
def test_the_rule_that_stops(new, before, is_stopped):
    assert is_too_bad(Figures(new, before), least_calls=20, tolerance=2) is is_stopped


def test_a_stage_that_went_well_leads_to_the_next_and_the_last_to_the_pin(workspace, held, rollout, old, new, admin):
    calls(held, admin, new, 25, 0)
    assert tend_rollouts() == 0  # its hours are not over
    assert tend_rollouts(timezone.now() + timedelta(hours=25)) == 1
    rollout.refresh_from_db()
    assert (rollout.stage, rollout.percent, pinned(held)) == (1, 100, "1.2.0")
    assert tend_rollouts(timezone.now() + timedelta(hours=50)) == 0  # each stage has calls of its own
    calls(held, admin, new, 25, 0)
    assert tend_rollouts(timezone.now() + timedelta(hours=50)) == 1
    rollout.refresh_from_db()
    assert (rollout.state, pinned(held)) == ("finished", "1.3.0")
    move = AuditEvent.objects.get(action="pin.moved")
    chain = AuditDetail.objects.get(event_id=move.pk).fields["actor.chain"]
    assert [link["kind"] for link in chain] == ["person", "system"]


def test_stopped_it_goes_on_or_returns_and_over_it_is_over(held, rollout, admin, member):
    with pytest.raises(NotGranted):
        stop_rollout(rollout, by=member, why="No.")
    with pytest.raises(NotNow):
        resume_rollout(rollout, by=admin)
    stop_rollout(rollout, by=admin, why="A look at it.")
    with pytest.raises(NotNow):
        advance_rollout(rollout, by=admin)
    resume_rollout(rollout, by=admin)
    advance_rollout(rollout, by=admin)
    with pytest.raises(Invalid):
        return_rollout(rollout, by=admin, why=" ")
    return_rollout(rollout, by=admin, why="It is slower.")
    for act in (lambda: finish_rollout(rollout, by=admin), lambda: stop_rollout(rollout, by=admin, why="x")):
        with pytest.raises(NotNow):
            act()
    assert pinned(held) == "1.2.0"
    told = AuditEvent.objects.filter(action__startswith="rollout.").order_by("pk").values_list("action", flat=True)
    assert [one.removeprefix("rollout.") for one in told] == ["started", "stopped", "resumed", "advanced", "returned"]


def test_what_is_new_is_agreed_to_when_it_begins_and_only_as_long_as_it_lasts(held, old, admin):
    wide = publish(connector("acme", "1.4.0", action() + action(id="drop", scope="things.delete", method="DELETE")))
    with pytest.raises(ConsentNeeded, match=r"things\.delete"):
        start_rollout(held, version=wide, actor=admin, course=HALF)
    rollout = start_rollout(held, version=wide, actor=admin, course=HALF, agreed=["things.delete"])
    assert Installation.objects.get(pk=held.pk).scopes == ["things.delete", "things.write"]
    return_rollout(rollout, by=admin, why="Not now.")
    assert Installation.objects.get(pk=held.pk).scopes == ["things.write"]
    again = start_rollout(held, version=wide, actor=admin, course=HALF, agreed=["things.delete"])
    finish_rollout(again, by=admin)
    assert Installation.objects.get(pk=held.pk).scopes == ["things.delete", "things.write"]


def test_what_stands_in_the_way_is_said_before_it_begins(workspace, held, new, admin, member):
    with pytest.raises(NotGranted):
        start_rollout(held, version=new, actor=member, course=HALF)
    with pytest.raises(NotInstallable):
        start_rollout(held, version=held.pin.version, actor=admin, course=HALF)
    for course in (
        Course(stages=((50, 24), (50, 24))),
        Course(stages=((0, 24),)),
        Course(stages=((5, 0),)),
        Course(stages=()),
        Course(least_calls=3),
        Course(tolerance=51),
        Course(packs=[held]),
    ):
        with pytest.raises(Invalid):
            start_rollout(held, version=new, actor=admin, course=course)
    version = publish(pack(wanted="~1.2"))
    install(workspace, version.extension, version=version, actor=admin)
    with pytest.raises(Invalid, match="would not run"):
        start_rollout(held, version=new, actor=admin, course=HALF)


def test_one_at_a_time_and_not_over_a_hold(held, rollout, new, admin):
    with pytest.raises(AlreadyRollingOut):
        start_rollout(held, version=new, actor=admin, course=HALF)
    with pytest.raises(IntegrityError), transaction.atomic():
        RollOut.objects.create(
            workspace=held.workspace,
            installation=held,
            version=new,
            digest=new.digest,
            before=held.pin.version,
            started_by=admin,
        )
    return_rollout(rollout, by=admin, why="No.")
    hold(held, actor=admin, reason="Quarter end.")
    with pytest.raises(HeldHere):
        start_rollout(held, version=new, actor=admin, course=HALF)


def test_while_it_lasts_nothing_else_is_taken_and_a_move_by_hand_ends_it(workspace, held, rollout, admin):
    set_defaults(workspace, actor=admin, values={"policy": "latest"})
    assert plan(held).told.state == "rolling_out"
    move_pin(held, version=publish(connector("acme", "1.2.1")), actor=admin)
    rollout.refresh_from_db()
    assert (rollout.state, rollout.why) == ("returned", "It was moved to 1.2.1.")


def test_it_ends_with_its_installation(held, rollout, admin):
    uninstall(held, actor=admin)
    rollout.refresh_from_db()
    assert rollout.state == "returned"


def test_a_version_that_is_taken_back_stops_it(held, rollout, new):
    Version.objects.filter(pk=new.pk).update(status="yanked")
    assert {taken(held.workspace, str(number)) for number in range(20)} == {"1.2.0"}  # before anybody swept
    assert tend_rollouts() == 1
    rollout.refresh_from_db()
    assert (rollout.state, rollout.why) == ("stopped", "1.3.0 is yanked.")


def test_simulated_runs_are_no_figures(held, rollout, new, admin):
    for _ in range(3):
        make_run(held.workspace, held, admin, version=new, version_digest=new.digest, state="failed")
    assert figures_of(rollout) == Figures(Tally(), Tally())
    assert Run.objects.count() == 3
