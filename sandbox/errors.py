"""How runs fail: the closed list of categories with their words, and the error that travels through the gate."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from galaxy.core.errors import DomainError
from sandbox.models import Category

HELD = "connection_exhausted"  # the code of an attempt that found no credential a person need not renew


@dataclass(frozen=True)
class Meaning:
    """What a category says to a person, what to do next, whether waiting may help, and who acts."""

    sentence: str
    next_step: str
    retryable: bool
    who: str


CATEGORIES: dict[str, Meaning] = {
    Category.AUTH_ERROR: Meaning(
        "The other system refused the credentials.", "Reconnect the connector, then run it again.", False, "admin"
    ),
    Category.RATE_LIMIT: Meaning(
        "The other system, or the budget here, takes no more calls for now.", "Wait, then run it again.", True, "nobody"
    ),
    Category.QUOTA: Meaning(
        "A quota at the other system is used up.", "Raise the quota there, or wait until it renews.", False, "admin"
    ),
    Category.NOT_FOUND: Meaning(
        "The other system does not know the record.", "Check the ids in the inputs.", False, "requester"
    ),
    Category.VALIDATION: Meaning(
        "The values do not fit what is declared.",
        "Correct the field that is named, then run it again.",
        False,
        "requester",
    ),
    Category.TOOL_ERROR: Meaning(
        "The extension failed in a way it does not explain.",
        "Tell its publisher, with the id of this run.",
        False,
        "creator",
    ),
    Category.TRANSIENT: Meaning(
        "The other system did not answer as it should.", "Run it again in a few minutes.", True, "nobody"
    ),
    Category.POLICY_BLOCK: Meaning(
        "A policy of this workspace does not allow this call.",
        "See the decision below for what would pass.",
        False,
        "admin",
    ),
}


class RunError(Exception):
    """A run ends here. ``code`` is a stable word; ``sentence`` and ``next_step`` default to the category's.

    ``ambiguous``: a write may have taken effect, so that the run's state becomes unknown instead of failed.
    ``retry_at``: before then there is no use in trying again.
    """

    def __init__(
        self,
        category: str,
        code: str,
        *,
        sentence: str = "",
        next_step: str = "",
        status: int | None = None,
        attempts: int = 0,
        last_endpoint: str = "",
        field: str = "",
        ambiguous: bool = False,
        retry_at: datetime | None = None,
    ):
        meaning = CATEGORIES[category]
        self.category = category
        self.code = code
        self.sentence = sentence or meaning.sentence
        self.next_step = next_step or meaning.next_step
        self.status = status
        self.attempts = attempts
        self.last_endpoint = last_endpoint
        self.field = field
        self.ambiguous = ambiguous
        self.retry_at = retry_at
        self.compensation: dict[str, str] = {}  # {step id: state} of the steps of a pack that were taken back for it
        super().__init__(self.sentence)

    @classmethod
    def from_dict(cls, told: dict[str, Any]) -> "RunError":
        """From what ``as_dict`` gave, with its category and whether it is ambiguous."""
        retry_at = datetime.fromisoformat(told["retry_at"]) if told.get("retry_at") else None
        names = ("sentence", "next_step", "status", "attempts", "last_endpoint", "field", "ambiguous")
        return cls(told["category"], told["error_code"], retry_at=retry_at, **{name: told[name] for name in names})

    def as_dict(self) -> dict[str, Any]:
        """As stored on the run; the names are the founding document's."""
        return {
            "error_code": self.code,
            "status": self.status,
            "attempts": self.attempts,
            "last_endpoint": self.last_endpoint,
            "sentence": self.sentence,
            "next_step": self.next_step,
            "field": self.field,
            "retry_at": self.retry_at.isoformat() if self.retry_at else None,
        } | ({"compensation": self.compensation} if self.compensation else {})


class NotRetriable(DomainError):
    status = 409
    code = "not_retriable"
    next_step = "Run it again from its beginning."


class NotUndoable(DomainError):
    status = 409
    code = "not_undoable"
    next_step = "Take it back by hand in the other system; its page says what was done."


class KeyReused(DomainError):
    status = 409
    code = "idempotency_key_reused"
    next_step = "Send other inputs under another key."


class NotCancellable(DomainError):
    status = 409
    code = "not_cancellable"
    next_step = "Reload the page to see how the run stands now."


class NotUnknown(DomainError):
    status = 409
    code = "not_unknown"
    next_step = "Reload the page to see how the run stands now."
