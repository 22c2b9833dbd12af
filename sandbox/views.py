"""The pages of runs: the list, the form that starts one, one run as it happens, calling it off and settling it."""

import json
from collections.abc import Collection
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.errors import Invalid
from galaxy.core.http import requested_sort, wants_partial
from galaxy.core.kept_queries import kept_rows
from galaxy.core.permissions import can, require, why_not
from policies.waiting import Asked
from sandbox.condition import trouble
from sandbox.connections.permissions import has_page_for
from sandbox.fixes import fix_for
from sandbox.fixture_page import FixturePage
from sandbox.forms import DRY, RunFilterForm, RunForm, SettlementForm
from sandbox.models import Run
from sandbox.packs.retrying import retry_pack, step_on
from sandbox.run_offers import offers_for
from sandbox.run_page import RunPage, took_ms
from sandbox.services import cancel_run, invoke, settle_run
from sandbox.services.fixtures import MAY_KEEP, make_fixture, review_fixture
from sandbox.services.foreseeing import foresee
from sandbox.targets import GROUPS, choices, inputs_again, target_of
from sandbox.triggers.reading import names_of
from sandbox.undoing.services import undo_run

PAGE_SIZE = 25
COLUMNS = {"target": "target", "state": "state", "asked": "created_at"}


@require_safe
def run_list(request, workspace):
    form = RunFilterForm(request.GET, triggers=names_of(request.workspace))
    visible = Run.objects.in_workspace(request.workspace).visible_to(request.user)
    is_valid = form.is_valid()
    sort, order = requested_sort(request, COLUMNS, "-asked")
    runs = form.list_from(visible) if is_valid else visible.none()
    runs = runs.select_related("workspace", "installation__extension", "requested_by", "trigger", "outcome")
    runs = runs.order_by(order, "-created_at", "pk")
    page = Paginator(runs, PAGE_SIZE).get_page(request.GET.get("page"))
    if page.number == 1 and is_valid and not any(form.cleaned_data.values()):  # the list without a filter
        which = ("sandbox.runs", order)
        page.object_list = kept_rows(request.user, request.workspace, which, lambda: runs[:PAGE_SIZE])
    for run in page.object_list:
        run.took_ms = took_ms(run)
    context = {
        "form": form,
        "page": page,
        "sort": sort,
        "is_filtered": not is_valid or any(form.cleaned_data.values()),
        "sees_all": why_not(request.user, "core.view_run", request.workspace) is None,
        "denied": why_not(request.user, "core.run_installation", request.workspace),
    }
    template = "sandbox/_run_rows.html" if wants_partial(request) else "sandbox/run_list.html"
    return render(request, template, context, status=200 if is_valid else 422)


@require_http_methods(["GET", "HEAD", "POST"])
def run_create(request, workspace):
    require(request.user, "core.view_installation", request.workspace)
    name = request.GET.get("target", "")
    if not name:
        return _choose(request)
    target = target_of(request.workspace, request.user, name)
    earlier = _earlier(request, target)
    first = inputs_again(target, earlier) if earlier else target.sample
    if request.method == "POST":
        require(request.user, target.permission, target.installation)
        scenario = "" if target.has_samples else None
        form = RunForm(request.POST, schema=target.schema, scenario=scenario, steps=target.steps)
        run = _start(request, target, form) if form.is_valid() else None
        if run:
            return redirect(run)
        return _form_page(request, target, form, asked=_asked(request, target, first), status=422)
    scenario = _scenario(request, earlier) if target.has_samples else None
    form = RunForm(schema=target.schema, sample=first, scenario=scenario, steps=target.steps)
    asked = _asked(request, target, first)
    hidden = earlier.inputs.keys() - first.keys() if earlier else ()
    return _form_page(request, target, form, earlier=earlier, hidden=hidden, asked=asked)


