"""Whom to ask: what an evaluation says where a person has to say yes, put together from every rule that asks."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from policies.rules.parts import Hours, Question

APPROVERS = "approvers"
HOUR_S = 3600


@dataclass(frozen=True, order=True)
class Stage:
    """``needed`` different people of ``reviewers`` have to say yes: approvers, role:<role>, group:<id>, person:<id>."""

    reviewers: str
    needed: int = 1


@dataclass(frozen=True, order=True)
class Escalation:
    """After ``after_s`` seconds without an answer, ``to`` may answer stage number ``stage`` (from 0) as well."""

    after_s: int
    to: str
    stage: int = 0


@dataclass(frozen=True)
class Ask:
    """Every stage has to be answered. ``business_hours``: those in which ``expires_s`` and ``escalate`` are counted."""

    stages: tuple[Stage, ...] = (Stage(APPROVERS),)
    expires_s: int = 24 * HOUR_S
    second_factor: bool = False
    escalate: tuple[Escalation, ...] = ()
    business_hours: Hours | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "stages": [asdict(stage) for stage in self.stages],
            "expires_s": self.expires_s,
            "second_factor": self.second_factor,
            "escalate": [asdict(one) for one in self.escalate],
            "business_hours": self.business_hours.as_json() if self.business_hours else None,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Ask":
        """Reads what ``as_json`` wrote; {} is an ask of the defaults alone. Not for what people sent."""
        hours = value.get("business_hours")
        return cls(
            stages=tuple(Stage(**stage) for stage in value.get("stages", ())) or cls.stages,
            expires_s=value.get("expires_s", cls.expires_s),
            second_factor=value.get("second_factor", False),
            escalate=tuple(Escalation(**one) for one in value.get("escalate", ())),
            business_hours=Hours.from_json(hours) if hours else None,
        )


def ask_of(question: Question) -> Ask:
    """What one rule asks for, on its own."""
    return Ask(
        stages=(Stage(question.reviewers, question.needed),),
        expires_s=round(question.expires_h * HOUR_S),
        second_factor=question.second_factor,
        escalate=tuple(Escalation(round(step.after_h * HOUR_S), step.to) for step in question.escalate),
        business_hours=question.business_hours,
    )


def merged(asks: Iterable[Ask]) -> Ask:
    """One ask that is no easier than any of ``asks``, in whatever order; there is at least one.

    The same reviewers asked twice are asked for the larger number. Approvers at large are not asked beside others of
    whom as many are needed. The shortest expiry holds, and is counted in business hours only where every ask has the
    same: otherwise it would end later than one of them.
    """
    asks = list(asks)
    if len(asks) == 1:
        return asks[0]
    needed: dict[str, int] = {}
    steps: set[tuple[int, str, str]] = set()
    for ask in asks:
        for stage in ask.stages:
            needed[stage.reviewers] = max(stage.needed, needed.get(stage.reviewers, 0))
        steps.update((one.after_s, one.to, ask.stages[one.stage].reviewers) for one in ask.escalate)
    at_large = needed.get(APPROVERS, 0)
    if at_large and any(count >= at_large for ref, count in needed.items() if ref != APPROVERS):
        del needed[APPROVERS]
    order = {ref: place for place, ref in enumerate(sorted(needed))}
    expires_s = min(ask.expires_s for ask in asks)
    hours = {ask.business_hours for ask in asks}
    return Ask(
        stages=tuple(Stage(ref, needed[ref]) for ref in order),
        expires_s=expires_s,
        second_factor=any(ask.second_factor for ask in asks),
        escalate=tuple(
            sorted(
                Escalation(after_s, to, order[ref])
                for after_s, to, ref in steps
                if ref in order and after_s < expires_s
            )
        ),
        business_hours=hours.pop() if len(hours) == 1 else None,
    )
