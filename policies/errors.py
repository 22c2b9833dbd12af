"""What approvals refuse, in sentences a person can act on."""

from collections.abc import Sequence

from galaxy.core.errors import Conflict, DomainError


class AlreadyDecided(Conflict):
    """Another reviewer was quicker, or whoever asked has withdrawn it."""

    code = "already_decided"


class AlreadyVoted(Conflict):
    """One person says one word on one request; what is missing is other people's."""

    code = "already_voted"
    next_step = "It stays in the queue for the other reviewers."


class Changed(Conflict):
    """What would be decided is not what the reviewer was shown."""

    code = "changed"


class ApprovalChanged(Changed):
    """What would run is not what was approved. ``changed`` names what, for people: ["the inputs", "the version"]."""

    def __init__(self, sentence: str, next_step: str = "", changed: Sequence[str] = ()):
        super().__init__(sentence, next_step)
        self.changed = list(changed)


class ApprovalExpired(Conflict):
    """Its time ran out, which always means no."""

    code = "approval_expired"
    next_step = "Whoever asked can ask again."


class ApprovalMissing(Conflict):
    """Nobody has said yes, or not enough people have."""

    code = "approval_missing"


class ApprovalSpent(Conflict):
    """It was used before; a yes holds for one use."""

    code = "approval_spent"
    next_step = "Whoever asked can ask again."


class SelfApproval(DomainError):
    """Whoever asked, wrote the version or can act as the agent that asked cannot be the one who decides."""

    status = 403
    code = "self_approval"
    next_step = "It stays in the queue for the other reviewers."


class NotAsked(DomainError):
    """This stage is answered by others, whatever else this person may decide."""

    status = 403
    code = "not_asked"
    next_step = "It stays in the queue for them."


class NotYours(DomainError):
    """Only whoever asked can withdraw a request, remind of it or ask again."""

    status = 403
    code = "not_yours"
    next_step = "Leave it to whoever asked, or answer the request."


class TooSoon(Conflict):
    """Reviewers were reminded a short while ago."""

    status = 429
    code = "too_soon"


class SecondFactorNeeded(DomainError):
    """A yes to this takes a second factor, shown within the last minutes; nothing was decided.

    A page turns it into ``galaxy.core.recent_proof.ProofNeeded(error.act, factor=True)``, which keeps the form and
    leads to the confirmation; ``has_one`` is False for whoever has to set one up first.
    """

    status = 403
    code = "second_factor_needed"
    next_step = "Show your second factor, then decide again: what you typed is kept."

    def __init__(self, act: str, *, has_one: bool):
        super().__init__("A yes to this takes your second factor, and it was not shown lately, so nothing was decided.")
        self.act = act
        self.has_one = has_one
        self.next_step = (
            "Confirm with your second factor, then send it again."
            if has_one
            else "Set a second factor up on your account's page, then come back."
        )
