"""What a rule gives: one piece of advice before anybody stored it."""

import hashlib
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from galaxy.core import jcs
from marketplace.assistant.words import Link, Said

INFO, WARN, URGENT = 1, 2, 3


@dataclass(frozen=True)
class Ground:
    """A fact that advice rests on, with the page of the rows behind it."""

    said: Said
    link: Link | None = None

    def as_json(self) -> dict[str, Any]:
        return {"said": self.said.as_json(), "link": self.link.as_json() if self.link else None}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Ground":
        return cls(Said.from_json(value["said"]), Link.from_json(value["link"]) if value["link"] else None)


@dataclass(frozen=True)
class Step:
    """What is recommended. ``does`` is one of STEPS (marketplace.assistant.acting).

    ``version`` is the digest of a version to move to, ``slug`` an extension to install, ``link`` the page on which a
    person does the rest; ``rule`` says what a rule would be, in the vocabulary of policies. ``label`` stands on the
    button.
    """

    does: str
    label: str
    link: Link
    version: str = ""
    slug: str = ""
    rule: dict[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {
            "does": self.does,
            "label": self.label,
            "link": self.link.as_json(),
            "version": self.version,
            "slug": self.slug,
            "rule": self.rule,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "Step":
        return cls(**{**value, "link": Link.from_json(value["link"])})


@dataclass(frozen=True)
class Measure:
    """What is looked at again later: ``bad`` of ``of``, fewer is better. ``what`` says which reader counts it."""

    what: str
    bad: int = 0
    of: int = 0
    target: str = ""

    def as_json(self) -> dict[str, Any]:
        return {"what": self.what, "bad": self.bad, "of": self.of, "target": self.target}


@dataclass(frozen=True)
class Draft:
    """``key`` tells several of one rule about one subject apart; ``needs`` is the permission to act on it."""

    rule: str
    subject_kind: str
    subject_id: UUID
    needs: str
    severity: int
    sentence: Said
    reasons: tuple[Said, ...]
    grounds: tuple[Ground, ...]
    step: Step
    measure: Measure
    key: str = ""
    installation: UUID | None = None
    connection: UUID | None = None

    @property
    def place(self) -> tuple[str, str, UUID, str]:
        """What is advised once while it is open."""
        return self.rule, self.subject_kind, self.subject_id, self.key

    def content(self) -> dict[str, Any]:
        """What is stored of it and shown, as JSON."""
        return {
            "sentence": self.sentence.as_json(),
            "reasons": [one.as_json() for one in self.reasons],
            "grounds": [one.as_json() for one in self.grounds],
            "step": self.step.as_json(),
        }

    @property
    def digest(self) -> str:
        """Hex SHA-256 of all that it says: equal facts give equal bytes."""
        said = {**self.content(), "severity": self.severity, "needs": self.needs}
        return hashlib.sha256(jcs.dumps(said)).hexdigest()
