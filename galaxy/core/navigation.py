"""The side navigation: each app says at start-up what it adds, so that a lower floor need not know a higher one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from galaxy.core.permissions import can

SECTIONS = ("", "Registry", "Workspace", "Records", "Build")


@dataclass(frozen=True)
class Item:
    """A link for members who hold ``permission``; ``count(request)`` is a number shown beside it.

    ``due`` marks a count of things that wait for this person. ``key`` is the letter of the shortcut ``g`` + letter.
    """

    section: str
    order: int
    label: str
    url_name: str
    icon: str
    permission: str
    key: str = ""
    count: Callable[[Any], int] | None = None
    due: bool = False


_items: list[Item] = []


def add_item(item: Item) -> None:
    if item not in _items:
        _items.append(item)


def sections_for(request) -> list[dict]:
    """The sections as the templates want them: list of {title, items: [{label, url, icon, current, count, due}]}."""
    workspace = request.workspace
    found: dict[str, list[dict]] = {title: [] for title in SECTIONS}
    match = request.resolver_match
    for item in sorted(_items, key=lambda item: item.order):
        if not can(request.user, item.permission, workspace):
            continue
        url = reverse(item.url_name, args=[workspace.slug])
        found[item.section].append(
            {
                "label": item.label,
                "url": url,
                "icon": item.icon,
                "key": item.key,
                "current": bool(match)
                and (match.view_name == item.url_name or request.path.startswith(url))
                and (url != workspace.get_absolute_url() or request.path == url),
                "count": item.count(request) if item.count else None,
                "due": item.due,
            }
        )
    return [{"title": title, "items": items} for title, items in found.items() if items]
