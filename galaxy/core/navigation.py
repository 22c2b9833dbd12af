"""The side navigation: each app says at start-up what it adds, so that a lower floor need not know a higher one."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

from django.db.models import F, Func, IntegerField, QuerySet, Value

from galaxy.core.addresses import address
from galaxy.core.kept_queries import rows_together
from galaxy.core.permissions import can

SECTIONS = ("", "Registry", "Workspace", "Records", "Build")


@dataclass(frozen=True)
class Item:
    """A link for members who hold ``permission``; how many rows ``counted(request)`` has is shown beside it.

    ``due`` marks a count of things that wait for this person; one with a ``count_id`` stands in every page by that id,
    empty where nothing waits, so that an answer of htmx can change it. ``key`` is the letter of the shortcut ``g`` +
    letter. A page that belongs to no workspace has ``offered(request)`` in the place of a permission; beside one it
    says in which workspaces there is such a page. ``covers`` are further paths below the workspace's own that stand
    under this item, such as "connections/".

    What ``counted`` asks follows from the person, the workspace and what they hold on it, and from nothing else: it is
    written as SQL once for these, and kept. Where it takes more than that, as with what waits for somebody by stand-in
    and stage, ``rests_on(request)`` is that more, hashable; and ``any_of(request)`` names those rows of the workspace
    among which it can be at all, under the first rule. Only where there are any is ``counted`` asked, by itself.
    """

    section: str
    order: int
    label: str
    url_name: str
    icon: str
    permission: str = ""
    key: str = ""
    counted: Callable[[Any], QuerySet] | None = None
    any_of: Callable[[Any], QuerySet] | None = None
    rests_on: Callable[[Any], Hashable] | None = None
    due: bool = False
    count_id: str = ""
    offered: Callable[[Any], bool] | None = None
    covers: tuple[str, ...] = ()


_items: list[Item] = []


def add_item(item: Item) -> None:
    if item not in _items:
        _items.append(item)


def sections_for(request, beside: Callable[[], QuerySet] | None = None) -> tuple[list[dict], int]:
    """The sections as the templates want them: list of {title, items: [{label, url, icon, current, count, due}]}; and
    how many rows ``beside()`` has, which is counted along with them under the rule of ``Item.counted``."""
    workspace = getattr(request, "workspace", None)
    home = workspace.get_absolute_url() if workspace else ""
    place = [workspace.slug] if workspace else []
    found: dict[str, list[dict]] = {title: [] for title in SECTIONS}
    match = request.resolver_match
    shown = [item for item in sorted(_items, key=lambda item: item.order) if _is_shown(item, request, workspace)]
    counts, number = _counts(shown, request, beside)
    urls = {item: address(item.url_name, *(place if item.permission else [])) for item in shown}
    near = {item: _nearness(item, urls[item], home, request) for item in shown} if match else {}
    nearest = max(near.values(), default=0)
    for item in shown:
        url = urls[item]
        found[item.section].append(
            {
                "label": item.label,
                "url": url,
                "icon": item.icon,
                "key": item.key,
                "current": bool(nearest) and near[item] == nearest,
                "count": counts.get(item),
                "due": item.due,
                "count_id": item.count_id,
            }
        )
    return [{"title": title, "items": items} for title, items in found.items() if items], number


def _nearness(item: Item, url: str, home: str, request: Any) -> int:
    """How much of the address of this page is an item's own, 0 where it is of another: appeals lie below the
    marketplace, and are not it."""
    if url == home and request.path != url:
        return 0
    if request.resolver_match.view_name == item.url_name:
        return len(request.path)
    places = (url, *(home + path for path in item.covers))
    return max((len(place) for place in places if request.path.startswith(place)), default=0)


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
        Link(item.label, address(item.url_name, *(place if item.permission else [])), item.icon, item.key)
        for item in items
        if _is_shown(item, request, request.workspace)
    ]


def _counts(shown: list[Item], request, beside: Callable[[], QuerySet] | None) -> tuple[dict[Item, int], int]:
    """The numbers beside ``shown``, and that of ``beside``, in one query: every page has them, whatever it lists."""
    items = [item for item in shown if item.counted]
    if not items and beside is None:
        return {}, 0
    names = tuple(item.url_name for item in items)
    numbers = _numbers(
        request,
        (names, beside is None),
        lambda: (
            [(item.any_of or item.counted)(request) for item in items if item.counted] + ([beside()] if beside else [])
        ),
    )
    counts = {}
    for at, item in enumerate(items):
        counts[item] = numbers.get(at, 0)
        if item.any_of and counts[item]:
            counts[item] = _number(item, request)
    return counts, numbers.get(len(items), 0)


def _number(item: Item, request) -> int:
    """The number beside an item whose question takes more than the person, the workspace and what they hold on it."""
    counted: Any = item.counted
    if item.rests_on is None:
        return counted(request).count()
    found = _numbers(request, (item.url_name, item.rests_on(request)), lambda: [counted(request)])
    return found.get(0, 0)


def _numbers(request, which: Hashable, ask: Callable[[], list[QuerySet]]) -> dict[int, int]:
    """How many rows each of ``ask()`` has, by its place, in one query that is kept."""

    def counted() -> list[QuerySet]:
        rows = Func(F("pk"), function="COUNT", output_field=IntegerField())
        return [one.order_by().values(place=Value(at), rows=rows) for at, one in enumerate(ask())]

    return dict(rows_together(request.user, request.workspace, which, counted))


def _is_shown(item: Item, request, workspace) -> bool:
    if item.permission and (workspace is None or not can(request.user, item.permission, workspace)):
        return False
    return item.offered(request) if item.offered else bool(item.permission)
