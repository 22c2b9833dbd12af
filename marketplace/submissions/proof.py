"""Evidence for what was handed in: looked for by a worker once it is handed in, asked for where a level rests on it.

In a private catalogue nothing is vouched for, so nothing is kept among the evidence that everybody may read.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction

from marketplace.evidence.models import Evidence
from marketplace.evidence.proving import keep, prove, require_evidence
from marketplace.evidence.rules import ENTERPRISE
from marketplace.evidence.standing import RuleStanding, standing_of
from marketplace.submissions.attestations import ATTESTATIONS
from marketplace.submissions.models import Submission
from registry.manifests import load
from registry.models import Version

TESTS = "contract-tests"


@dataclass(frozen=True)
class Behaviour:
    """A contract test that ends otherwise than for the version before; None where there was or is none."""

    title: str
    before: str | None
    after: str | None


def prove_soon(row: Submission) -> None:
    """Let a worker look, after the commit. Where no broker answers, a reviewer asks again."""
    if row.is_public:
        transaction.on_commit(partial(_ring, row.pk, row.desk_id), robust=True)


def prove_submission(id: UUID) -> bool:
    """Look at every rule that Galaxy can look at itself; False for what is over. Its desk is in scope. Slow."""
    row = Submission.objects.select_related("owner").open().filter(pk=id).first()
    if row is None or not row.is_public:
        return False
    files = {path: bytes(content) for path, content in row.files.values_list("path", "content")}
    prove(load(row.manifest), files, text=row.text, publisher=row.publisher)
    return True


def require_proof(row: Submission, level: str, vouched: Collection[str], *, now: datetime) -> None:
    """Raises NotProven, naming what ``level`` asks for and nobody proved."""
    if row.is_public:
        require_evidence(digest=row.digest, level=level, given=_given(row, vouched), now=now)


def keep_proof(row: Submission, version: Version, vouched: Collection[str], *, now: datetime) -> None:
    """What the decision itself proves becomes evidence of the version."""
    for rule, holds in _given(row, vouched).items() if row.is_public else ():
        if holds:
            keep(row.digest, rule, True, note=f"By {row.reviewer}"[:300], version=version, now=now)


def evidence_of(row: Submission) -> list[RuleStanding]:
    """How every rule of every level stands for these bytes."""
    return standing_of(row.digest, ENTERPRISE) if row.is_public else []


def report_of(digest: str) -> dict[str, Any]:
    """What the last contract tests of these bytes gave; {} where there were none."""
    rows = Evidence.objects.public().filter(digest=digest, rule=TESTS).order_by("-ran_at", "-id")
    return rows.values_list("report", flat=True).first() or {}


def behaviour(before: str, after: str) -> list[Behaviour]:
    """The contract tests that end otherwise for the bytes ``after`` than for those ``before``."""
    old, new = (_results(report_of(digest)) for digest in (before, after))
    if not old or not new:
        return []
    return [
        Behaviour((new.get(id) or old[id])["title"], _status(old.get(id)), _status(new.get(id)))
        for id in {**old, **new}
        if _status(old.get(id)) != _status(new.get(id))
    ]


def _given(row: Submission, vouched: Collection[str]) -> dict[str, bool]:
    proven = bool(row.owner and row.owner.is_proven)
    return {"reviewed": True, "publisher": proven, "attested": set(vouched) >= set(ATTESTATIONS)}


def _results(report: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in report.get("results", ())}


def _status(result: dict[str, Any] | None) -> str | None:
    return result["status"] if result else None


def _ring(id: UUID, desk: UUID) -> None:
    from marketplace.tasks import prove_submission as task

    task.apply_async(args=[str(id), str(desk)], retry=False)
