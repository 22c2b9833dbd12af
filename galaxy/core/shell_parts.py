"""Parts of the shell that change seldom, rendered once for what they show and kept for the next page.

What a part shows is its key: the workspace, the navigation with its counts, the person and what they chose. The path
that a form comes back to, and the token against forged requests, are of the one request: marks that are drawn by lot
once for each process stand in their place, and are exchanged each time.
"""

import secrets
from typing import Any

from django.template.context import Context
from django.template.loader import get_template
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from galaxy.core import fonts

_PATH, _TOKEN = (secrets.token_hex(20) for _ in range(2))
MOST_KEPT = 500
_kept: dict[tuple, str] = {}


class _Anywhere:
    """A request with the mark for its path."""

    def __init__(self, request: Any):
        self.user = request.user
        self.GET = request.GET

    def get_full_path(self) -> str:
        return _PATH


def shell_part(context: Context, name: str) -> SafeString:
    """The part of the shell in the template ``name``, which shows nothing but what is in ``_key``."""
    request: Any = context.get("request")
    shell = context.get("shell")
    part: Any = get_template(name)
    user = getattr(request, "user", None)
    if shell is None or user is None or not user.is_authenticated:  # at the entrance, and where all else failed
        return part.template.render(context)
    if shell.shown is None:
        shell.shown = _key(user, shell)
    key = (name, shell.shown)
    found = _kept.get(key, "")
    if not found:
        values = {"shell": shell, "request": _Anywhere(request), "csrf_token": _TOKEN}
        found = part.template.render(Context(values))
        if len(_kept) >= MOST_KEPT:
            _kept.clear()
        _kept[key] = found
    if _TOKEN in found:
        found = found.replace(_TOKEN, escape(str(context.get("csrf_token", ""))))
    return mark_safe(found.replace(_PATH, escape(request.get_full_path())))  # noqa: S308


def _key(user: Any, shell: Any) -> tuple:
    person = (user.pk, user.name, user.email, user.theme, user.density, user.letters, user.is_staff)
    places = tuple((one.pk, one.slug, one.name) for one in shell.workspaces)
    workspace = shell.workspace and (shell.workspace.pk, shell.workspace.slug, shell.workspace.name)
    member = shell.membership and shell.membership.pk
    items = tuple(tuple(item.values()) for section in shell.nav for item in section["items"])
    return (person, places, workspace, member, shell.role_label, items, fonts.links())
