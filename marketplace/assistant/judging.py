"""Whether advice helped, seven days after somebody acted on it. Sums alone; what cannot be told is not told."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from galaxy.core.models import Workspace
from marketplace.assistant.measures import measure_of
from marketplace.assistant.models import Advice
from marketplace.assistant.rules.running import budget_of

JUDGED_AFTER = timedelta(days=7)
FEWEST, FEWEST_TIMED = 5, 20  # calls; of fewer nothing is said
TOLERANCE = 2  # percentage points by which calls of another version may fail more
HALF = 2
JUDGED_AT_MOST = 200  # in one sweep; the next one takes the rest
_HELPED, _DID_NOT, _UNKNOWN = Advice.Verdict.HELPED, Advice.Verdict.DID_NOT, Advice.Verdict.UNKNOWN


def verdict_on(before: dict[str, Any], after: dict[str, Any], kind: str = "action") -> Advice.Verdict:
    """Of two measures of one thing (marketplace.assistant.measures). Pure. ``kind`` is of what was called."""
    what, bad, of = after["what"], after["bad"], after["of"]
    if what == "version":
        if not after["done"] or of < FEWEST:
            return _UNKNOWN
        worse = 100 * bad * max(before["of"], 1) > of * (100 * before["bad"] + TOLERANCE * max(before["of"], 1))
        return _DID_NOT if worse else _HELPED
    if what == "denied_by_rule":
        if not after["done"]:
            return _UNKNOWN
        return _DID_NOT if bad else _HELPED
    if what in ("connected", "requirement", "live", "trigger"):
        return _DID_NOT if bad else _HELPED
    if what == "p95":
        if of < FEWEST_TIMED:
            return _UNKNOWN
        return _HELPED if bad <= budget_of(kind) else _DID_NOT
    if what == "errors":
        if of < FEWEST or not before["of"]:
            return _UNKNOWN
        return _HELPED if HALF * bad * before["of"] <= before["bad"] * of else _DID_NOT
    if what in ("refused", "asked") and not of:
        return _UNKNOWN  # it was not called at all
    return _HELPED if HALF * bad <= before["bad"] else _DID_NOT


def judge_due(workspace: Workspace, now: datetime | None = None) -> int:
    """Judge what was acted on long enough ago; returns how many that were. Safe to run twice."""
    now = now or timezone.now()
    rows = Advice.objects.in_workspace(workspace).filter(judge_at__lte=now, judged_at=None)
    due = list(rows.order_by("judge_at").values_list("pk", flat=True)[:JUDGED_AT_MOST])
    for pk in due:
        with transaction.atomic():
            _judge(workspace, pk, now)
    return len(due)


def _judge(workspace: Workspace, pk: Any, now: datetime) -> None:
    rows = Advice.objects.in_workspace(workspace).select_for_update(of=("self",)).filter(pk=pk, judged_at=None)
    related = ("workspace", "installation__extension", "installation__pin__version")
    row = rows.select_related(*related).first()
    if row is None:
        return
    kind = row.installation.extension.kind if row.installation else ""
    row.after = measure_of(row, now)
    row.verdict, row.judged_at = verdict_on(row.measure, row.after, kind), now
    row.save(update_fields=["after", "verdict", "judged_at"])
