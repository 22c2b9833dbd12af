"""Loading the facts of a workspace: a bounded number of queries, however much is installed there."""

from datetime import datetime

from django.utils import timezone

from galaxy.core.models import Workspace
from marketplace.assistant.facts import Facts
from marketplace.assistant.reading import access, calls, versions, work
from marketplace.assistant.reading.installed import Installed

__all__ = ["Installed", "facts_of"]


def facts_of(workspace: Workspace, now: datetime | None = None) -> Facts:
    """What the rules look at. The workspace is in scope; nobody reads this but the rules, so it names no reader."""
    now = now or timezone.now()
    here = Installed(workspace)
    called = calls.called(here, now)
    return Facts(
        now=now,
        updates=versions.updates(here, now),
        endings=versions.endings(here),
        withdrawn=versions.withdrawn(here, now),
        worse=versions.worse(here, now),
        called=called,
        offered=calls.offered(here, called),
        refused=access.refused(here, now),
        idle=access.idle(here, now),
        accounts=access.accounts(here, now),
        answered=work.answered(here, now),
        waiting=work.waiting(here, now),
        lacking=work.lacking(here),
        rehearsed=work.rehearsed(here, now),
        started=work.started(here),
    )
