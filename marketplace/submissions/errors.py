"""What is refused about submissions, each in a sentence for a person."""

from galaxy.core.errors import Conflict, DomainError, Invalid


class NotNow(Conflict):
    """It is in a state out of which the act does not lead; somebody may have been faster."""

    code = "submission_state"


class StillOpen(Conflict):
    """One of the same extension waits or is in review."""

    code = "still_in_review"
    next_step = "Wait for the decision, or withdraw it and submit again."


class NotReady(Invalid):
    """Findings keep it from being submitted, or from being approved."""

    code = "not_ready"
    next_step = "Open the draft: each finding says how to put it right."


class NoDesk(Conflict):
    code = "no_desk"
    next_step = "Whoever runs Galaxy makes one with `manage.py marketplace desk`."


class OwnWork(DomainError):
    """Authors never review what they wrote."""

    status = 403
    code = "own_submission"
    next_step = "Somebody else at the desk reviews it."


class NotTheReviewer(Conflict):
    code = "not_the_reviewer"
    next_step = "Take it first, or let whoever took it decide."


class ReasonNeeded(Invalid):
    """A no, or asking for changes, says why."""

    code = "reason_needed"
    next_step = "Tick a finding, or write in your own words what is wrong and how to put it right."


class NotVouched(Invalid):
    """A level asks for what the reviewer has not vouched for."""

    code = "attestations_missing"
    next_step = "Tick each after you looked at it, or approve to a lower level."
