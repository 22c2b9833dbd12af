"""Figures as pages show them: each number with the address of the runs behind it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString

from galaxy.core.db.prepared import prepared
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import can
from galaxy.core.ui.charts import percent_words
from galaxy.core.ui.words import duration
from registry.models import Installation
from sandbox.metrics.reading import Figures
from sandbox.metrics.rows import rows_url
from sandbox.metrics.windows import Window
from sandbox.models import Category


@dataclass(frozen=True)
class Number:
    """One number: ``words`` as it is shown, ``label`` what it counts, ``url`` the runs behind it or ""."""

    label: str
    words: str
    url: str = ""

    @property
    def link(self) -> SafeString:
        """Its words, leading to the runs behind it."""
        return format_html('<a href="{}">{}</a>', self.url, self.words) if self.url else SafeString(escape(self.words))


@dataclass(frozen=True)
class Line:
    """One target in a table. ``slug`` is its extension's, for the picture; "" for "other"."""

    figures: Figures
    workspace: Workspace
    window: Window
    name: str
    slug: str = ""
    is_simulated: bool = False

    @cached_property
    def url(self) -> str:
        """The page of the target; "" for "other", which is many."""
        one = self.figures
        if one.installation is None:
            return ""
        return target_url(self.workspace, one.installation, one.target, self.window, simulated=self.is_simulated)

    def rows(self, **filters: Any) -> str:
        """The address of its runs; "" where they are those of many targets."""
        one = self.figures
        if one.installation is None:
            return ""
        given = {name: value for name, value in filters.items() if value}
        return f"{self._all_rows}&{urlencode(given)}" if given else self._all_rows

    @cached_property
    def _all_rows(self) -> str:
        one = self.figures
        sort = {"simulated": "on"} if self.is_simulated else {}
        return rows_url(self.workspace, self.window, installation=one.installation, action=one.target, **sort)

    @property
    def calls(self) -> Number:
        return Number("calls", f"{self.figures.calls:,}", self.rows())

    @property
    def failed(self) -> Number:
        rate = self.figures.error_rate
        words = "–" if rate is None else percent_words(round(rate * 100, 1))
        return Number(f"{self.figures.bad:,} failed", words, self.rows(counts="bad") if self.figures.bad else "")

    @property
    def retries(self) -> Number:
        return Number("retries", f"{self.figures.retries:,}", self.rows(why="retried") if self.figures.retries else "")

    @property
    def budget(self) -> str:
        return duration(self.figures.budget_ms) if self.figures.budget_ms else "–"

    @property
    def finding(self) -> str:
        """What the sparkline says, for screen readers."""
        one = self.figures
        if one.p95_ms is None:
            return "No call was timed."
        over = ", over its budget" if one.is_slow else ", within its budget" if one.budget_ms else ""
        return f"95 of 100 calls of {self.window.label} took up to {duration(one.p95_ms)}{over}."

    @property
    def errors(self) -> list[Number]:
        """By category, the most frequent first."""
        found = sorted(self.figures.errors.items(), key=lambda pair: -pair[1])
        return [Number(label_of(name), f"{number:,}", self.rows(counts="bad", category=name)) for name, number in found]


def label_of(category: str) -> str:
    return Category(category).label if category in Category.values else category.capitalize()


def target_url(
    workspace: Workspace, installation: UUID, target: str, window: Window | None = None, *, simulated: bool = False
) -> str:
    base = reverse("sandbox:target-detail", args=[workspace.slug, installation, target])
    return f"{base}{query_of(window, simulated=simulated)}" if window else base


def query_of(window: Window, *, simulated: bool) -> str:
    """What the address of a page of figures says of the time, and of which runs they are."""
    return f"?range={window.key}{'&simulated=on' if simulated else ''}"


def lines_of(
    found: list[Figures],
    workspace: Workspace,
    window: Window,
    installations: dict[UUID, Installation],
    *,
    simulated: bool = False,
) -> list[Line]:
    """In the order of ``found``."""
    lines = []
    for one in found:
        installed = installations.get(one.installation) if one.installation else None
        slug = installed.extension.slug if installed else ""
        lines.append(Line(one, workspace, window, one.target or "Other targets", slug, simulated))
    return lines


def installed_for(workspace: Workspace, user: User) -> dict[UUID, Installation]:
    """What ``user`` may see, what was removed among it: its runs of the window are told as well."""
    if can(user, "core.view_installation", workspace):
        return {one.pk: one for one in _every(workspace=workspace.pk)}
    rows = Installation.objects.in_workspace(workspace).visible_to(user)
    return {one.pk: one for one in rows.select_related("workspace", "extension", "pin")}


@prepared
def _every(workspace: UUID) -> QuerySet[Installation]:
    return Installation.objects.filter(workspace=workspace).select_related("workspace", "extension", "pin")
