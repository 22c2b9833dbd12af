"""``manage.py extension test``: the contract tests of a folder, run on this machine, as lines or as one JSON object."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from galaxy.core.errors import DomainError
from galaxy.core.terminal import calm_json
from marketplace.checks import check
from marketplace.checks.coverage import FAILED, FILLED, MISSING, PASSED, RUNNING, Coverage, coverage_of
from marketplace.folders import Folder
from registry.manifests import Manifest, places
from sandbox.contract_tests import Report, run_tests
from sandbox.contract_tests.local import local_sandbox
from sandbox.pool import SandboxUnavailable
from sandbox.pool.build import BuildError, ensure

Say = Callable[[str], Any]
MARKS = {PASSED: "pass", FAILED: "FAIL", FILLED: "there", MISSING: "-", RUNNING: "..."}
HEADS = ("OK", "401", "429", "5xx")


class NoSandbox(DomainError):
    """Python of the folder cannot be run on this machine as it has to be."""

    status = 503
    code = "no_sandbox"
    next_step = "Run it where the sandbox runs, or submit a draft: its tests run there."


def told_tests(folder: Folder, say: Say, tell: Say, *, as_json: bool = False) -> bool:
    """Run the tests of ``folder`` and print what came of it; whether all of them passed. ``tell`` takes what is beside
    the matter, such as that the sandbox is being built. Raises NoSandbox."""
    checked = check(folder.text, folder.files)
    manifest = checked.manifest
    if manifest is None:
        if as_json:
            answer = {"results": [], "findings": [one.as_dict() for one in checked.errors]}
            say(calm_json(json.dumps(answer, ensure_ascii=False)))
        for finding in () if as_json else checked.errors:
            say(finding_line(finding.as_dict(), folder.name))
        tell("The text has errors, so there is nothing to test.")
        return False
    report = _run(manifest, checked.files, tell)
    if as_json:
        say(calm_json(json.dumps(report.as_dict(), indent=2, sort_keys=True, ensure_ascii=False)))
        return report.has_passed
    results = report.as_dict()["results"]
    for line in grid(_states(coverage_of(manifest, results))):
        say(line)
    for line in failures(results, place_in(folder.text, folder.name, manifest)):
        say(line)
    if not results:
        say("There is no test: nothing of it has a fixture.")
    say(f"{report.passed} of {len(results)} passed in {report.took_ms / 1000:.1f} s.")
    return report.has_passed


def finding_line(one: Mapping[str, Any], name: str) -> str:
    """A finding as a line that editors jump to, and how to put it right; ``name`` is that of the manifest."""
    return f"{one['file'] or name}:{one['line']}:{one['column']} {one['code']} {one['message']}\n    fix: {one['fix']}"


def grid(rows: Iterable[tuple[str, Iterable[str]]]) -> list[str]:
    """The coverage as lines: an action each, and the states of its four paths."""
    found = [(action, [MARKS[state] for state in states]) for action, states in rows]
    if not found:
        return []
    wide = max(len(action) for action, _ in found)
    lines = [f"{'':{wide}}  {'  '.join(f'{head:5}' for head in HEADS)}".rstrip()]
    lines += [f"{action:{wide}}  {'  '.join(f'{mark:5}' for mark in marks)}".rstrip() for action, marks in found]
    return lines


def failures(results: Iterable[Mapping[str, Any]], place: Callable[[str, str], str]) -> list[str]:
    """Each test that did not pass: its place, its code, and what was expected and got."""
    return [
        f"{place(one['action'], one['scenario'])} {one['id']} {one['title']}"
        f"{' (not run)' if one['status'] == 'untested' else ''}\n"
        f"    expected: {one['expected']}\n    got: {one['got']}"
        for one in results
        if one["status"] != "passed"
    ]


def place_in(text: str, name: str, manifest: Manifest) -> Callable[[str, str], str]:
    """Where a fixture stands, as ``manifest.yaml:12:7``: the deepest place that was written. Python has none."""
    locate = places(text)
    ids = [raw.get("id") for raw in manifest.canonical.get("actions", ())]

    def place(action: str, scenario: str) -> str:
        steps: list[str | int] = ["actions", ids.index(action)] if action in ids else []
        mark = locate(*steps, "fixtures", scenario)
        return f"{name}:{mark.line}:{mark.column}" if mark.line else name

    return place


def _states(coverage: Coverage) -> Iterable[tuple[str, list[str]]]:
    return ((action, [cell.state for cell in cells]) for action, cells in coverage.rows)


def _run(manifest: Manifest, files: Mapping[str, bytes], tell: Say) -> Report:
    if not _has_python(manifest):
        return run_tests(manifest, files)
    try:
        ensure(tell)
        with local_sandbox() as sandbox:
            return run_tests(manifest, files, sandbox=sandbox)
    except (BuildError, SandboxUnavailable) as error:
        raise NoSandbox(f"Python does not run on this machine: {error}.") from error


def _has_python(manifest: Manifest) -> bool:
    holders = [manifest.canonical, *manifest.canonical.get("actions", ())]
    return any("code_file" in holder for holder in holders)
