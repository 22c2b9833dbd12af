"""Two engines and a slow reference agree on random rules and requests, and no rule widens that should not."""

from tests.policies.properties import CEDAR_PAIRS, PAIRS, against_cedar, against_the_reference, narrowing


def test_the_slow_reference_agrees_in_any_order_of_rules():
    counts = against_the_reference(PAIRS)
    assert counts.pairs >= PAIRS
    assert counts.extra["spoken for by rules"] >= PAIRS // 3


def test_denying_and_asking_rules_never_widen_and_a_deny_wins():
    counts = narrowing(PAIRS)
    for effect in ("allow", "deny", "require_approval"):
        assert (
            counts.extra[f"changed by one more {effect}"] >= PAIRS // 200
        )  # it is no property of rules that say nothing


def test_cedar_agrees_without_and_with_an_approval():
    counts = against_cedar(CEDAR_PAIRS)
    assert counts.extra["Cedar requests"] >= 2 * CEDAR_PAIRS
