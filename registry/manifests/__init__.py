"""Manifests: what an extension declares, in one canonical form whichever way it was written.

Pure Python: no Django, no database, no network, and nothing but the text it is given is read. The description of a gRPC
call is compiled by a child process with limits (registry.protos). The reference is docs/manifests.md.

    >>> reading = read(text, filename="hubspot.yaml")
    >>> reading.manifest.digest if reading.manifest else [finding.message for finding in reading.findings]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .documents import Locator, canonicalise
from .findings import CODES, Finding, Findings
from .form import read_form
from .json_text import read_json
from .model import ActionSpec, Manifest, load, version_digest
from .nodes import NOWHERE, Map, Mark, Node
from .publication import publishable
from .python_checks import check_code
from .python_file import read_python
from .sources import FORMATS, decode, detect_format
from .yaml_text import read_yaml

__all__ = [
    "CODES",
    "ActionSpec",
    "Finding",
    "Manifest",
    "Reading",
    "from_form",
    "load",
    "places",
    "publishable",
    "read",
    "version_digest",
]


@dataclass(frozen=True, slots=True)
class Reading:
    """What came of a document: a manifest unless a finding is an error. Findings are in the order of the text; the last
    one says how many were ``left_out``."""

    manifest: Manifest | None
    findings: list[Finding]
    left_out: int = 0

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity == "error"]


def read(text: str | bytes, *, format: str | None = None, filename: str | None = None) -> Reading:
    """A manifest from YAML, JSON or a Python file. Whatever is wrong with the text is a finding, never an exception.

    ``format`` is yaml, json or python; left out, the file's name or the text itself decides. A Python file without
    ``# action:`` is named after ``filename``.
    """
    if format is not None and format not in FORMATS:
        raise ValueError(f"format is one of {', '.join(FORMATS)}")
    findings = Findings()
    source = decode(text, findings)
    if source is None:
        return Reading(None, findings.sorted())
    root: Node | None
    match format or detect_format(source, filename):
        case "json":
            root = read_json(source, findings)
        case "python":
            return _finish(read_python(source, findings, filename), findings, code=source)
        case _:
            root = read_yaml(source, findings)
    return _finish(root, findings)


def places(text: str) -> Callable[..., Mark | Node]:
    """What finds where a canonical place stands in ``text``: ``("actions", 0, "path")`` as line and column, or those of
    the deepest place above it that was written; line 0 where the text is no map, or Python."""
    findings = Findings()
    source = decode(text, findings)
    kind = detect_format(source, None) if source is not None else "python"
    root = None
    if source is not None and kind != "python":
        root = read_json(source, findings) if kind == "json" else read_yaml(source, findings)
    return Locator(root) if isinstance(root, Map) else lambda *steps: NOWHERE


def from_form(data: dict[str, Any]) -> Reading:
    """A manifest from a form's data: plain values, nested or with dotted names (``auth.type``, ``actions.0.id``).

    Types may be written in shorthand, and ``inputs``, ``steps`` and their like as text in the notation of YAML.
    """
    findings = Findings()
    return _finish(read_form(data, findings), findings)


def _finish(root: Node | None, findings: Findings, code: str = "") -> Reading:
    """``code`` is the text of the Python file that the tree was read from, if it was."""
    canonical = canonicalise(root, findings) if root is not None else None
    if canonical is not None and code:
        check_code(code, canonical, findings)
    if canonical is None or findings.has_errors:
        return Reading(None, findings.sorted(), findings.left_out)
    return Reading(load(canonical), findings.sorted(), findings.left_out)
