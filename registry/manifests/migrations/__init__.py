"""Manifests of an older format, brought to the newest by numbered steps, with the author's own words left alone.

Each step edits the text where something is written otherwise now, so comments, order and notation stay. What is of the
newest format already comes back as it is. Nothing is stored here: whoever wrote the text sees it before and after, and
keeps it (docs/manifests.md, "Older formats").

    >>> migrated("api: v0\\nconnector: a\\nhosts: [x.example]\\n").text
    'api: v1\\nconnector: a\\negress: [x.example]\\n'
"""

from __future__ import annotations

from dataclasses import dataclass

from ..findings import Findings
from ..json_text import read_json
from ..nodes import Map, Text
from ..sources import decode, detect_format
from ..yaml_text import read_yaml
from .edits import Edit, written
from .python_header import migrate_header
from .steps import NEWEST, STEPS, Step

__all__ = ["NEWEST", "STEPS", "Migrated", "Step", "migrated", "old_format"]


@dataclass(frozen=True)
class Migrated:
    """``text`` is of the newest format; ``steps`` are those that changed something, in their order."""

    before: str
    text: str
    steps: tuple[Step, ...] = ()

    @property
    def is_changed(self) -> bool:
        return self.text != self.before


def migrated(text: str | bytes, *, filename: str | None = None) -> Migrated:
    """``text`` brought to the newest format. What cannot be read comes back as it is: the reader says what is wrong."""
    source = decode(text, Findings())
    if source is None:
        return Migrated(str(text), str(text))
    kind, now, done = detect_format(source, filename), source, []
    for step in STEPS:
        changed = migrate_header(now, step) if kind == "python" else _stepped(now, step, kind)
        if changed != now:
            now = changed
            done.append(step)
    return Migrated(source, now, tuple(done))


def old_format(root: Map) -> str:
    """The older format that the document says it is of; "" for the newest and for what nobody knows."""
    api = root.get("api")
    return api.value if isinstance(api, Text) and api.value in {step.of for step in STEPS} else ""


def _stepped(text: str, step: Step, kind: str) -> str:
    findings = Findings()
    root = read_json(text, findings) if kind == "json" else read_yaml(text, findings)
    if not isinstance(root, Map) or findings.has_errors or old_format(root) != step.of:
        return text
    edits: list[Edit] = list(step.edits(root, text, kind))
    return written(text, edits)