@require_safe
def run_detail(request, workspace, pk):
    page = RunPage(_find(request, pk), opened=_as_uuid(request.GET.get("span")))
    if wants_partial(request) and request.GET.get("seen") == page.stamp:
        return HttpResponse(status=204)
    return _run_page(request, page)


@require_POST
def run_cancellation(request, workspace, pk):
    run = cancel_run(_find(request, pk), actor=request.user)
    messages.success(request, f"{run.target} was cancelled. Nothing of it will run.")
    return redirect(run)


@require_POST
def run_settlement(request, workspace, pk):
    run = _find(request, pk)
    require(request.user, "core.write_installation", request.workspace)
    form = SettlementForm(request.POST)
    if not form.is_valid():
        return _run_page(request, RunPage(run), form, status=422)
    happened = form.cleaned_data["happened"] == "yes"
    run = settle_run(run, actor=request.user, happened=happened, note=form.cleaned_data["note"])
    messages.success(request, f"{run.target} is settled as {run.get_state_display().lower()}.")
    return redirect(run)


@require_POST
def run_retry(request, workspace, pk):
    run = retry_pack(_find(request, pk), actor=request.user)
    if not run.error:  # or its page says so
        messages.success(request, f"{run.target} goes on at the failed step, as a run of its own.")
    return redirect(run)


@require_POST
def run_undoing(request, workspace, pk):
    undone = _find(request, pk)
    run = undo_run(undone, actor=request.user)
    if not run.error:  # or its page says so
        messages.success(request, f"{undone.target} is being taken back.")
    return redirect(run)


@require_POST
def run_step(request, workspace, pk):
    return redirect(step_on(_find(request, pk), actor=request.user))


@require_http_methods(["GET", "HEAD", "POST"])
def run_fixture(request, workspace, pk):
    run = _find(request, pk)
    if request.method == "POST":
        exchanges = make_fixture(run, actor=request.user, keep=request.POST.getlist("keep"))
        text = json.dumps(exchanges, indent=2, ensure_ascii=False) + "\n"
        headers = {"Content-Disposition": 'attachment; filename="fixtures.json"', "Cache-Control": "no-store"}
        return HttpResponse(text, content_type="application/json; charset=utf-8", headers=headers)
    context = {
        "run": run,
        "page": FixturePage(review_fixture(run, actor=request.user)),
        "keep_denied": why_not(request.user, MAY_KEEP, run.installation),
        "simulated": run.is_simulated,
    }
    return render(request, "sandbox/run_fixture.html", context)


def _run_page(request, page: RunPage, settlement: SettlementForm | None = None, *, status: int = 200):
    """The page of a run, or for htmx its live region."""
    run, user, is_partial = page.run, request.user, wants_partial(request)
    is_unknown = run.state == Run.State.UNKNOWN
    connection = page.held_by or run.connection
    context = {
        "page": page,
        "run": run,
        "simulated": run.is_simulated,
        "sees_connection": connection is not None and has_page_for(connection, user),
        "denied": why_not(user, "registry.run_installation", run.installation),
        "can_cancel": _can_cancel(user, run),
        "fix": fix_for(run, page.failed_run, user),
        "offers": offers_for(run, user),
        "settlement": (settlement or SettlementForm()) if is_unknown else None,
        "settle_denied": why_not(user, "core.write_installation", request.workspace) if is_unknown else None,
        "is_polled": is_partial and "seen" in request.GET,
    }
    template = "sandbox/_run.html" if is_partial else "sandbox/run_detail.html"
    return render(request, template, context, status=status)


def _find(request, pk) -> Run:
    found = kept_rows(request.user, request.workspace, "sandbox.run", partial(_run_of, request), run=pk)
    if not found:
        raise Http404("No such run.")
    return found[0]


