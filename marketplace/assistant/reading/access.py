"""Facts about access: calls denied for want of a scope, scopes that nobody uses, accounts that end."""

import json
from collections import Counter
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection
from django.db.models import Count

from galaxy.core.models import Agent, User
from galaxy.core.permissions import can
from marketplace.assistant.facts import Account, Idle, Named, Refused
from marketplace.assistant.reading.installed import Installed
from policies.models import Effect
from policies.rules.scopes import matches
from policies.services.rules import rules_in_force
from registry.models import Connection, Installation, Kind
from sandbox.models import Run

WINDOW = timedelta(days=14)
USED_WITHIN = timedelta(days=30)
SOON = timedelta(days=7)
MOST_DECISIONS = 50_000  # the newest
MOST_ASKED = 10  # people whose grants are looked up again
CODES = ("scope_not_consented", "agent_scope_missing", "write_grant_missing")
_REFUSED = """
SELECT resource, code, agent, person, asked, count(*), max(decided_at), (array_agg(id ORDER BY decided_at DESC))[1]
FROM (
    SELECT id, decided_at, input->'resource'->>'installation_id' AS resource, reasons->0->>'code' AS code,
        input->'principal'->>'agent' AS agent, input->'principal'->>'id' AS person,
        input->'action'->>'scopes' AS asked
    FROM policies_decision
    WHERE workspace_id = %s AND decided_at > %s AND decided_at <= %s AND effect = 'deny'
        AND coalesce(input->'context'->>'act', 'call') = 'call'
    ORDER BY decided_at DESC LIMIT %s
) AS newest WHERE code = ANY (%s) GROUP BY 1, 2, 3, 4, 5
"""
_USED = """
SELECT installation, action, count(*) FROM (
    SELECT input->'resource'->>'installation_id' AS installation, action FROM policies_decision
    WHERE workspace_id = %s AND decided_at > %s AND decided_at <= %s
        AND coalesce(input->'context'->>'act', 'call') = 'call'
    ORDER BY decided_at DESC LIMIT %s
) AS newest GROUP BY 1, 2
"""


def refused(here: Installed, now: datetime) -> tuple[Refused, ...]:
    """Calls of 14 days that were denied for what is still missing, those of one cause together."""
    with connection.cursor() as cursor:
        cursor.execute(_REFUSED, [here.workspace.pk, now - WINDOW, now, MOST_DECISIONS, list(CODES)])
        rows = cursor.fetchall()
    agents = {str(one.pk): one for one in Agent.objects.in_workspace(here.workspace)} if rows else {}
    still = _still_without(here, {(row[3], row[0]) for row in rows if row[1] == "write_grant_missing"})
    found: dict[tuple, Refused] = {}
    for installation_id, code, agent_id, person, asked, calls, last_at, decision in rows:
        installation = here.by_id.get(_uuid(installation_id))
        agent = agents.get(agent_id or "")
        if installation is None or (code == "write_grant_missing" and (person, installation_id) not in still):
            continue
        scopes = _missing(code, json.loads(asked or "[]"), installation, agent)
        if not scopes:
            continue
        named = Named(agent.pk, agent.name) if agent and code == "agent_scope_missing" else None
        place = (installation.pk, code, named, scopes)
        before = found.get(place)
        later = before is None or last_at > before.last_at
        found[place] = Refused(
            code,
            here.named(installation),
            scopes,
            calls + (before.calls if before else 0),
            last_at if later or before is None else before.last_at,
            decision if later or before is None else before.decision,
            named,
            is_declared=set(scopes) <= set(installation.pin.version.parsed.scopes),
        )
    return tuple(sorted(found.values(), key=lambda one: (-one.calls, one.code, str(one.installation.id), one.scopes)))


