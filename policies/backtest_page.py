"""A replay as its page draws it: bars, figures and words."""

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from policies.backtest import Load, Report
from policies.known import Known
from policies.models import Effect
from policies.waiting import words_of

_CLASSES = {Effect.ALLOW: "allow", Effect.REQUIRE_APPROVAL: "ask", Effect.DENY: "deny"}
_WORDS = {Effect.ALLOW: "Allowed", Effect.REQUIRE_APPROVAL: "Asked", Effect.DENY: "Denied"}


@dataclass(frozen=True)
class Flow:
    """One bar: ``parts`` are [(class, x, width)] in per cent, ``words`` says the same to who cannot see it."""

    label: str
    note: str
    parts: list[tuple[str, str, str]]
    words: str
    key: list[tuple[str, str, int]]


@dataclass(frozen=True)
class Asked:
    """Questions to the same people. ``took`` is their usual time, "" where it is not known."""

    label: str
    now: str
    then: str
    is_more: bool
    took: str


@dataclass(frozen=True)
class Shown:
    """``report`` with what its page draws."""

    report: Report
    flows: list[Flow]
    asked: list[Asked]

    @property
    def took_ms(self) -> float:
        return self.report.took_s * 1000

    @property
    def busiest(self) -> Asked | None:
        return self.asked[0] if self.asked else None

    @property
    def questions(self) -> tuple[int, int]:
        """(now, then)"""
        return self.report.now[Effect.REQUIRE_APPROVAL], self.report.then[Effect.REQUIRE_APPROVAL]


def shown(report: Report, known: Known, version: int) -> Shown:
    """``version`` is that of the rules in force."""
    flows = [
        _flow("Now", f"policy {version}" if version else "the defaults", report.now),
        _flow("With the change", f"policy {version + 1}", report.then),
    ]
    return Shown(report, flows, [_asked(one, known) for one in report.load])


def _flow(label: str, note: str, counts: Counter) -> Flow:
    total = sum(counts.values())
    parts, said, at = [], [], 0.0
    for effect in _CLASSES:
        share = 100 * counts[effect] / total if total else 0
        if share:
            parts.append((_CLASSES[effect], f"{at:.2f}%", f"{share:.2f}%"))
        said.append(f"{share:.1f} % {_WORDS[effect].lower()}")
        at += share
    return Flow(label, note, parts, ", ".join(said), [(_CLASSES[one], _WORDS[one], counts[one]) for one in _CLASSES])


def _asked(load: Load, known: Known) -> Asked:
    label = known.called(load.reviewers)
    return Asked(
        label=label[:1].upper() + label[1:],
        now=_a_day(load.now_per_day),
        then=_a_day(load.then_per_day),
        is_more=load.then > load.now,
        took="" if load.median_s is None else words_of(timedelta(seconds=load.median_s)),
    )


def _a_day(number: float) -> str:
    return f"{number:.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"
