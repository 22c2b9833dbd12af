"""The sums of the objective, on figures that were worked out by hand."""

import pytest

from sandbox.health.objective import Objective, Tally, percent


@pytest.mark.parametrize(
    ("good", "bad", "success", "budget", "left"),
    [
        (995, 5, "99.50 %", 5.0, "0 % left"),
        (994, 6, "99.40 %", 5.0, "20 % overspent"),
        (994, 5, "99.49 %", 4.995, "0.1 % overspent"),
        (1999, 1, "99.95 %", 10.0, "90 % left"),
        (400, 0, "100 %", 2.0, "100 % left"),
        (0, 40, "0.00 %", 0.2, "19900 % overspent"),
        (99_999, 1, "99.99 %", 500.0, "99.8 % left"),
        (999_999, 1, "99.99 %", 5000.0, "99.9 % left"),
        (2_149, 1, "99.95 %", 10.75, "90 % left"),
        (0, 0, "–", 0.0, "100 % left"),
    ],
)
def test_success_and_budget(good, bad, success, budget, left):
    objective = Objective(Tally(good, bad, caller=1_000))
    assert (objective.success, objective.budget, objective.budget_words) == (success, pytest.approx(budget), left)


@pytest.mark.parametrize(("good", "bad", "met"), [(995, 5, True), (994, 5, False), (1990, 10, True), (1989, 10, False)])
def test_the_line_is_drawn_in_whole_numbers(good, bad, met):
    assert Objective(Tally(good, bad)).is_met is met


@pytest.mark.parametrize(
    ("good", "bad", "missed"),
    [(17, 2, False), (18, 2, True), (19, 1, False), (198, 2, True), (398, 2, False), (0, 0, False)],
)
def test_a_few_calls_or_a_single_failure_never_miss_it(good, bad, missed):
    assert Objective(Tally(good, bad)).is_missed is missed


@pytest.mark.parametrize(
    ("good", "bad", "rate", "words"),
    [(98, 2, 4.0, "4.0×"), (199, 1, 1.0, "1.0×"), (50, 0, 0.0, "0.0×"), (0, 3, 200.0, "200.0×"), (0, 0, None, "–")],
)
def test_the_burn_rate_is_that_of_the_last_day(good, bad, rate, words):
    objective = Objective(week=Tally(9_000, 9), day=Tally(good, bad))
    assert (objective.burn_rate, objective.burn_words) == (rate and pytest.approx(rate), words)


def test_mistakes_of_callers_change_nothing():
    assert Objective(Tally(995, 5, 0)).success == Objective(Tally(995, 5, 10**6)).success


@pytest.mark.parametrize(("part", "whole", "words"), [(2, 3, "66.66 %"), (99_999, 100_000, "99.99 %"), (1, 1, "100 %")])
def test_a_share_is_cut_and_never_rounded_up(part, whole, words):
    assert percent(part, whole) == words
