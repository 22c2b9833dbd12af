"""What a webhook is sent of one piece of news: what its reader would see in the console at this moment, and no more."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings

from galaxy.core.models import Notification, Workspace
from galaxy.core.notifications.kinds import Place, kind_of

TYPE, TRIAL = "notification", "notification.trial"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Message:
    """``id`` is the same for a message that is sent again, so that its receiver can tell."""

    workspace: str
    hook: str
    id: str
    content: dict[str, Any]


def message_of(row: Notification, workspace: Workspace, hook: str, place: Place | None) -> Message:
    """{type, id, occurred_at, workspace: {slug, name}, kind, title, by, subject: {label, url, simulated}, note}.

    ``subject`` is null where its reader may not see it (any more); the note then stays away too.
    """
    id = f"{row.pk}-{(row.occurred_at - _EPOCH) // timedelta(microseconds=1)}"
    base = settings.GALAXY_URL.rstrip("/")
    subject = None
    if place:
        url = base + place.url if base and place.url else ""
        subject = {"label": place.label, "url": url, "simulated": place.is_simulated}
    content = {
        "type": TYPE,
        "id": id,
        "occurred_at": row.occurred_at.isoformat(),
        "workspace": {"slug": workspace.slug, "name": workspace.name},
        "kind": row.kind,
        "title": kind_of(row.kind).title,
        "by": str(row.by) if row.by else "",
        "subject": subject,
        "note": row.note if place else "",
    }
    return Message(str(workspace.pk), hook, id, content)


def trial_of(workspace: Workspace, hook: str, now: datetime) -> Message:
    id = f"{hook}-trial-{int(now.timestamp())}"
    where = {"slug": workspace.slug, "name": workspace.name}
    content = {"type": TRIAL, "id": id, "occurred_at": now.isoformat(), "workspace": where}
    return Message(str(workspace.pk), hook, id, content)


def body_of(content: dict[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
