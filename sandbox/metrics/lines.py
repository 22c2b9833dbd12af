"""Figures as pages show them: each number with the address of the runs behind it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.urls import reverse

from galaxy.core.models import Workspace
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


@dataclass(frozen=True)
class Line:
    """One target in a table. ``slug`` is its extension's, for the picture; "" for "other"."""

    figures: Figures
    workspace: Workspace
    window: Window
    name: str
    slug: str = ""

    @property
    def url(self) -> str:
        """The page of the target; "" for "other", which is many."""
        one = self.figures
        return target_url(self.workspace, one.installation, one.target, self.window) if one.installation else ""

    def rows(self, **filters: Any) -> str:
        """The address of its runs; "" where they are those of many targets."""
        one = self.figures
        if one.installation is None:
            return ""
        return rows_url(self.workspace, self.window, installation=one.installation, action=one.target, **filters)

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


def target_url(workspace: Workspace, installation: UUID, target: str, window: Window | None = None) -> str:
    base = reverse("sandbox:target-detail", args=[workspace.slug, installation, target])
    return f"{base}?range={window.key}" if window else base


def lines_of(
    found: list[Figures], workspace: Workspace, window: Window, installations: dict[UUID, Installation]
) -> list[Line]:
    """In the order of ``found``."""
    lines = []
    for one in found:
        installed = installations.get(one.installation) if one.installation else None
        slug = installed.extension.slug if installed else ""
        lines.append(Line(one, workspace, window, one.target or "Other targets", slug))
    return lines
