"""The history of an installed pack or transform: its runs, what came of them, and how quick it is."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC

from django import forms
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.db.models.functions import TruncWeek
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from galaxy.core.models import User
from galaxy.core.ui.charts import Chart, Series
from registry.models import Installation, Kind
from registry.services.mapping import required_manifests, slug_of
from sandbox.metrics.reading import Figures, figures_of
from sandbox.metrics.windows import USUAL, window_of
from sandbox.models import Run, Span
from sandbox.outcomes.weeks import counting_in, last_weeks
from sandbox.run_page import took_ms

PAGE_SIZE = 25
LOOKED_AT = 500  # runs of a transform that its hit rate is told of


@dataclass(frozen=True)
class Row:
    """A run with what came after it: ``later`` goes on where it failed, ``undone`` took it back."""

    run: Run
    later: Run | None
    undone: Run | None
    can_retry: bool
    can_undo: bool

    @property
    def took_ms(self) -> float | None:
        return took_ms(self.run)


@dataclass(frozen=True)
class Remembered:
    """How often the last runs of a transform were answered from an equal one before them."""

    hits: int
    runs: int

    @property
    def rate(self) -> str:
        return f"{100 * self.hits / self.runs:.0f} %" if self.runs else ""


@dataclass(frozen=True)
class History:
    figures: Figures | None
    chart: Chart | None = None
    this_week: int = 0
    remembered: Remembered | None = None


class HistoryFilterForm(forms.Form):
    one_of = ("state", "mode")  # none is called optional: they are filters

    state = forms.ChoiceField(required=False, label="State", choices=[("", "Any state"), *Run.State.choices])
    mode = forms.ChoiceField(required=False, label="Mode", choices=[("", "Any mode"), *Run.Mode.choices])

    def apply(self, runs: QuerySet[Run]) -> QuerySet[Run]:
        self.is_valid()
        given = {name: value for name, value in self.cleaned_data.items() if value}
        return runs.filter(**given)


@require_safe
def use_history(request, workspace, pk):
    """The runs of one pack or transform, newest first, beside its outcomes by week or its speed."""
    kinds = (Kind.PACK, Kind.TRANSFORM)
    found = Installation.objects.in_workspace(request.workspace).visible_to(request.user)
    found = found.filter(extension__kind__in=kinds).select_related("workspace", "extension", "pin__version")
    installation = get_object_or_404(found, pk=pk)
    form = HistoryFilterForm(request.GET)
    runs = Run.objects.in_workspace(request.workspace).visible_to(request.user)
    runs = form.apply(runs.filter(installation=installation, rehearses=None, undoes=None))
    if installation.extension.kind == Kind.PACK:
        runs = runs.filter(parent=None)  # a transform is mostly a step of others, and has no page of its own for those
    related = ("workspace", "requested_by", "outcome", "version__extension")
    page = Paginator(runs.select_related(*related).order_by("-created_at", "-pk"), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    context = {
        "installation": installation,
        "form": form,
        "page": page,
        "rows": _rows(list(page.object_list), installation),
        "told": _told(installation, request.user),
        "is_filtered": any(request.GET.get(name) for name in form.fields),
    }
    return render(request, "sandbox/use_history.html", context)


def _told(installation: Installation, user: User) -> History:
    workspace = installation.workspace
    figures = figures_of(workspace, window_of(USUAL), installations=[installation.pk])
    whole = next((one for one in figures if one.target == installation.extension.slug), None)
    if installation.extension.kind == Kind.TRANSFORM:
        return History(whole, remembered=remembered_of(installation))
    weeks = last_weeks()
    reached = counting_in(workspace, weeks[0].since, weeks[-1].until, user).filter(run__installation=installation)
    by_week = reached.annotate(week=TruncWeek("reached_at", tzinfo=UTC)).order_by().values_list("week")
    counts = dict(by_week.annotate(n=Count("pk")))
    numbers = [counts.get(week.since, 0) for week in weeks]
    finding = f"{sum(numbers)} in {len(weeks)} weeks, {numbers[-1]} in this one."
    chart = Chart(
        "Successful outcomes by week",
        finding,
        [week.label for week in weeks],
        [Series("Outcomes", list(numbers))],
        kind="bars",
        label_name="Week from",
        marked=len(weeks) - 1,
    )
    return History(whole, chart, numbers[-1])


def remembered_of(installation: Installation) -> Remembered:
    """Of its last LOOKED_AT runs, steps of packs among them; tries that were told nothing about count as none."""
    runs = Run.objects.filter(workspace=installation.workspace_id, installation=installation)
    ids = list(runs.order_by("-created_at", "-pk").values_list("pk", "parent")[:LOOKED_AT])
    spans = Span.objects.filter(
        workspace=installation.workspace_id,
        root_run_id__in={parent or pk for pk, parent in ids},
        run_id__in=[pk for pk, _ in ids],
        kind="attempt",
        attributes__has_key="remembered",
    )
    told = list(spans.order_by().values_list("attributes__remembered", flat=True))
    return Remembered(sum(bool(one) for one in told), len(told))


def _rows(runs: Iterable[Run], installation: Installation) -> list[Row]:
    runs = list(runs)
    after = Run.objects.filter(workspace=installation.workspace_id).exclude(state=Run.State.CANCELLED)
    after = after.select_related("workspace")
    later = {one.resumes_id: one for one in after.filter(resumes__in=runs)} if runs else {}
    undone = {one.undoes_id: one for one in after.filter(undoes__in=runs, parent=None)} if runs else {}
    is_pack = installation.extension.kind == Kind.PACK
    undoes = is_pack and _declares_undo(installation)
    return [
        Row(
            run,
            later.get(run.pk),
            undone.get(run.pk),
            is_pack and run.state == Run.State.FAILED and run.pk not in later,
            undoes and run.state == Run.State.SUCCEEDED and run.pk not in undone,
        )
        for run in runs
    ]


def _declares_undo(installation: Installation) -> bool:
    """Whether any of its steps calls an action that says how it is taken back."""
    if not installation.is_active:
        return False
    pack = installation.pin.version.parsed
    called = required_manifests(pack.requires, installation.workspace)
    for step in pack.steps:
        slug = slug_of(step["use"], called)
        actions = called[slug].actions if slug else {}
        action = actions.get(step["use"]) or actions.get(step["use"].removeprefix(f"{slug}."))
        if action is not None and action.undo:
            return True
    return False
