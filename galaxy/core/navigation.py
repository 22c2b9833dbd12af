"""The side navigation: each app says at start-up what it adds, so that a lower floor need not know a higher one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Func, IntegerField, QuerySet, Value
from django.urls import reverse

from galaxy.core.permissions import can

SECTIONS = ("", "Registry", "Workspace", "Records", "Build")


@dataclass(frozen=True)
class Item:
    """A link for members who hold ``permission``; how many rows ``counted(request)`` has is shown beside it.

    ``due`` marks a count of things that wait for this person. ``key`` is the letter of the shortcut ``g`` + letter.
    A page that belongs to no workspace has ``offered(request)`` in the place of a permission. ``covers`` are further
    paths below the workspace's own that stand under this item, such as "connections/".
    """

    section: str
    order: int
    label: str
    url_name: str
    icon: str
    permission: str = ""
    key: str = ""
    counted: Callable[[Any], QuerySet] | None = None
    due: bool = False
    offered: Callable[[Any], bool] | None = None
    covers: tuple[str, ...] = ()


_items: list[Item] = []


def add_item(item: Item) -> None:
    if item not in _items:
        _items.append(item)


def sections_for(request) -> list[dict]:
    """The sections as the templates want them: list of {title, items: [{label, url, icon, current, count, due}]}."""
    workspace = getattr(request, "workspace", None)
    home = workspace.get_absolute_url() if workspace else ""
    place = [workspace.slug] if workspace else []
    found: dict[str, list[dict]] = {title: [] for title in SECTIONS}
    match = request.resolver_match
    shown = [item for item in sorted(_items, key=lambda item: item.order) if _is_shown(item, request, workspace)]
    counts = _counts(shown, request)
    for item in shown:
        url = reverse(item.url_name, args=place if item.permission else [])
        places = (url, *(home + path for path in item.covers))
        found[item.section].append(
            {
                "label": item.label,
                "url": url,
                "icon": item.icon,
                "key": item.key,
                "current": bool(match)
                and (match.view_name == item.url_name or request.path.startswith(places))
                and (url != home or request.path == url),
                "count": counts.get(item),
                "due": item.due,
            }
        )
    return [{"title": title, "items": items} for title, items in found.items() if items]


@dataclass(frozen=True)
class Link:
    label: str
    url: str
    icon: str
    key: str


def links_for(request) -> list[Link]:
    """Every page of the navigation that this person may open here, in the order of the sections; nothing is counted."""
    place = [request.workspace.slug]
    items = sorted(_items, key=lambda item: (SECTIONS.index(item.section), item.order))
    return [
        Link(item.label, reverse(item.url_name, args=place if item.permission else []), item.icon, item.key)
        for item in items
        if _is_shown(item, request, request.workspace)
    ]


def _counts(shown: list[Item], request) -> dict[Item, int]:
    """The numbers beside ``shown``, in one query: every page has them, whatever it lists itself."""
    counted = [(item, item.counted(request)) for item in shown if item.counted]
    if not counted:
        return {}
    rows = Func(F("pk"), function="COUNT", output_field=IntegerField())
    first, *rest = [found.order_by().values(place=Value(at), rows=rows) for at, (_, found) in enumerate(counted)]
    numbers = {one["place"]: one["rows"] for one in first.union(*rest, all=True)}
    return {item: numbers.get(at, 0) for at, (item, _) in enumerate(counted)}


def _is_shown(item: Item, request, workspace) -> bool:
    if item.offered:
        return item.offered(request)
    return workspace is not None and can(request.user, item.permission, workspace)
