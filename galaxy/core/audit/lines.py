"""Events as lines of the trail's page: every word and mark that a cell shows, made beforehand.

A page has fifty lines, and a template that chooses in each cell takes longer than all that is read for them.
"""

from collections.abc import Iterable
from typing import Any

from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from galaxy.core.audit.reading import Row
from galaxy.core.models import Workspace
from galaxy.core.templatetags import ui

OBJECT_CHARS, ACTOR_CHARS, THROUGH_CHARS, REQUEST_CHARS = 60, 40, 60, 9


def lines_of(rows: Iterable[Row], workspace: Workspace) -> list[dict[str, Any]]:
    """What ``core/_audit_rows.html`` shows of each of ``rows``, all of them of ``workspace``."""
    trail = reverse("core:audit-list", args=[workspace.slug])
    marks: dict[tuple[str, str], SafeString] = {}
    faces: dict[tuple[str, bool], SafeString] = {}
    lines = []
    for row in rows:
        event = row.event
        is_person = event.actor_kind == "person" and not row.on_behalf
        mark, face = (row.outcome, row.outcome_word), (row.actor, is_person)
        if mark not in marks:
            marks[mark] = _mark(*mark)
        if face not in faces:
            faces[face] = ui.avatar(row.actor, agent=not is_person)
        lines.append(
            {
                "url": f"{trail}{event.pk}/",
                "position": event.position,
                "words": row.words,
                "is_readable": row.is_readable,
                "target": _short(row.target, OBJECT_CHARS),
                "face": faces[face],
                "actor": _short(row.actor, ACTOR_CHARS),
                "is_named": row.actor != event.actor_id,
                "on_behalf": _short(row.on_behalf, ACTOR_CHARS),
                "through": _short(row.through, THROUGH_CHARS),
                "mark": marks[mark],
                "request": event.request_id,
                "request_short": _short(event.request_id, REQUEST_CHARS),
                "at": ui.time(event.occurred_at),
            }
        )
    return lines


def _mark(outcome: str, word: str) -> SafeString:
    match outcome:
        case "done":
            return ui.badge("ok", "Done")
        case "simulated":
            return ui.status("simulated", "Simulated")
        case "refused":
            return ui.badge("bad", word, "ban")
    return ui.badge("bad", word)


def _short(text: str, length: int) -> str:
    return text if text.isascii() and len(text) <= length else Truncator(text).chars(length)
