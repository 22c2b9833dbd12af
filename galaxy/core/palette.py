"""Search or jump to: each app says at start-up what can be found in it and done from anywhere, as with navigation."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q
from django.urls import reverse

from galaxy.core.models import Agent, Membership
from galaxy.core.navigation import links_for
from galaxy.core.permissions import can

MOST_CHARS = 100  # of what is typed; the rest is ignored
MOST_HITS = 5  # of one kind
RECENT_HITS = 3  # of one kind, while nothing is typed


@dataclass(frozen=True)
class Hit:
    """One thing to go to. ``glyph`` is the slug of an extension, ``person`` a name; else ``icon`` stands before it."""

    label: str
    url: str
    note: str = ""
    icon: str = ""
    glyph: str = ""
    person: str = ""
    key: str = ""


@dataclass(frozen=True)
class Provider:
    """What can be found of one kind by members who hold ``permission`` ("" for all of them).

    ``find(request, words, most)`` gives what this person may see, narrowed in SQL, in a fixed number of queries;
    with no words, and ``is_recent`` set, the latest.
    """

    kind: str
    order: int
    find: Callable[[Any, str, int], list[Hit]]
    permission: str = ""
    is_recent: bool = False


@dataclass(frozen=True)
class Act:
    """Something to do, for members who hold ``permission``. ``words`` are others that people may look for it by."""

    label: str
    url_name: str
    permission: str
    icon: str
    words: str = ""


@dataclass(frozen=True)
class Group:
    kind: str
    hits: list[Hit] = field(default_factory=list)


_providers: list[Provider] = []
_acts: list[Act] = []


def add_provider(provider: Provider) -> None:
    if provider not in _providers:
        _providers.append(provider)


def add_act(act: Act) -> None:
    if act not in _acts:
        _acts.append(act)


def groups_for(request, typed: str) -> list[Group]:
    """What this person may see and do here that fits ``typed``, by kind; the most recent first where it is empty."""
    words = " ".join(typed[:MOST_CHARS].replace("\x00", "").split())
    most = MOST_HITS if words else RECENT_HITS
    groups = [
        Group(provider.kind, provider.find(request, words, most))
        for provider in sorted(_providers, key=lambda provider: provider.order)
        if (words or provider.is_recent)
        and (not provider.permission or can(request.user, provider.permission, request.workspace))
    ]
    return [group for group in groups if group.hits]


def fits(words: str, *texts: str) -> bool:
    """Whether each word stands somewhere in one of ``texts``, whatever the case."""
    text = " ".join(texts).casefold()
    return all(word in text for word in words.casefold().split())


def connect() -> None:
    """Register what floor 0 has, once, when the app is ready."""
    add_provider(Provider("Do", 30, _acts_for, is_recent=True))
    add_provider(Provider("Go to", 40, _pages, is_recent=True))
    add_provider(Provider("People", 70, _people, "core.view_member"))
    add_provider(Provider("Agents", 80, _agents, "core.manage_agent"))
    add_act(
        Act("Invite someone", "core:invitation-create", "core.manage_member", "user-plus", "add people member mail")
    )
    add_act(Act("New agent", "agents:agent-create", "core.manage_agent", "bot", "create add machine"))
    add_act(Act("New role", "core:role-create", "core.manage_role", "shield-check", "create define permissions"))


def _acts_for(request, words: str, most: int) -> list[Hit]:
    return [
        Hit(f"{act.label}…", reverse(act.url_name, args=[request.workspace.slug]), icon=act.icon)
        for act in _acts
        if fits(words, act.label, act.words) and can(request.user, act.permission, request.workspace)
    ]


def _pages(request, words: str, most: int) -> list[Hit]:
    """Pages of the navigation, and with words those of one's own account too."""
    slug = request.workspace.slug
    pages = [Hit(link.label, link.url, icon=link.icon, key=link.key) for link in links_for(request)]
    pages.append(Hit("Notifications", reverse("core:notification-list", args=[slug]), icon="bell", key="n"))
    if words:
        pages += [
            Hit("All workspaces", reverse("core:workspace-list"), icon="layout-grid"),
            Hit("Your tokens", reverse("core:token-list", args=[slug]), icon="key-square"),
            Hit("Preferences", reverse("core:preferences"), icon="sliders-horizontal"),
            Hit("Second factor", reverse("mfa_index"), icon="smartphone"),
            Hit("Sessions", reverse("core:session-list"), icon="monitor-smartphone"),
            Hit("Change password", reverse("account_change_password"), icon="key-round"),
            Hit("Help and shortcuts", reverse("core:help"), icon="circle-question-mark", key="?"),
        ]
    return [page for page in pages if fits(words, page.label)]


def _people(request, words: str, most: int) -> list[Hit]:
    rows = Membership.objects.in_workspace(request.workspace).select_related("user", "custom_role", "workspace")
    named = rows.filter(Q(user__name__icontains=words) | Q(user__email__icontains=words))
    return [
        Hit(row.user.name, row.get_absolute_url(), row.role_label, person=row.user.name)
        for row in named.order_by("user__name")[:most]
    ]


def _agents(request, words: str, most: int) -> list[Hit]:
    rows = Agent.objects.in_workspace(request.workspace).select_related("workspace").filter(name__icontains=words)
    return [Hit(row.name, row.get_absolute_url(), row.get_state_display(), icon="bot") for row in rows[:most]]
