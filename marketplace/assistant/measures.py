"""What advice is judged by, counted at one moment: {what, bad, of, target, done}. Fewer ``bad`` is better.

``of`` is how many calls or questions there were in all, ``done`` whether what was recommended holds by now, where that
can be told (None where not). The same reader counts before and after, so that the two can be compared.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from marketplace.assistant.models import Advice
from marketplace.assistant.reading import Installed
from marketplace.assistant.reading import access as access_facts
from marketplace.assistant.reading import work as work_facts
from policies.models import Approval, Decision, Effect
from policies.models.approvals import Vote
from registry.models import Connection
from sandbox.metrics.reading import figures_of
from sandbox.metrics.windows import window_of
from sandbox.models import Counts, Run, Trigger

WINDOW = timedelta(days=7)


def measure_of(advice: Advice, now: datetime | None = None) -> dict[str, Any]:
    """How it stands now with what ``advice`` is about; of the seven days before, where calls are counted."""
    now = now or timezone.now()
    what, target = advice.measure["what"], advice.measure.get("target", "")
    bad, of, done = _READERS[what](advice, target, now)
    return {"what": what, "bad": bad, "of": of, "target": target, "done": done}


Read = tuple[int, int, bool | None]


def _version(advice: Advice, target: str, now: datetime) -> Read:
    bad, of = _calls(advice, "", now)
    installation = advice.installation
    pin = getattr(installation, "pin", None) if installation and installation.is_active else None
    wanted = advice.recommended.version
    return bad, of, pin is not None and (pin.digest == wanted if wanted else pin.version.number != advice.key)


def _errors(advice: Advice, target: str, now: datetime) -> Read:
    return *_calls(advice, target, now), None


def _calls(advice: Advice, target: str, now: datetime) -> tuple[int, int]:
    rows = Run.objects.in_workspace(advice.workspace).filter(
        installation=advice.installation, created_at__gt=now - WINDOW, created_at__lte=now
    )
    if target:
        rows = rows.filter(target=target)
    bad = rows.filter(counts_as=Counts.BAD).count()
    return bad, bad + rows.filter(counts_as=Counts.GOOD).count()


def _p95(advice: Advice, target: str, now: datetime) -> Read:
    window = window_of("7d", now)
    ids = [advice.installation_id] if advice.installation_id else []
    found = figures_of(advice.workspace, window, installations=ids, target=target)
    return (round(found[0].p95_ms or 0), found[0].calls, None) if found else (0, 0, None)


def _decisions(advice: Advice, now: datetime) -> Any:
    rows = Decision.objects.in_workspace(advice.workspace).filter(decided_at__gt=now - WINDOW, decided_at__lte=now)
    return rows.filter(input__resource__installation_id=str(advice.installation_id))


def _refused(advice: Advice, code: str, now: datetime) -> Read:
    rows = _decisions(advice, now)
    return rows.filter(effect=Effect.DENY, reasons__0__code=code).count(), rows.count(), None


def _shut_off(advice: Advice, target: str, now: datetime) -> Read:
    """Calls that a rule denied since its scopes were shut off, if they were."""
    rows = _decisions(advice, now)
    here = Installed(advice.workspace)
    idle = {one.installation.id: one for one in access_facts.idle(here, now)}
    one = idle.get(advice.installation_id) if advice.installation_id else None
    denied = rows.filter(effect=Effect.DENY).exclude(rules=[]).count()
    return denied, rows.count(), bool(one and one.is_denied)


def _connected(advice: Advice, target: str, now: datetime) -> Read:
    row = Connection.objects.in_workspace(advice.workspace).filter(pk=advice.connection_id).first()
    is_well = bool(row and row.is_authenticated and (row.expires_at is None or row.expires_at > now))
    return int(not is_well), 1, None


def _asked(advice: Advice, target: str, now: datetime) -> Read:
    rows = Vote.objects.filter(workspace=advice.workspace, voted_at__gt=now - WINDOW, voted_at__lte=now)
    rows = rows.filter(approval__installation=advice.installation, approval__target=target)
    runs = Run.objects.in_workspace(advice.workspace).filter(
        installation=advice.installation, target=target, created_at__gt=now - WINDOW, created_at__lte=now
    )
    return rows.count(), runs.count(), None


def _waiting(advice: Advice, target: str, now: datetime) -> Read:
    rows = Approval.objects.in_workspace(advice.workspace).filter(status=Approval.Status.PENDING, expires_at__gt=now)
    count = rows.count()
    return count, count, None


def _requirement(advice: Advice, slug: str, now: datetime) -> Read:
    lacking = work_facts.lacking(Installed(advice.workspace))
    return int(any(one.pack.id == advice.installation_id and one.slug == slug for one in lacking)), 1, None


def _live(advice: Advice, target: str, now: datetime) -> Read:
    rows = Run.objects.in_workspace(advice.workspace).filter(installation=advice.installation, parent=None)
    rows = rows.filter(mode=Run.Mode.LIVE, state=Run.State.SUCCEEDED, created_at__gt=now - WINDOW)
    return int(not rows.exists()), 1, None


def _trigger(advice: Advice, target: str, now: datetime) -> Read:
    row = Trigger.objects.in_workspace(advice.workspace).filter(pk=advice.subject_id).first()
    is_well = bool(
        row and row.is_on and not row.silent_since and row.last_event_at and row.last_event_at > now - WINDOW
    )
    return int(not is_well), 1, None


_READERS: dict[str, Callable[[Advice, str, datetime], Read]] = {
    "version": _version,
    "errors": _errors,
    "p95": _p95,
    "refused": _refused,
    "denied_by_rule": _shut_off,
    "connected": _connected,
    "asked": _asked,
    "waiting": _waiting,
    "requirement": _requirement,
    "live": _live,
    "trigger": _trigger,
}
