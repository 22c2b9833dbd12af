"""The runs behind a figure: addresses of the list of runs, and what they filter by, by the rules of the roll-ups."""

from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import Q

from galaxy.core.addresses import address
from galaxy.core.models import Workspace
from sandbox.breakers import HELD_BACK
from sandbox.metrics.ended import BUDGETS, POOL_BUSY
from sandbox.metrics.windows import Window
from sandbox.models import Category, Charge, Counts, Run
from sandbox.models.counting import ENDED_AS

WHY = {
    "retried": ("that were tried more than once", Q(call_record__exchanges__1__isnull=False)),
    "held_back": ("that a breaker held back", Q(error__error_code=HELD_BACK)),
    "over_budget": ("that a budget of this workspace refused", Q(error__error_code__in=sorted(BUDGETS))),
    "pool_busy": ("for which the sandbox had no free place", Q(error__error_code=POOL_BUSY)),
    "turns": ("whose turn had not come at first", Q(given_back__gt=0)),
    "unknown": ("of which nobody knows whether they took effect", Q(state=Run.State.UNKNOWN)),
    "waited": ("that waited for a yes", Q(approval__isnull=False)),
    "charged": ("that cost something", Q()),
}
_ROLES = {Counts.GOOD.value: "that succeeded", Counts.BAD.value: "that failed", Counts.CALLER.value: "that failed by a "
          "mistake of whoever called", "counted": "that count"}  # fmt: skip


class FigureFields(forms.Form):
    """What the address of a figure says beside what the list of runs knows; nobody chooses these by hand."""

    ended = forms.BooleanField(required=False, label="Ended", widget=forms.HiddenInput)
    since = forms.DateTimeField(required=False, label="Ended from", widget=forms.HiddenInput)
    until = forms.DateTimeField(required=False, label="Ended before", widget=forms.HiddenInput)
    version = forms.UUIDField(required=False, label="Version", widget=forms.HiddenInput)
    why = forms.ChoiceField(
        required=False, label="Why", choices=[("", ""), *((key, "") for key in WHY)], widget=forms.HiddenInput
    )
    simulated = forms.BooleanField(required=False, label="Simulated", widget=forms.HiddenInput)
    held = forms.BooleanField(required=False, label="Held", widget=forms.HiddenInput)


def rows_url(workspace: Workspace, window: Window | None = None, **filters: Any) -> str:
    """The address of the runs that ended within ``window`` and fit ``filters`` (installation, version, action, counts,
    category, why, kind, simulated)."""
    given = {name: value for name, value in filters.items() if value}
    within = f"&{_within(window)}" if window else ""
    further = f"&{urlencode(given)}" if given else ""
    return f"{address('sandbox:run-list', workspace.slug)}?ended=on{within}{further}"


@lru_cache(maxsize=256)
def _within(window: Window) -> str:
    return urlencode({"since": _moment(window.since), "until": _moment(window.until)})


def ended_runs(visible: Any, data: dict[str, Any]) -> Any:
    """Those of ``visible`` (a Run queryset) that roll-ups count and that fit ``data``, the cleaned filters."""
    runs = visible.filter(finished_at__isnull=False, is_check=False, rehearses=None)
    runs = runs.exclude(mode=Run.Mode.LIVE) if data["simulated"] else runs.filter(mode=Run.Mode.LIVE)
    equal = {
        "installation": data["installation"],
        "version": data["version"],
        "target": data["action"],
        "error_category": data["category"],
        "finished_at__gte": data["since"],
        "finished_at__lt": data["until"],
    }
    runs = runs.filter(**{name: value for name, value in equal.items() if value})
    if role := data["counts"]:
        wanted = [Counts.GOOD, Counts.BAD] if role == "counted" else [role]
        runs = runs.annotate(ended_as=ENDED_AS).filter(ended_as__in=wanted)
    if data["why"] == "charged":
        return runs.filter(pk__in=Charge.objects.values("run_id"))
    return runs.filter(WHY[data["why"]][1]) if data["why"] else runs


def held_runs(visible: Any) -> Any:
    """Those that wait for their connection to be renewed."""
    return visible.top_level().filter(state=Run.State.WAITING, approval=None, connection__isnull=False)


def in_words(data: dict[str, Any]) -> str:
    """What the list holds then: "Live runs of hubspot.create_task that ended in the week to 27 Nov and failed."."""
    if data["held"]:
        return "Runs that wait for their connection to be renewed."
    words = f"{'Simulated' if data['simulated'] else 'Live'} runs{' of ' + data['action'] if data['action'] else ''}"
    if data["since"] and data["until"]:
        words += f" that ended from {_words(data['since'])} to {_words(data['until'])} UTC"
    parts = [_ROLES.get(data["counts"], ""), WHY[data["why"]][0] if data["why"] else ""]
    if data["category"]:
        parts.append(Category(data["category"]).label.lower())
    return ", ".join([words, *filter(None, parts)]) + "."


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"


def _words(at: datetime) -> str:
    return f"{at:%-d %b}" if at.hour == 0 else f"{at:%-d %b, %H:%M}"
