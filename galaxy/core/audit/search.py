"""Which events a filter means: one vocabulary for the page, exports, the command line and whoever else asks.

Filters are plain text by name, those that are set: ``q`` (how the object's name begins), ``actor`` (an id, or part of a
name), ``agent`` (an id), ``actor_kind``, ``action`` (the beginning of one, such as ``run.``), ``outcome``, ``show``
("key" leaves routine out), ``mode`` (live or simulated), ``since`` and ``until`` (days of UTC, both included),
``request_id`` and ``target`` (ids). Each is answered within a second over a million events: bench/trail.py.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta

from django.db.models import Exists, OuterRef, Q, QuerySet

from galaxy.core.audit.outcomes import FAILED, REFUSED, ROUTINE, last_word
from galaxy.core.audit.reading import actions_of, in_words
from galaxy.core.db import lookups  # noqa: F401  (registers ``prefix``)
from galaxy.core.models import Agent, AuditDetail, AuditEvent, Membership, Workspace

Events = QuerySet[AuditEvent, AuditEvent]

NAMES = {
    "q": "object", "actor": "actor", "agent": "agent", "actor_kind": "kind of actor", "action": "event",
    "outcome": "outcome", "show": "only", "mode": "mode", "since": "from", "until": "to",
    "request_id": "request", "target": "object id",
}  # fmt: skip


def matching(workspace: Workspace, filters: Mapping[str, str]) -> Events:
    """The events of ``workspace`` under all of ``filters``. KeyError for a filter there is none of."""
    events = AuditEvent.objects.in_workspace(workspace)
    for name, value in filters.items():
        events = _FILTERS[name](events, workspace, value)
    return events


def described(filters: Mapping[str, str]) -> str:
    """The filters as one line for people, "" for none."""
    words = {"show": "key events", "action": ""}
    return ", ".join(
        f"{NAMES[name]} {in_words(value.rstrip('.')).lower() if name == 'action' else words.get(name, value)}"
        for name, value in filters.items()
    )


def _named(events: Events, workspace: Workspace, words: str) -> Events:
    """By how the object's name begins, in small letters or with a capital: what an index behind a wall can answer."""
    begins = Q()
    for one in {words, words.lower(), words[:1].upper() + words[1:]}:
        begins |= Q(target_label__prefix=one)
    details = AuditDetail.objects.filter(begins, workspace=OuterRef("workspace"), event_id=OuterRef("pk"))
    return events.filter(Exists(details))


def _by_actor(events: Events, workspace: Workspace, words: str) -> Events:
    members = Membership.objects.in_workspace(workspace).filter(user__name__icontains=words)
    agents = Agent.objects.in_workspace(workspace).filter(name__icontains=words)
    found = [*members.values_list("user_id", flat=True), *agents.values_list("pk", flat=True)]
    ids = [words, *map(str, found), *(["galaxy"] if words.lower() in "galaxy" else [])]
    return events.filter(actor_id__in=ids)


def _by_outcome(events: Events, workspace: Workspace, outcome: str) -> Events:
    if outcome == "simulated":
        return events.filter(simulated=True)
    if outcome == "done":
        return events.filter(simulated=False).exclude(action__in=_ending(workspace, REFUSED | FAILED))
    words = REFUSED if outcome == "refused" else FAILED
    return events.filter(simulated=False, action__in=_ending(workspace, words))


def _ending(workspace: Workspace, words: Iterable[str]) -> list[str]:
    """The actions that occur and end with one of ``words``."""
    return [action for action in actions_of(workspace) if last_word(action) in words]


def _start_of(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day), time.min, UTC)


_FILTERS: dict[str, Callable[[Events, Workspace, str], Events]] = {
    "q": _named,
    "actor": _by_actor,
    "agent": lambda events, workspace, id: events.filter(actor_kind="agent", actor_id=id),
    "actor_kind": lambda events, workspace, kind: events.filter(actor_kind=kind),
    "action": lambda events, workspace, action: events.filter(action__prefix=action),
    "outcome": _by_outcome,
    "show": lambda events, workspace, _: events.exclude(action__in=_ending(workspace, ROUTINE)),
    "mode": lambda events, workspace, mode: events.filter(simulated=mode == "simulated"),
    "since": lambda events, workspace, day: events.filter(occurred_at__gte=_start_of(day)),
    "until": lambda events, workspace, day: events.filter(occurred_at__lt=_start_of(day) + timedelta(days=1)),
    "request_id": lambda events, workspace, id: events.filter(request_id=id),
    "target": lambda events, workspace, id: events.filter(target_id=id),
}
