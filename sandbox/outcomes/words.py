"""Outcomes in words for people."""

from sandbox.models import Outcome

SIGNALS = {
    "downstream_state": "a changed state in the other system",
    "approved": "a person’s approval",
    "kpi": "a figure that moved",
    "validated": "a validated result",
}


def name_of(outcome: Outcome) -> str:
    """Its name without the underscores of a manifest."""
    return outcome.name.replace("_", " ")


def signal_of(outcome: Outcome) -> str:
    """What proved it."""
    return SIGNALS.get(outcome.signal, outcome.signal)
