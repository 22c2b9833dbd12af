"""Findings as the checks of the marketplace make them, each at the line of the text that it is about."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from marketplace.checks.codes import CODES
from marketplace.checks.context import Context
from registry.manifests import Finding, Manifest, places
from registry.manifests.sources import detect_format

Step = str | int


@dataclass(frozen=True)
class Subject:
    """What is checked: the text, the manifest that it says, and the files that a version would have."""

    text: str
    manifest: Manifest
    files: dict[str, bytes]
    context: Context = field(default_factory=Context)

    @cached_property
    def is_python(self) -> bool:
        """Whether the text itself is the file of Python that it declares."""
        return "code_file" in self.manifest.canonical and detect_format(self.text, None) == "python"

    @cached_property
    def locate(self):
        """As ``registry.manifests.places``."""
        return places(self.text)

    def action_steps(self, action: str) -> tuple[Step, ...]:
        """Where the action called ``action`` stands: () for the only one of a manifest."""
        ids = [raw.get("id") for raw in self.manifest.canonical.get("actions", ())]
        return ("actions", ids.index(action)) if self.manifest.kind == "connector" and action in ids else ()

    def at(self, code: str, *steps: Step, message: str, fix: str = "") -> Finding:
        """A finding about the place that ``steps`` lead to, or the deepest above it that the text has."""
        mark = self.locate(*steps)
        return note(code, message, fix=fix, line=mark.line, column=mark.column, path=_path(steps))


def note(
    code: str, message: str, *, fix: str = "", line: int = 0, column: int = 0, path: str = "", file: str = ""
) -> Finding:
    entry = CODES[code]
    return Finding(code, line, column, message, fix or entry.fix, entry.severity, path, entry.why or entry.about, file)


def _path(steps: tuple[Step, ...]) -> str:
    return "".join(_parts(steps)).lstrip(".")


def _parts(steps: tuple[Step, ...]) -> Iterator[str]:
    for step in steps:
        yield f"[{step}]" if isinstance(step, int) else f".{step}"
