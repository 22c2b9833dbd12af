"""The breaker as a state machine, by every sequence of events that hypothesis thinks of."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sandbox import circuit
from sandbox.circuit import CLOSED, HALF_OPEN, OPEN, Circuit, Knobs, Way
from sandbox.models import Category

TRIAL = timedelta(seconds=18)


@pytest.mark.parametrize(
    ("category", "healthy"),
    [
        (None, True), ("transient", False), ("rate_limit", False), ("quota", False), ("tool_error", False),
        ("validation", None), ("not_found", None), ("policy_block", None), ("auth_error", None),
    ],
)  # fmt: skip
def test_the_callers_own_mistakes_say_nothing_of_the_other_side(category, healthy):
    assert circuit.is_healthy(category) is healthy


def test_every_category_counts_or_does_not():
    assert {circuit.is_healthy(category) for category in Category.values} == {False, None}


@pytest.mark.parametrize(
    ("failures", "calls", "state"), [(9, 9, CLOSED), (10, 10, OPEN), (5, 10, OPEN), (4, 10, CLOSED), (50, 100, OPEN)]
)
def test_it_opens_by_share_and_never_before_it_has_samples(failures, calls, state):
    now = datetime(2026, 11, 26, tzinfo=UTC)
    assert circuit.after_count(Circuit(), failures, calls, now, Knobs()).state == state


class Breaker(RuleBasedStateMachine):
    """Time, counts, trials that report, trials that die, and a person, in any order."""

    def __init__(self):
        super().__init__()
        self.now = datetime(2026, 11, 26, tzinfo=UTC)
        self.circuit = Circuit()
        self.trials: list[datetime] = []  # the half-open states whose trial has not reported
        self.let_through = 0  # trials since it last opened

    @rule(seconds=st.integers(0, 40))
    def time_passes(self, seconds):
        self.now += timedelta(seconds=seconds)

    @rule(failures=st.integers(0, 20), others=st.integers(0, 20))
    def counts_come_in(self, failures, others):
        after = circuit.after_count(self.circuit, failures, failures + others, self.now, Knobs())
        if after != self.circuit:
            assert self.circuit.state == CLOSED
            assert failures + others >= 10
            assert failures >= others
        self._become(after)

    @rule()
    def a_call_comes(self):
        match circuit.way(self.circuit, self.now):
            case Way.THROUGH:
                assert self.circuit.state == CLOSED
            case Way.TRIAL:
                assert not self.circuit.is_manual
                assert self.circuit.until <= self.now, "nothing is tried before its time"
                self.circuit = circuit.tried(self.circuit, self.now, TRIAL)
                self.trials.append(self.circuit.until)
                assert circuit.way(self.circuit, self.now) == Way.HELD, "one trial at a time"
            case Way.HELD:
                assert self.circuit.state != CLOSED

    @rule(healthy=st.sampled_from([True, False, None]), which=st.integers(0, 5))
    def a_trial_reports(self, healthy, which):
        if not self.trials:
            return
        token = self.trials.pop(which % len(self.trials))
        if self.circuit.state != HALF_OPEN or self.circuit.until != token:
            return  # a trial that was given up has no say
        after = circuit.after_trial(healthy, self.now, Knobs())
        assert (after.state == OPEN) == (healthy is False)
        self._become(after)

    @rule()
    def a_person_trips_it(self):
        self._become(circuit.tripped())
        assert circuit.way(self.circuit, self.now + timedelta(days=365)) == Way.HELD

    @rule()
    def a_person_resets_it(self):
        self._become(Circuit())
        assert circuit.way(self.circuit, self.now) == Way.THROUGH

    def _become(self, after):
        self.circuit = after

    @invariant()
    def it_always_has_a_way_back(self):
        if self.circuit.is_manual:
            return
        assert circuit.way(self.circuit, self.now + timedelta(hours=1)) != Way.HELD

    @invariant()
    def open_and_half_open_say_until_when(self):
        if self.circuit.state in {OPEN, HALF_OPEN} and not self.circuit.is_manual:
            assert self.circuit.until is not None


TestBreaker = Breaker.TestCase
