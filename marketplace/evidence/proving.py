"""Looking at the rules that Galaxy can look at itself, and keeping what came of it as evidence."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from galaxy.core.errors import Conflict
from galaxy.core.models import Workspace
from marketplace.checks import Checked, Context, check
from marketplace.checks.coverage import coverage_of
from marketplace.evidence.models import Evidence
from marketplace.evidence.rules import BY_CODE, rules_of
from marketplace.evidence.standing import RuleStanding, standing_of
from registry.manifests import Manifest, version_digest
from registry.models import Publisher, Version
from sandbox.contract_tests import Report, run_tests

REVIEWED = "reviewed"

KEPT_REPORTS = 5  # of one rule; of older evidence the fact is kept and the report is not


class NotProven(Conflict):
    code = "not_proven"
    next_step = "Prove what is missing, or approve to a lower level."


@transaction.atomic
def keep(
    digest: str,
    rule: str,
    passed: bool,
    *,
    note: str = "",
    report: dict[str, Any] | None = None,
    version: Version | None = None,
    workspace: Workspace | None = None,
    now: datetime | None = None,
) -> Evidence:
    """Keep that ``rule`` was looked at for the bytes called ``digest``. KeyError for a rule that there is not."""
    rule = BY_CODE[rule].code
    made = Evidence.objects.create(
        digest=digest,
        rule=rule,
        passed=passed,
        note=note[:300],
        report=report or {},
        version=version,
        workspace=workspace,
        ran_at=now or timezone.now(),
    )
    of_rule = Evidence.objects.filter(digest=digest, rule=rule, workspace=workspace)
    old = of_rule.exclude(report={}).order_by("-ran_at", "-id").values_list("pk", flat=True)[KEPT_REPORTS:]
    Evidence.objects.filter(pk__in=list(old)).update(report={})
    return made


def prove(
    manifest: Manifest,
    files: Mapping[str, bytes],
    *,
    text: str = "",
    publisher: str = "",
    version: Version | None = None,
    now: datetime | None = None,
) -> Report:
    """Look at every rule of source check and tests for these bytes, and keep what came of it. Returns the report of
    the contract tests. Slow (seconds where there is much Python): outside of any transaction."""
    digest = version_digest(manifest, files)
    report = run_tests(manifest, files)
    checked = check(text or manifest.canonical_text, files, Context(publisher))
    with transaction.atomic():
        for rule, (passed, note, told) in _found(manifest, checked, report).items():
            keep(digest, rule, passed, note=note, report=told, version=version, now=now)
    return report


def prove_version(version: Version, *, now: datetime | None = None) -> Report:
    """As ``prove``, for a published version; how its publisher's name is proven now is looked at too."""
    owner = version.extension.owner
    is_proven = owner is not None and owner.proof != Publisher.Proof.NONE
    note = f"{owner.name}: {owner.get_proof_display().lower()}" if owner and is_proven else "The name is not proven"
    keep(version.digest, "publisher", is_proven, note=note, version=version, now=now)
    files = {path: bytes(content) for path, content in version.files.values_list("path", "content")}
    return prove(version.parsed, files, publisher=version.extension.publisher, version=version, now=now)


def keep_review(version: Version, *, level: str, note: str) -> None:
    """Keep that whoever runs Galaxy read a version that they list at ``level`` themselves; safe to run twice."""
    asks = any(rule.code == REVIEWED for rule in rules_of(level))
    if asks and not Evidence.objects.public().filter(digest=version.digest, rule=REVIEWED).exists():
        keep(version.digest, REVIEWED, True, note=note, version=version)


def require_evidence(
    *, digest: str, level: str, given: Mapping[str, bool] | None = None, now: datetime | None = None
) -> list[RuleStanding]:
    """How the rules of ``level`` stand for these bytes, all of them proven. Raises NotProven naming those that are
    not. ``given`` are rules that this very decision proves, such as that it was reviewed."""
    found = standing_of(digest, level, now=now)
    given = given or {}
    missing = [one for one in found if not (one.holds or given.get(one.rule.code))]
    if missing:
        names = ", ".join(one.rule.title.lower() for one in missing)
        raise NotProven(f"It cannot be {level} yet. Not proven: {names}.")
    return found


def _found(manifest: Manifest, checked: Checked, report: Report) -> dict[str, tuple[bool, str, dict[str, Any]]]:
    """Per rule whether it holds, a note for people, and a report where there is one."""
    stops = checked.obstacles
    words = [one for one in stops if one.code in {"no-licence", "no-docs"}]
    coverage = coverage_of(manifest)
    undone = [one for one in report.results if one.id.endswith(".undoes")]
    writes = [one for one in manifest.actions.values() if one.effect == "write"]
    undo_holds = all(one.undo for one in writes) and all(one.status == "passed" for one in undone)
    passed = f"{report.passed} of {len(report.results)} passed"
    return {
        "findings": (not stops, f"{len(stops)} open" if stops else "Nothing is open", {}),
        "licence": (not words, words[0].message if words else manifest.canonical.get("licence", "A file LICENSE"), {}),
        "contract-tests": (report.has_passed, passed, report.as_dict()),
        "all-paths": (coverage.is_complete, f"{coverage.filled} of {coverage.total}", {}),
        "undo": (undo_holds, f"{sum(bool(one.undo) for one in writes)} of {len(writes)} writes", {}),
    }