def _run_of(request, run: UUID) -> QuerySet[Run]:
    runs = Run.objects.in_workspace(request.workspace).visible_to(request.user)
    return runs.select_related(
        "workspace", "installation__extension", "installation__workspace", "version__extension", "requested_by",
        "parent__workspace", "decision", "approval__workspace", "outcome", "connection__workspace",
        "connection__owner", "agent__workspace", "trigger__workspace", "instead_of__workspace",
        "rehearses__workspace", "resumes__workspace", "undoes__workspace",
    ).filter(pk=run)  # fmt: skip


def _choose(request):
    found = choices(request.workspace, request.user)
    groups = [(label, [choice for choice in found if choice.kind == kind]) for kind, label in GROUPS.items()]
    context = {
        "groups": [group for group in groups if group[1]],
        "denied": why_not(request.user, "core.run_installation", request.workspace),
        "install_denied": why_not(request.user, "core.install_extension", request.workspace),
    }
    return render(request, "sandbox/run_choose.html", context)


def _form_page(
    request,
    target,
    form: RunForm,
    *,
    earlier: Run | None = None,
    hidden: Collection[str] = (),
    asked: Asked | None = None,
    status: int = 200,
):
    """``hidden``: inputs of ``earlier`` that nobody can bring back; ``asked``: who would be asked for a yes to the
    values that the form begins with."""
    context = {
        "asked": asked,
        "target": target,
        "form": form,
        "earlier": earlier,
        "hidden": hidden,
        "simulated": target.is_forced,
        "trouble": trouble() if target.needs_sandbox else None,
        "denied": why_not(request.user, target.permission, target.installation),
        "steps_denied": next(filter(None, _grants_missing(request.user, target)), None),
    }
    return render(request, "sandbox/run_create.html", context, status=status)


def _grants_missing(user, target):
    return (why_not(user, "registry.write_installation", one) for one in target.writes_through)


def _start(request, target, form: RunForm) -> Run | None:
    """The run, or None with the refusals put beside the fields."""
    mode = form.cleaned_data["mode"]
    partly = mode == Run.Mode.PARTIAL and target.is_partly_connected
    dry = mode == DRY and target.may_be_dry
    simulate = not partly and not dry and (target.is_forced or mode != Run.Mode.LIVE)
    try:
        return invoke(
            request.workspace,
            actor=request.user,
            target=target.target,
            inputs=form.inputs,
            simulate=simulate,
            partly=partly,
            dry=dry,
            scenario=form.cleaned_data.get("scenario", Run.Scenario.HAPPY),
            scenarios=form.scenarios,
            stepwise=simulate and form.cleaned_data.get("stepwise", False),
            idempotency_key=str(form.cleaned_data["idempotency_key"]),
        )
    except Invalid as error:
        form.add_refusals(str(error), error.fields)
        return None


def _asked(request, target, inputs: dict[str, Any]) -> Asked | None:
    """Who would be asked for a yes to ``inputs``, the values that the form begins with: what is typed is not yet a call
    that the rules can be asked about."""
    return foresee(
        request.workspace, actor=request.user, target=target.target, inputs=inputs, simulate=target.is_forced
    )


def _earlier(request, target) -> Run | None:
    """The run that "Run again" starts from, where it is one of this target's."""
    pk = _as_uuid(request.GET.get("from"))
    runs = Run.objects.in_workspace(request.workspace).visible_to(request.user)
    return runs.filter(pk=pk, target=target.target).select_related("workspace").first() if pk else None


def _scenario(request, earlier: Run | None) -> str:
    """The sample that is chosen at first: the one a link names, else that of the earlier run."""
    named = request.GET.get("scenario", "")
    return named if named in Run.Scenario.values else earlier.scenario if earlier else ""


def _can_cancel(user, run: Run) -> bool:
    """Whether cancel_run would let them: one's own, or any for whoever may write everywhere; before a worker has it."""
    mine = run.requested_by == user or can(user, "core.write_installation", run.workspace)
    return mine and run.parent_id is None and run.state in (Run.State.QUEUED, Run.State.WAITING)


def _as_uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
