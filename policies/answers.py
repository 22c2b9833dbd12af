"""What the engine answers: an effect, why, what has to be done with the call, and whom to ask."""

from typing import Any, NamedTuple

from policies.models import Effect
from policies.rules.asks import Ask

ADMIN = "An owner or admin of the workspace"
APPROVER = "An approver other than whoever asks"


class Reason(NamedTuple):
    """Why, for a person: what was found, what would have to be otherwise (``passes_if``), and who can see to it.

    ``rule`` is the number of the rule that speaks, 0 for a default.
    """

    code: str
    text: str
    passes_if: str = ""
    who: str = ""
    rule: int = 0

    def as_json(self) -> dict[str, Any]:
        return self._asdict()


class Evaluation(NamedTuple):
    """The answer. ``reasons`` are those that led to the effect: defaults first, then rules by number.

    ``obligations`` may hold ``redact``, {data class: mask, hash, tokenise or drop}, and ``rate``, a list of
    {count, per, rule}; a denied call has none, as nothing happens. ``ask`` is there where the effect asks a person.
    """

    effect: Effect
    reasons: tuple[Reason, ...]
    obligations: dict[str, Any]
    ask: Ask | None = None
