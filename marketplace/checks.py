"""One list of findings for one extension: what its maker is told while typing is what keeps it from being a version."""

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from registry.manifests import Finding, Manifest, publishable, read
from registry.manifests.findings import Findings
from registry.manifests.nodes import Mark
from registry.manifests.python_checks import check_code
from registry.manifests.sources import detect_format
from registry.services.publishing import code_files, file_problems


@dataclass(frozen=True)
class Checked:
    """What came of a text and its files. ``manifest`` is None where a finding of the text is an error.

    ``files`` are those that a version would have: a Python text is one of them.
    """

    manifest: Manifest | None
    findings: list[Finding]
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def errors(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity == "error"]

    @property
    def remarks(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.severity != "error"]

    @property
    def is_publishable(self) -> bool:
        return self.manifest is not None and not self.errors


def check(text: str, files: Mapping[str, bytes] | None = None) -> Checked:
    """Everything there is to say of the text and of the files beside it, in the order of the text."""
    reading = read(text)
    manifest, found = reading.manifest, dict(files or {})
    if manifest is None:
        return Checked(None, reading.findings, found)
    code = manifest.canonical.get("code_file")
    is_python_text = code is not None and detect_format(text, None) == "python"
    if is_python_text:
        found[code] = text.replace("\r\n", "\n").encode()
    findings = [*reading.findings, *publishable(manifest)]
    for name in dict.fromkeys(code_files(manifest)):
        if name in found and not (is_python_text and name == code):
            findings += _code_findings(name, found[name], manifest)
    findings += (
        Finding("unpublishable", 0, 0, problem, "Add the file, or correct it.", "error", "files")
        for problem in file_problems(manifest, found)
    )
    return Checked(manifest, findings, found)


def _code_findings(name: str, content: bytes, manifest: Manifest) -> list[Finding]:
    """What a run of the file would refuse; their ``path`` is the file."""
    findings = Findings()
    try:
        text = content.decode()
        ast.parse(text)
    except (UnicodeDecodeError, SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        findings.add("python-syntax", Mark(line, 1), message=f"{name} does not parse: {getattr(error, 'msg', error)}.")
    else:
        check_code(text, manifest.canonical, findings)
    return [replace(finding, path=name) for finding in findings.sorted()]
