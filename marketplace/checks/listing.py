"""The list itself: every check in its turn, in one order for everybody who reads it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from marketplace.checks import code_shapes, documents, fixtures, flows, names, numbers, promises, reaching, secrets
from marketplace.checks.codes import CODES
from marketplace.checks.context import NOBODY, Context
from marketplace.checks.notes import Subject
from registry.manifests import Finding, Manifest, publishable, read
from registry.manifests.code_files import code_findings
from registry.manifests.findings import more_findings
from registry.manifests.sources import detect_format
from registry.services.publishing import file_problems

MOST_FINDINGS = 200


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
        """What keeps it from being a version."""
        return [finding for finding in self.findings if finding.severity == "error"]

    @property
    def obstacles(self) -> list[Finding]:
        """What keeps it from being submitted: the errors, and what nobody shall be offered."""
        return [one for one in self.findings if one.severity == "error" or CODES[one.code].stops == "submission"]

    @property
    def before_submission(self) -> list[Finding]:
        """What a version may have and a submission may not."""
        return [one for one in self.obstacles if one.severity != "error"]

    @property
    def remarks(self) -> list[Finding]:
        """What keeps it from nothing, and is worth a reviewer's look."""
        stops = {id(one) for one in self.obstacles}
        return [one for one in self.findings if id(one) not in stops]

    @property
    def is_publishable(self) -> bool:
        return self.manifest is not None and not self.errors

    @property
    def is_submittable(self) -> bool:
        return self.manifest is not None and not self.obstacles


def check(text: str, files: Mapping[str, bytes] | None = None, context: Context = NOBODY) -> Checked:
    """Everything there is to say of the text and of the files beside it: the text's findings in the order of its
    lines, then those of no line, then file by file."""
    reading = read(text)
    manifest, found = reading.manifest, dict(files or {})
    leaks = secrets.findings(text, found)
    if manifest is None:
        return Checked(None, bounded([*reading.findings, *leaks], reading.left_out), found)
    code = manifest.canonical.get("code_file")
    beside = dict(found)
    if code is not None and detect_format(text, None) == "python":
        found[code] = text.replace("\r\n", "\n").encode()
        beside.pop(code, None)  # its findings are the text's own
    subject = Subject(text, manifest, found, context)
    findings = [*reading.findings, *(_placed(one, subject) for one in publishable(manifest)), *leaks]
    findings += code_findings(manifest, beside)
    findings += (
        Finding("unpublishable", 0, 0, problem, "Add the file, or correct it.", "error", "files")
        for problem in file_problems(manifest, found)
    )
    for module in (names, numbers, documents, reaching, promises, fixtures, flows, code_shapes):
        findings += module.findings(subject)
    return Checked(manifest, bounded(findings, reading.left_out), found)


def bounded(findings: list[Finding], left_out: int = 0) -> list[Finding]:
    """In their order, MOST_FINDINGS at most, and then how many there are beside: a list that nobody could read helps
    nobody, and a page of it is megabytes. What stops a version or a submission is kept before what stops nothing."""
    found = ordered([one for one in findings if one.code != "more-findings"])
    by_weight = sorted(found, key=lambda one: (one.severity != "error", CODES[one.code].stops != "submission"))
    kept = set(by_weight[:MOST_FINDINGS])
    listed = [one for one in found if one in kept]
    left_out += len(found) - len(listed)
    return [*listed, more_findings(left_out)] if left_out else listed


def ordered(findings: list[Finding]) -> list[Finding]:
    """Equal lists for equal findings, whichever check found one first. Each says why."""
    told = [one if one.why else replace(one, why=CODES[one.code].why or CODES[one.code].about) for one in findings]
    return sorted(
        dict.fromkeys(told),
        key=lambda one: (one.file, one.line == 0, one.line, one.column, one.code, one.path, one.message),
    )


def _placed(finding: Finding, subject: Subject) -> Finding:
    """What publication lacks, at the place of the text where it is lacking: ``actions.create_task.fixtures.429``."""
    steps: list[str | int] = [*finding.path.split(".")]
    if len(steps) > 1 and steps[0] == "actions":
        steps = [*subject.action_steps(str(steps[1])), *steps[2:]]
    mark = subject.locate(*steps)
    return replace(finding, line=mark.line, column=mark.column)
