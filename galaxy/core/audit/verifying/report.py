"""What a verification found, in words that name the place."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

MOST = 500  # findings that are told one by one
KINDS = {
    "edited": "Event changed",
    "deleted": "Event gone",
    "inserted": "Event put in",
    "moved": "Order changed",
    "value": "Value changed",
    "purged": "Values gone",
    "leaf": "Leaf changed",
    "gap": "Leaf gone",
    "node": "Inner hash changed",
    "rewritten": "History rewritten",
    "cut": "End cut off",
    "clock": "Time does not fit",
    "checkpoint": "Checkpoint changed",
    "missing": "Checkpoint gone",
    "forked": "Two histories",
    "signature": "Not signed by our key",
    "key": "Signing key changed",
    "copy": "Copy incomplete",
}

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Finding:
    """``kind`` is one of KINDS. ``position`` is that of a leaf, from 0; of a range the first, and ``last`` the last."""

    kind: str
    position: int
    sentence: str
    last: int | None = None

    @property
    def label(self) -> str:
        return KINDS[self.kind]

    @property
    def place(self) -> str:
        if self.last is None or self.last == self.position:
            return f"{self.position:,}"
        return f"{self.position:,} to {self.last:,}"


@dataclass
class Report:
    """``size`` events under ``checkpoints`` signed heads, of which ``copied`` were compared with the copy outside (None
    where there is none). ``values`` open their commitments, ``gone`` are no longer kept, ``waiting`` are
    events that nobody has sealed yet, the oldest from ``waiting_since``. ``lost``: events that a restore did away with,
    as was declared. ``more``: findings beyond those that are told."""

    size: int = 0
    checkpoints: int = 0
    copied: int | None = None
    values: int = 0
    gone: int = 0
    waiting: int = 0
    waiting_since: datetime | None = None
    lost: int = 0
    torn: int = 0
    keys: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    more: int = 0

    @property
    def is_intact(self) -> bool:
        return not self.findings

    def add(self, kind: str, position: int, sentence: str, last: int | None = None) -> None:
        finding = Finding(kind, max(0, position), sentence, last)
        if len(self.findings) < MOST:
            self.findings.append(finding)
        else:
            self.more += 1

    def counts(self) -> dict[str, Any]:
        """Everything but the findings, as JSON."""
        found = {name: value for name, value in asdict(self).items() if name != "findings"}
        return found | {"waiting_since": self.waiting_since and self.waiting_since.isoformat()}
