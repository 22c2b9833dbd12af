"""Issues: what goes wrong again and again and needs a person. Opened and closed by Galaxy as things break and heal.

Callers say what they saw; one open row counts it. ``open_issue`` and ``close_issues`` are safe to call any number of
times, from any number of processes.
"""

from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.text import Truncator

from galaxy.core import audit
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import User
from galaxy.core.notifications import notify, settle
from galaxy.core.permissions import holders_of, why_not
from galaxy.core.permissions import require as require_permission
from registry.models import Connection, Installation
from sandbox.models import Issue

NEWS = "issue_opened"
MANAGE = "core.manage_connection"
_CHARS = 300


class AlreadyClosed(Conflict):
    code = "issue_closed"


@transaction.atomic
def open_issue(
    installation: Installation,
    kind: str,
    *,
    target: str,
    sentence: str,
    next_step: str,
    connection: Connection | None = None,
    facts: dict[str, Any] | None = None,
    owner: User | None = None,
) -> Issue:
    """Open an issue of ``kind`` (Issue.Kind) about ``target``, or count the open one once more; returns it.

    ``target`` is an action's name, or what else is meant (a connection, a version). ``facts`` is a flat map of names
    and numbers without values of inputs. A new one is audited, and told to its owner: ``owner`` where it is
    given, whose connection it is, else whoever installed the extension, else all who manage connections.
    """
    now = timezone.now()
    owner = owner or owner_of(installation, connection)
    issue = Issue(
        workspace=installation.workspace,
        installation=installation,
        connection=connection,
        kind=kind,
        target=target,
        sentence=Truncator(sentence).chars(_CHARS),
        next_step=Truncator(next_step).chars(_CHARS),
        facts=facts or {},
        owner=owner,
        opened_at=now,
        last_at=now,
    )
    found = _open_one(issue)
    if found.pk != issue.pk:
        words = {"sentence": issue.sentence, "next_step": issue.next_step, "facts": issue.facts, "last_at": now}
        Issue.objects.filter(pk=found.pk).update(times=F("times") + 1, **words)
        found.refresh_from_db()
        return found
    audit.record("issue.opened", actor=None, target=found, after={"kind": kind, "target": target}, **found.facts)
    people = [owner] if owner else holders_of(installation.workspace, "manage_connection")
    notify(installation.workspace, people, NEWS, found, note=found.sentence)
    return found


def close_issues(
    installation: Installation,
    *kinds: str,
    because: str,
    target: str | None = None,
    connection: Connection | None = None,
) -> int:
    """Close what is open of ``kinds``, since it is healed or there no more; returns how many were.

    ``target`` and ``connection`` narrow it; left out, all are meant. ``because`` is a sentence for the page.
    """
    rows = Issue.objects.in_workspace(installation.workspace).open().filter(installation=installation, kind__in=kinds)
    if target is not None:
        rows = rows.filter(target=target)
    if connection is not None:
        rows = rows.filter(connection=connection)
    if not rows.exists():  # as good as always, after every check that passed
        return 0
    closed = 0
    with transaction.atomic():
        for issue in rows.select_for_update(of=("self",)).select_related("workspace"):
            _close(issue, None, because)
            closed += 1
    return closed


@transaction.atomic
def close_issue(issue: Issue, *, actor: User, reason: str) -> Issue:
    """A person closes it: whoever manages connections, or its owner. ``reason`` is kept.

    Raises NotGranted, Invalid without a reason, AlreadyClosed. What still breaks opens a new one.
    """
    if denied_to_close(issue, actor):
        require_permission(actor, MANAGE, issue)
    if not reason.strip():
        raise Invalid("Say why it is closed.", {"reason": "Write what was done, or why nothing needs to be."})
    issue = Issue.objects.select_for_update(of=("self",)).select_related("workspace").get(pk=issue.pk)
    if not issue.is_open:
        raise AlreadyClosed("This issue was closed a moment ago.")
    _close(issue, actor, reason.strip())
    return issue


def denied_to_close(issue: Issue, user: User):
    """None where ``user`` may close it, else what is missing (Denied)."""
    return None if issue.owner_id == user.pk else why_not(user, MANAGE, issue)


def owner_of(installation: Installation, connection: Connection | None) -> User | None:
    """Whose turn it is, as long as they are a member; None: everybody who manages connections."""
    people = [connection.owner if connection else None, installation.installed_by]
    for person in filter(None, people):
        if person.is_active and person.memberships.filter(workspace=installation.workspace).exists():
            return person
    return None


def _open_one(issue: Issue) -> Issue:
    """The open issue of its kind, locked: ``issue``, stored, or the one that is open already."""
    same = Issue.objects.in_workspace(issue.workspace).open().select_for_update(of=("self",))
    same = same.filter(
        installation=issue.installation, connection=issue.connection, kind=issue.kind, target=issue.target
    )
    while True:
        Issue.objects.bulk_create([issue], ignore_conflicts=True)
        if found := same.select_related("workspace", "installation__extension").first():
            return found  # else it was closed between the two, and there is room for this one now


def _close(issue: Issue, actor: User | None, because: str) -> None:
    issue.closed_at = timezone.now()
    issue.closed_by = actor
    issue.closed_because = Truncator(because).chars(_CHARS)
    issue.save(update_fields=["closed_at", "closed_by", "closed_because"])
    audit.record("issue.closed", actor=actor, target=issue, before={"times": issue.times}, because=issue.closed_because)
    settle(issue.workspace, issue, NEWS)