def idle(here: Installed, now: datetime) -> tuple[Idle, ...]:
    """Scopes that were agreed to 30 days ago or longer and that no call used since."""
    with connection.cursor() as cursor:
        cursor.execute(_USED, [here.workspace.pk, now - USED_WITHIN, now, MOST_DECISIONS])
        used: dict[str, Counter[str]] = {}
        for installation, action, calls in cursor.fetchall():
            used.setdefault(installation, Counter())[action] += calls
    denied = _denied(here)
    found = []
    for one in here.rows:
        calls = used.get(str(one.pk))
        if not calls or not one.scopes or now - one.installed_at < USED_WITHIN:
            continue
        scopes = tuple(sorted(set(one.scopes) - _used_scopes(one, calls)))
        if scopes:
            is_denied = all(
                any(slug == one.extension.slug and matches(pattern, scope) for slug, pattern in denied)
                for scope in scopes
            )
            named, slug = here.named(one), one.extension.slug
            found.append(Idle(named, slug, scopes, len(one.scopes), calls.total(), USED_WITHIN.days, is_denied))
    return tuple(found)


def accounts(here: Installed, now: datetime) -> tuple[Account, ...]:
    """Connections that have to be renewed, and those whose access ends soon."""
    rows = [one for one in here.connections if _ends(one, now)]
    if not rows:
        return ()
    held = Run.objects.in_workspace(here.workspace).filter(state=Run.State.WAITING, connection__in=rows)
    waiting = dict(held.order_by().values_list("connection_id").annotate(runs=Count("pk")))
    return tuple(
        Account(
            Named(one.pk, one.name),
            here.named(here.by_id[one.installation_id]),
            str(one.status),
            one.expires_at,
            renews=one.next_refresh_at is not None,
            is_shared=one.owner_id is None,
            waiting=waiting.get(one.pk, 0),
        )
        for one in rows
    )


def _ends(one: Connection, now: datetime) -> bool:
    if one.status == Connection.Status.EXHAUSTED:
        return True
    return bool(one.is_authenticated and one.expires_at and one.expires_at <= now + SOON)


def _missing(code: str, asked: list[str], installation: Installation, agent: Agent | None) -> tuple[str, ...]:
    """Of the scopes that a call needed, those that are not there now either."""
    if code == "scope_not_consented":
        return tuple(sorted(set(asked) - set(installation.scopes)))
    if code == "agent_scope_missing":
        return tuple(sorted(set(asked) - set(agent.scopes))) if agent and not agent.is_over else ()
    return tuple(sorted(asked))


def _still_without(here: Installed, pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Of (person, installation) those who may still not run it where it writes; of the first few people alone."""
    people = {id: user for id in sorted({one for one, _ in pairs})[:MOST_ASKED] if (user := _person(id))}
    found = set()
    for person, installation_id in pairs:
        installation = here.by_id.get(_uuid(installation_id))
        user = people.get(person)
        if installation and user and not can(user, "registry.write_installation", installation):
            found.add((person, installation_id))
    return found


def _person(id: str) -> User | None:
    return User.objects.filter(pk=_uuid(id), is_active=True).first()


def _used_scopes(one: Installation, calls: Counter[str]) -> set[str]:
    manifest, slug = one.pin.version.parsed, one.extension.slug
    return {
        scope
        for name, spec in manifest.actions.items()
        if (f"{slug}.{name}" if manifest.kind == Kind.CONNECTOR else slug) in calls
        for scope in spec.scopes
    }


def _denied(here: Installed) -> set[tuple[str, str]]:
    """(slug, pattern of scopes) that a rule shuts off for everybody, whatever the circumstances."""
    return {
        (slug, pattern)
        for rule in rules_in_force(here.workspace)
        if rule.effect == Effect.DENY and not rule.who.as_json() and not rule.when.as_json()
        for slug in rule.what.extensions
        for pattern in rule.what.scopes
    }


def _uuid(text: str | None) -> UUID:
    try:
        return UUID(text or "")
    except ValueError:
        return UUID(int=0)
