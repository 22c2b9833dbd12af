"""What "search or jump to" finds among runs, by what was called or by id, and among open issues; and running an
action."""

import re
from uuid import UUID

from django.db.models import Q

from galaxy.core.palette import Act, Hit, Provider, add_act, add_provider
from galaxy.core.permissions import can
from galaxy.core.ui.words import relative
from sandbox.models import Issue, Run, Trigger

LOOKED_THROUGH = 2_000  # runs, newest first, in which a name is looked for; an id is found however old
FEWEST_DIGITS = 4  # of an id that is meant as one


def connect() -> None:
    """Register once, when the app is ready."""
    add_provider(Provider("Runs", 20, _runs, is_recent=True))
    add_provider(Provider("Triggers", 22, _triggers))
    add_provider(Provider("Issues", 25, _issues))
    add_act(Act("Run an action", "sandbox:run-create", "core.run_installation", "play", "simulate call new start"))
    add_act(Act("Make a trigger", "sandbox:trigger-create", "core.manage_trigger", "zap", "webhook schedule new"))


def _runs(request, words: str, most: int) -> list[Hit]:
    rows = Run.objects.in_workspace(request.workspace).visible_to(request.user).top_level()
    rows = rows.order_by("-created_at", "id")
    if words:
        lately = Q(pk__in=rows.values("pk")[:LOOKED_THROUGH], target__icontains=words)
        rows = rows.filter(lately | Q(pk__range=ids)) if (ids := ids_beginning(words)) else rows.filter(lately)
    return [
        Hit(
            row.target,
            row.get_absolute_url(),
            f"{row.short_id} · {row.get_state_display()}, {row.get_mode_display().lower()}, {relative(row.created_at)}",
            glyph=row.installation.extension.slug,
        )
        for row in rows.select_related("workspace", "installation__extension")[:most]
    ]


def _triggers(request, words: str, most: int) -> list[Hit]:
    if not can(request.user, "core.view_installation", request.workspace):
        return []
    rows = Trigger.objects.in_workspace(request.workspace).kept()
    rows = rows.filter(Q(name__icontains=words) | Q(slug__icontains=words) | Q(target__icontains=words))
    return [
        Hit(
            row.name,
            row.get_absolute_url(),
            f"{row.get_kind_display()}, {row.get_state_display().lower()}",
            glyph=row.installation.extension.slug,
        )
        for row in rows.select_related("workspace", "installation__extension").order_by("name", "id")[:most]
    ]


def _issues(request, words: str, most: int) -> list[Hit]:
    rows = Issue.objects.in_workspace(request.workspace).visible_to(request.user).open()
    rows = rows.filter(Q(target__icontains=words) | Q(installation__extension__name__icontains=words))
    return [
        Hit(
            row.subject,
            row.get_absolute_url(),
            f"{row.get_kind_display()}, {relative(row.opened_at)}",
            glyph=row.installation.extension.slug,
        )
        for row in rows.select_related("workspace", "installation__extension").order_by("-opened_at", "id")[:most]
    ]


def ids_beginning(words: str) -> tuple[UUID, UUID] | None:
    """The first and last id that begin with ``words``, where these are digits of one; else None."""
    digits = words.lower().removeprefix("r_").replace("-", "")
    if not re.fullmatch(rf"[0-9a-f]{{{FEWEST_DIGITS},32}}", digits):
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
