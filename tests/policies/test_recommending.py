"""What the Assistant recommends, from facts alone."""

import pytest

from policies.recommending import Case, Past, Verdict, recommend

YES, NO = Past(True, 40, frozenset({"email"})), Past(False, 40)
USUAL = {
    "past": (YES, YES, YES, YES, YES),
    "records": 38,
    "data_classes": frozenset({"email"}),
    "has_undo": True,
    "asked_before": 5,
}


def test_what_is_like_what_was_approved_and_smaller_is_recommended():
    said = recommend(Case(**USUAL))
    assert said.title == "Recommends: approve."
    assert said.reasons == ("Same shape as 5 earlier requests that were approved, and smaller than each.",)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"records": 41}, "It touches 41 records; the largest approved so far touched 40."),
        ({"data_classes": frozenset({"email", "payment"})}, "It carries payment, which none that was approved did."),
        ({"asked_before": 0}, "Whoever asks never asked for anything here before."),
        ({"is_changed": True}, "It came back because something changed since it was first asked."),
        (
            {"odd": ("channel is private, usually sales",)},
            "It stands out among its like: channel is private, usually sales.",
        ),
        ({"past": (YES, NO, YES, YES, YES)}, "1 of the last 5 of this shape was rejected."),
        ({"past": (YES, YES)}, "Only 2 of this shape were approved before."),
        ({"past": ()}, "None of this shape were approved before."),
    ],
)
def test_one_doubt_is_enough_to_look_closer(facts, reason):
    said = recommend(Case(**(USUAL | facts)))
    assert said.verdict == Verdict.LOOK
    assert said.reasons[0] == reason


@pytest.mark.parametrize(("has_undo", "words"), [(False, "There is no way to undo it."), (None, "not known")])
def test_what_cannot_be_undone_is_said_and_counts_until_it_is_usual(has_undo, words):
    usual = recommend(Case(**(USUAL | {"has_undo": has_undo})))
    assert usual.verdict == Verdict.APPROVE and words in usual.reasons[-1]
    new = recommend(Case(**(USUAL | {"has_undo": has_undo, "past": ()})))
    assert new.verdict == Verdict.LOOK and any(words in one for one in new.reasons)
    reads = recommend(Case(**(USUAL | {"has_undo": has_undo, "changes": False})))
    assert not any("undo" in one for one in reads.reasons)


@pytest.mark.parametrize("facts", [{"trial_failed": True}, {"past": (NO, NO, NO, YES)[:3]}])
def test_what_failed_in_simulation_or_was_always_refused_is_not_recommended(facts):
    said = recommend(Case(**(USUAL | facts)))
    assert said.verdict == Verdict.REJECT and len(said.reasons) == 1


def test_a_simulated_request_reaches_nothing_and_may_pass_the_first_time():
    said = recommend(Case(is_simulated=True, asked_before=0))
    assert said.verdict == Verdict.APPROVE and said.reasons[0] == "It is simulated and reaches no live system."
    assert recommend(Case(is_simulated=True, odd=("x",))).verdict == Verdict.LOOK


def test_nothing_known_is_never_a_yes():
    assert recommend(Case()).verdict == Verdict.LOOK
    assert recommend(Case(records=10, past=(YES, YES, YES), data_classes=frozenset({"name"}))).verdict == Verdict.LOOK
