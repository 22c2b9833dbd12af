"""The truth table of updates: every step of a number by every policy by everything that can widen."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import product

import pytest

from registry.models import UpdatePolicy
from registry.updates.bumps import Bump, bump_between
from registry.updates.deciding import Release, Rules, State, decide, verdict_on
from registry.updates.windows import Window

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)  # a Wednesday
LONG_OUT = NOW - timedelta(days=100)
# Written by hand: which steps each policy takes.
TAKES = {
    "off": set(),
    "patch": {Bump.PATCH},
    "minor": {Bump.PATCH, Bump.MINOR},
    "latest": {Bump.PATCH, Bump.MINOR, Bump.MAJOR},
}
# How a release is wider, and whether code alone may be taken of it where the workspace takes code alone.
WIDER = {
    "nothing": ({}, False),
    "scopes that can stay off": ({"wider": ("a.write",), "can_stay_off": True}, True),
    "scopes that something needs": ({"wider": ("a.write",)}, False),
    "a host": ({"wider": ("api.example",)}, False),
    "a data class": ({"wider": ("create handles phone as well",)}, False),
    "an ask that is gone": ({"wider": ("create does not ask any more",)}, False),
    "a field that is sent": ({"sends": ("create may be sent phone as well",)}, False),
    "scopes and a field": ({"wider": ("a.write",), "sends": ("create may be sent x",), "can_stay_off": True}, False),
}


def release(**more) -> Release:
    return Release(**{"version": None, "number": "1.2.1", "bump": Bump.PATCH, "published_at": LONG_OUT} | more)


@pytest.mark.parametrize("takes_code", [False, True], ids=["all or nothing", "takes code"])
@pytest.mark.parametrize(("policy", "bump", "widening"), list(product(TAKES, Bump, WIDER)), ids=str)
def test_the_truth_table_of_step_policy_and_widening(policy, bump, widening, takes_code):
    facts, can_keep = WIDER[widening]
    verdict = verdict_on(Rules(policy, takes_code=takes_code), release(bump=bump, **facts), NOW)
    if policy == "off":
        expected = State.OFF
    elif bump not in TAKES[policy]:
        expected = State.BEYOND
    elif widening == "nothing" or (can_keep and takes_code):
        expected = State.DUE
    else:
        expected = State.CONSENT
    assert verdict.state == expected
    assert verdict.keeps is (expected == State.DUE and widening != "nothing")
    assert (verdict.at is not None) is (expected == State.DUE)


def test_the_table_has_every_policy_and_every_step():
    assert set(TAKES) == set(UpdatePolicy.values)


@pytest.mark.parametrize(
    ("before", "after", "bump"),
    [
        ("1.2.0", "1.2.1", Bump.PATCH),
        ("1.2.9", "1.3.0", Bump.MINOR),
        ("1.9.9", "2.0.0", Bump.MAJOR),
        ("0.1.0", "0.1.1", Bump.MINOR),
        ("0.1.0", "0.2.0", Bump.MAJOR),
        ("0.9.0", "1.0.0", Bump.MAJOR),
    ],
)
def test_the_step_is_read_from_the_number_and_below_one_anything_may_break(before, after, bump):
    assert bump_between(before, after) == bump


@pytest.mark.parametrize(("days", "state"), [(6, State.WAITING), (7, State.DUE)])
def test_on_day_six_of_seven_nothing_is_taken_and_on_day_seven_it_is(days, state):
    verdict = verdict_on(Rules("patch", waiting_days=7), release(published_at=NOW - timedelta(days=days)), NOW)
    assert verdict.state == state
    if state == State.WAITING:
        assert verdict.why == ("In its 7-day wait, 1 day to go.",)
        assert verdict.at == NOW + timedelta(days=1)


def test_two_people_end_the_wait_and_nothing_else():
    new = release(published_at=NOW, skips_wait=True)
    rules = Rules("patch", waiting_days=7)
    assert verdict_on(rules, new, NOW).state == State.DUE
    night = Window(0b1111111, time(2), time(4))
    assert verdict_on(replace(rules, window=night), new, NOW).state == State.WINDOW
    assert verdict_on(replace(rules, policy="off"), new, NOW).state == State.OFF
    assert verdict_on(replace(rules, hold="Quarter end"), new, NOW).state == State.HELD
    assert verdict_on(rules, replace(new, wider=("a.write",)), NOW).state == State.CONSENT


@pytest.mark.parametrize(
    ("rules", "facts", "state"),
    [
        ({"hold": "Quarter end"}, {}, State.HELD),
        ({"rolling_out": "1.3.0 is being rolled out."}, {}, State.ROLLING_OUT),
        ({"is_pre_release": True}, {}, State.PRE_RELEASE),
        ({}, {"hindrance": "A pack takes ^1.1."}, State.HINDERED),
        ({"window": Window(0b0000001)}, {}, State.WINDOW),
    ],
    ids=str,
)
def test_what_stands_in_the_way_is_told_by_its_name(rules, facts, state):
    assert verdict_on(Rules("latest", **rules), release(**facts), NOW).state == state


def test_the_newest_that_can_be_taken_is_and_what_asks_for_more_waits_beside_it():
    wider = release(number="1.3.0", bump=Bump.MINOR, wider=("api.other.example",))
    young = release(number="1.2.2", published_at=NOW)
    fix = release(number="1.2.1")
    decided = decide(Rules("minor", waiting_days=7), [wider, young, fix], NOW)
    assert [one.state for one in decided.verdicts] == [State.CONSENT, State.WAITING, State.DUE]
    assert decided.goal is decided.verdicts[2]
    later = decide(Rules("minor", waiting_days=7), [wider, young], NOW)
    assert later.goal is later.verdicts[1]
    assert decide(Rules("minor"), [wider], NOW).goal is None


def test_of_what_waits_the_first_that_is_ready_is_the_goal():
    old, young = release(published_at=NOW - timedelta(days=5)), release(number="1.2.2", published_at=NOW)
    decided = decide(Rules("patch", waiting_days=7), [young, old], NOW)
    assert decided.goal is decided.verdicts[1]
