"""What makes one release more than the one before it, and how much: the words of the comparison."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["major", "minor", "patch", "none"]
LEVELS: tuple[Level, ...] = ("none", "patch", "minor", "major")  # from mild to strong

# Every code with its level. Codes are a promise: reviewers, the form and the API refer to them. Where the level is
# minor and the code stands in CONSENT, the step is small because nobody is moved over it without being asked.
CODES: dict[str, Level] = {
    # What a call may give
    "input-removed": "major",
    "input-required": "major",
    "input-retyped": "major",
    "input-narrowed": "major",
    "enum-narrowed": "major",
    "input-closed": "major",
    "input-added": "minor",
    "input-widened": "minor",
    # What a call gets
    "output-removed": "major",
    "output-optional": "major",
    "output-retyped": "major",
    "output-widened": "major",
    "output-added": "minor",
    "output-narrowed": "minor",
    # What there is to call
    "action-removed": "major",
    "action-added": "minor",
    "method-changed": "major",
    "path-changed": "major",
    "call-changed": "major",
    "base-url-changed": "major",
    "auth-changed": "major",
    "action-scope-added": "major",
    "kind-changed": "major",
    # How a call fails, and what may be done about it
    "errors-changed": "major",
    "errors-added": "minor",
    "idempotency-weakened": "major",
    "idempotency-added": "minor",
    "undo-removed": "major",
    "undo-changed": "minor",
    "audience-narrowed": "major",
    "limits-tightened": "minor",
    "cost-raised": "minor",
    "asks-more": "minor",
    "review-weakened": "minor",
    # What an installation agreed to
    "scope-added": "minor",
    "host-added": "minor",
    "reach-widened": "minor",
    "class-added": "minor",
    "class-dropped": "minor",
    "field-sent": "minor",
    "asks-less": "minor",
    "call-added": "minor",
    "scope-dropped": "patch",
    "host-dropped": "patch",
    # Transforms, packs and triggers
    "redaction-weakened": "major",
    "behaviour-changed": "major",
    "requirement-added": "major",
    "requirement-narrowed": "major",
    "requirement-widened": "minor",
    "requirement-dropped": "minor",
    "step-removed": "major",
    "outcome-changed": "major",
    "compensation-dropped": "major",
    "failure-changed": "minor",
    "loop-changed": "major",
    "source-changed": "major",
    "schedule-changed": "minor",
    # The rest of it
    "manifest-changed": "patch",
    "files-changed": "patch",
}
CONSENT = frozenset({
    "scope-added", "host-added", "reach-widened", "class-added", "class-dropped", "field-sent", "asks-less",
    "call-added",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reason:
    """One difference that counts. ``path`` names the place by keys (``actions.create_task.inputs.owner``), ``sentence``
    says it to a person, ``level`` is the least step it takes."""

    code: str
    path: str
    sentence: str
    level: Level

    @property
    def needs_consent(self) -> bool:
        return self.code in CONSENT

    @property
    def words(self) -> str:
        """The sentence as a form names what was shown and agreed to."""
        return self.sentence.removesuffix(".")

    def as_dict(self) -> dict[str, str]:
        return {"code": self.code, "path": self.path, "sentence": self.sentence, "level": self.level}


@dataclass(frozen=True, slots=True)
class Bump:
    """The least step from one release to the next, and why: strongest reasons first; ``none`` has none."""

    level: Level
    reasons: tuple[Reason, ...] = ()

    @property
    def needs_consent(self) -> bool:
        """Whether nobody may be moved over it without being asked."""
        return any(reason.needs_consent for reason in self.reasons)

    def of(self, level: Level) -> tuple[Reason, ...]:
        return tuple(reason for reason in self.reasons if reason.level == level)


def reason(code: str, path: str, sentence: str) -> Reason:
    return Reason(code, path, sentence, CODES[code])


def bump_of(reasons: Iterable[Reason]) -> Bump:
    found = sorted(dict.fromkeys(reasons), key=lambda one: -LEVELS.index(one.level))
    return Bump(found[0].level if found else "none", tuple(found))
