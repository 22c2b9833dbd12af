"""The assistant's panel, which knows the page it is opened from, and the pages of advice."""

from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.http import wants_partial
from galaxy.core.permissions import why_not
from marketplace.assistant import acting, services, simulating
from marketplace.assistant.answers import answer_to, questions_for
from marketplace.assistant.forms import AdviceFilterForm, DismissForm, SnoozeForm
from marketplace.assistant.models import Advice
from marketplace.assistant.places import place_of
from marketplace.assistant.records import quiet_rules, records_of
from marketplace.assistant.rules import BY_NAME
from policies.models import Change
from sandbox.upgrades.previews import MAY_PREVIEW

PAGE_SIZE = 25
MOST_HERE, MOST_ELSEWHERE = 5, 3
RELATED = (
    "workspace",
    "installation__extension",
    "installation__workspace",
    "installation__pin__version",
    "connection",
)


@require_safe
def panel(request, workspace):
    """``from`` is the path of the page that it is opened from, ``ask`` the name of a question of that page."""
    place = place_of(request.GET.get("from", ""), request.user, request.workspace)
    rows = _shown(request)
    about = place.advice
    here = list(rows.filter(about)[:MOST_HERE]) if about is not None else []
    elsewhere = rows.exclude(pk__in=[one.pk for one in here]).exclude(rule__in=quiet_rules(request.workspace))
    asked = request.GET.get("ask", "")
    questions = questions_for(place)
    answer = answer_to(asked, place, request.user) if asked else None
    context = {
        "place": place,
        "here": here,
        "elsewhere": list(elsewhere[:MOST_ELSEWHERE]),
        "questions": [(one, f"?{urlencode({'from': place.path, 'ask': one.name})}") for one in questions],
        "asked": next((one for one in questions if one.name == asked), None),
        "answer": answer,
    }
    return render(request, "assistant/_panel.html" if wants_partial(request) else "assistant/panel.html", context)


@require_safe
def advice_list(request, workspace):
    form = AdviceFilterForm(request.GET)
    visible = Advice.objects.visible_to(request.user, request.workspace)
    is_valid = form.is_valid()
    rows = form.apply(visible) if is_valid else visible.none()
    quiet = quiet_rules(request.workspace)
    loud = rows.exclude(rule__in=quiet, severity__lt=Advice.Severity.URGENT) if quiet else rows
    shown = loud if quiet and is_valid and not form.cleaned_data["rule"] and not request.GET.get("quiet") else rows
    page = Paginator(_ordered(shown.select_related(*RELATED)), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "left_out": rows.count() - page.paginator.count if quiet else 0,
        "is_filtered": form.is_filtered,
        "records": [one for one in records_of(request.workspace) if one.given],
    }
    template = "assistant/_advice_rows.html" if wants_partial(request) else "assistant/advice_list.html"
    return render(request, template, context, status=200 if is_valid else 422)


@require_POST
def advice_look(request, workspace):
    found = services.look_now(request.workspace, actor=request.user)
    if found is None:
        messages.info(request, "It looked a moment ago.")
    elif found.made or found.closed:
        messages.success(request, f"{found.made} new, {found.closed} no longer so.")
    else:
        messages.info(request, "Nothing new.")
    return redirect("assistant:advice-list", request.workspace.slug)


@require_safe
def advice_detail(request, workspace, pk):
    return _detail(request, _advice(request, pk))


@require_POST
def advice_acting(request, workspace, pk):
    """Prepare what it recommends, and lead to where a person goes on."""
    prepared = acting.act(_advice(request, pk), actor=request.user)
    (messages.success if prepared.change else messages.info)(request, prepared.sentence)
    return redirect(prepared.url)


@require_POST
def advice_dismissal(request, workspace, pk):
    row, form = _advice(request, pk), DismissForm(request.POST)
    if form.is_valid():
        try:
            services.dismiss(row, actor=request.user, reason=form.cleaned_data["reason"])
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, "Dismissed. It is not said again for 90 days, unless it grows more urgent.")
            return redirect("assistant:advice-list", request.workspace.slug)
    return _detail(request, row, dismissal=form, status=422)


@require_POST
def advice_snooze(request, workspace, pk):
    row, form = _advice(request, pk), SnoozeForm(request.POST)
    if form.is_valid():
        services.snooze(row, actor=request.user, until=form.until)
        messages.success(request, "Put off. It closes by itself if it is settled meanwhile.")
        return redirect("assistant:advice-list", request.workspace.slug)
    return _detail(request, row, snooze=form, status=422)


@require_http_methods(["GET", "HEAD", "POST"])
def advice_simulation(request, workspace, pk):
    """A GET is how far a replay is, asked for again while it is under way. A POST has recorded calls replayed, or tries
    the rule that is recommended on past ones: neither changes anything."""
    row = _advice(request, pk)
    if request.method == "POST":
        if not row.is_open or not simulating.can_simulate(row):
            raise simulating.NothingToSimulate("There is nothing to simulate here.")
        simulating.begin(row, actor=request.user)
        if not row.recommended.rule and not wants_partial(request):
            return redirect(f"{row.get_absolute_url()}#simulation")
    found = simulating.result_of(row, tries=request.method == "POST")
    if wants_partial(request):
        return render(request, "assistant/_simulation.html", {"advice": row, "simulated": found})
    return _detail(request, row, simulated=found)


def _detail(request, row: Advice, *, dismissal=None, snooze=None, simulated=None, status: int = 200):
    step = row.recommended
    change = Change.objects.in_workspace(request.workspace).visible_to(request.user).filter(pk=row.made).first()
    can_simulate = row.is_open and simulating.can_simulate(row)
    replayed = row.installation if can_simulate and step.version else None
    context = {
        "advice": row,
        "rule": BY_NAME.get(row.rule),
        "step": step,
        "change": change,
        "dismissal": dismissal or DismissForm(),
        "snooze": snooze or SnoozeForm(),
        "answer_denied": services.denied_to_answer(row, request.user) if row.is_open else None,
        "can_simulate": can_simulate,
        "simulated": simulated or (simulating.result_of(row) if can_simulate else None),
        "simulate_denied": why_not(request.user, MAY_PREVIEW, replayed) if replayed else None,
    }
    return render(request, "assistant/advice_detail.html", context, status=status)


def _advice(request, pk) -> Advice:
    rows = Advice.objects.visible_to(request.user, request.workspace)
    return get_object_or_404(rows.select_related(*RELATED, "acted_by", "ended_by"), pk=pk)


def _shown(request):
    """What is advised now, as this person may see it: what nobody acted on first, and of that the most urgent."""
    return _ordered(Advice.objects.visible_to(request.user, request.workspace).shown().select_related(*RELATED))


def _ordered(rows):
    return rows.order_by(F("acted_at").asc(nulls_first=True), "-severity", "-made_at", "id")
