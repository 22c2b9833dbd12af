"""What the page of a live run shows of its requests: each that left, in order, and what came back."""

from dataclasses import dataclass
from typing import Any

from sandbox.execution_page import bytes_text
from sandbox.models import CallRecord, Category, Run


@dataclass(frozen=True)
class Request:
    """``address`` holds inputs by their names and no values; ``answer`` is the status, or why there is none, and
    ``tone`` its colour. ``duration_ms`` covers redirects too."""

    attempt: int
    page: int
    method: str
    address: str
    answer: str
    tone: str
    received: str
    duration_ms: float
    redirects: int


def requests_of(run: Run) -> list[Request]:
    """Empty for a run that sent none: a simulated one, one that was stopped before, or one that is not over."""
    if run.is_simulated or not run.is_final:
        return []
    record = CallRecord.objects.in_workspace(run.workspace).filter(run=run).first()
    attempts = record.exchanges if record else []
    return [_request(attempt, one) for attempt in attempts for one in attempt.get("requests", ())]


def _request(attempt: dict[str, Any], one: dict[str, Any]) -> Request:
    status = one["status"]
    answer = str(status) if status else one["reason"] or "No answer"
    is_bad = status is None or status >= 400
    if not is_bad and attempt["category"] and one is attempt["requests"][-1]:  # a yes that could not be used
        is_bad, answer = True, f"{status}, {Category(attempt['category']).label.lower()}"
    return Request(
        attempt=attempt["attempt"],
        page=one["page"],
        method=one["method"],
        address=one["url"],
        answer=answer,
        tone="warn" if is_bad else "ok",
        received=bytes_text(one["bytes_in"]),
        duration_ms=one["duration_ms"],
        redirects=one["redirects"],
    )
