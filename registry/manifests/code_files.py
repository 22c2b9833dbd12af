"""Python beside a manifest, checked before it becomes a version: what a run would refuse is found here, by its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from .findings import Finding, Findings
from .model import Manifest
from .nodes import Mark
from .python_checks import check_code
from .python_file import find_run, parse_code


def code_names(manifest: Manifest) -> Iterator[str]:
    """The files of Python that the manifest names, each once."""
    holders = (manifest.canonical, *manifest.canonical.get("actions", ()))
    named = (place.get("code_file") for holder in holders for place in (holder, holder.get("simulation", {})))
    yield from dict.fromkeys(name for name in named if name)


def code_findings(manifest: Manifest, files: Mapping[str, bytes]) -> list[Finding]:
    """What is wrong with each named file that is there, file by file and in the order of its lines."""
    found: list[Finding] = []
    for name in code_names(manifest):
        if name in files:
            found += file_findings(name, files[name], manifest)
    return found


def file_findings(name: str, content: bytes, manifest: Manifest) -> list[Finding]:
    findings = Findings()
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        where = Mark(content.count(b"\n", 0, error.start) + 1, 1)
        findings.add("python-syntax", where, message=f"{name} is not UTF-8 text.", fix="Save it as UTF-8.")
    else:
        tree = parse_code(text, findings)
        if tree is not None:
            find_run(tree, findings)
            check_code(text, manifest.canonical, findings)
    return [replace(finding, path=name, file=name) for finding in findings.sorted()]
