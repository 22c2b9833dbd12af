"""Saying yes: what was reviewed is published, listed and vouched for in one transaction, or nothing is."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from galaxy.core.models import User, Workspace
from galaxy.core.permissions import require
from marketplace.desk import MAY_REVIEW
from marketplace.models import VerificationLevel
from marketplace.services import list_extension
from marketplace.submissions import news
from marketplace.submissions.attestations import ATTESTATIONS
from marketplace.submissions.errors import NotReady, NotVouched
from marketplace.submissions.facing import Order, Prepared, ready
from marketplace.submissions.machine import MOVES, both_sides, locked, make_move
from marketplace.submissions.models import Submission
from marketplace.submissions.proof import keep_proof, require_proof
from marketplace.submissions.services import MOST_CHARACTERS, check_reviewer
from registry.models import Version
from registry.services.publishing import publish_private, publish_version

NOT_CONFIRMED = "Its reviewer did not confirm the security fix, so it waits like any other release."
NEEDS_SUPPORT = (VerificationLevel.VERIFIED, VerificationLevel.ENTERPRISE)


@transaction.atomic
def approve(
    submission: Submission,
    *,
    desk: Workspace,
    actor: User,
    level: str = VerificationLevel.COMMUNITY,
    attestations: Iterable[str] = (),
    confirms_fix: bool = False,
    note: str = "",
    now: datetime | None = None,
) -> Submission:
    """Publish exactly the bytes that were handed in, list them at ``level`` and tell their authors.

    They are checked once more, since a name or a number may have been taken meanwhile. Enterprise asks for every one
    of ATTESTATIONS. ``confirms_fix``: the reviewer saw that it closes the security hole its authors name; else it is
    published as a release like any other, which waits. Raises NotGranted, OwnWork, NotNow, NotTheReviewer, NotVouched,
    NotProven, NotReady, or what publishing refuses; then nothing is different.
    """
    require(actor, MAY_REVIEW, desk)
    with both_sides(submission) as sides:
        row = locked(submission, MOVES["approve"])
        check_reviewer(row, actor)
        if row.owner is not None and row.owner.workspace_id != sides.origin.pk:
            raise NotReady(f"{row.owner} belongs to another workspace now than the one that handed {row} in.")
        vouched = check_level(row, level, attestations)
        order = Order(sides.desk, row.owner, row.changes, row.support)
        files = {path: bytes(content) for path, content in row.files.values_list("path", "content")}
        prepared = ready(sides.origin, row.text, files, order)
        if prepared.digest != row.digest:
            raise NotReady(f"{row} reads otherwise now than when it was handed in: its authors submit it again.")
        now = now or timezone.now()
        require_proof(row, level, vouched, now=now)
        closes = row.security_fix if confirms_fix else ""
        note = note.strip()[:MOST_CHARACTERS]
        version = _publish(row, prepared, level, sides.origin, closes)
        keep_proof(row, version, vouched, now=now)
        make_move(
            row,
            MOVES["approve"],
            actor=actor,
            sides=sides,
            note=note,
            now=now,
            facts={"level": level, "attestations": vouched, "closes": closes},
            decided_by=actor,
            closed_at=now,
            level=level,
            attestations=vouched,
            version=version,
        )
        told = f"{NOT_CONFIRMED} {note}".strip() if row.security_fix and not closes else note
        news.tell_authors(row, sides.origin, "submission_approved", by=actor, note=told)
    return row


def check_level(row: Submission, level: str, attestations: Iterable[str]) -> list[str]:
    """What is vouched for, in the order of ATTESTATIONS. Raises NotVouched."""
    if level not in VerificationLevel.values:
        raise NotVouched("There is no such level.", {"level": f"One of {', '.join(VerificationLevel.values)}."})
    if level in NEEDS_SUPPORT and not row.support:
        sentence = f"{row} names nobody who helps, and {VerificationLevel(level).label} asks for that."
        raise NotVouched(sentence, {"level": sentence}, "Ask for changes, or approve it as Community.")
    if level != VerificationLevel.COMMUNITY and not row.is_public:
        sentence = "The marketplace vouches for nothing in a private catalogue: there it is Community."
        raise NotVouched(sentence, {"level": sentence})
    given = set(attestations)
    vouched = [code for code in ATTESTATIONS if code in given]
    if level == VerificationLevel.ENTERPRISE and len(vouched) < len(ATTESTATIONS):
        missing = len(ATTESTATIONS) - len(vouched)
        sentence = f"Enterprise asks you to vouch for {len(ATTESTATIONS)} things; {missing} of them you did not tick."
        raise NotVouched(sentence, {"attestations": sentence})
    return vouched


def _publish(row: Submission, prepared: Prepared, level: str, origin: Workspace, closes: str) -> Version:
    """The version, in its catalogue; ``closes`` is the security hole that its reviewer confirmed, "" for none."""
    manifest, files = prepared.manifest, prepared.files
    words: dict[str, Any] = {"published_by": row.submitted_by, "changes": row.changes, "security_fix": closes}
    if row.owner is None:
        version = publish_private(manifest, workspace=origin, files=files, **words)
    else:
        version = publish_version(manifest, files=files, publisher=row.owner, **words)
    list_extension(version, level=level, summary=manifest.summary)
    return version
