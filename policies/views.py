"""The approval queue and its acts on one request or on a stack. Pages look; only POST views change anything."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import replace_url

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.http import wants_partial
from galaxy.core.permissions import can, require
from galaxy.core.recent_proof import ProofNeeded, forget_kept, recent_factor
from galaxy.core.saved_views import views_of
from policies.errors import SecondFactorNeeded
from policies.forms import CHIPS, DecisionForm, StackDecisionForm
from policies.models import Approval
from policies.queue import Queue, queue_of, visible_one
from policies.queue_filters import QUEUE
from policies.reading import request_of
from policies.services.reviewers import asked_of
from policies.services.sweeping import Forecast, forecast
from policies.services.voting import Result, decide_approval, decide_many
from policies.stacks import Stack, shown_in, stack_of


@require_safe
def approval_list(request, workspace):
    """Every member has this page: those who are asked see what waits, everybody sees what they asked for."""
    require(request.user, "core.view_installation", request.workspace)
    return _queue(request, request.GET)


@require_safe
def approval_detail(request, workspace, pk):
    return _detail(request, found(request, pk), DecisionForm())


@require_POST
def approval_decision(request, workspace, pk):
    approval = found(request, pk)
    form = DecisionForm(request.POST)
    if form.is_valid():
        try:
            word = form.word | {"digest": form.cleaned_data["digest"], "factor": recent_factor(request)}
            approval = decide_approval(approval, reviewer=request.user, **word)
        except SecondFactorNeeded as error:
            raise ProofNeeded(error.act, factor=True) from error
        except Invalid as error:
            add_refusals(form, error)
    place = place_of(request)
    if not form.is_valid():
        if wants_partial(request):
            return _queue(request, place, opened=approval, form=form, status=422)
        return _detail(request, approval, form, status=422)
    forget_kept(request)
    return _answer(request, place, _said(approval), after=approval)


@require_POST
def approval_decisions(request, workspace):
    """One word on several of a stack, each on the digest that its preview showed; what became of each is the answer."""
    require(request.user, "core.view_installation", request.workspace)
    form = StackDecisionForm(request.POST)
    chosen = shown_in(request.POST.get("shown", ""), request.user, request.workspace, request.POST.getlist("pick"))
    results: list[Result] = []
    if form.is_valid() and not chosen:
        form.add_error(None, "Choose at least one of them.")
    if form.is_valid():
        try:
            word = form.word | {"factor": recent_factor(request)}
            results = decide_many(request.workspace, chosen, reviewer=request.user, **word)
        except SecondFactorNeeded as error:
            raise ProofNeeded(error.act, factor=True) from error
        except Invalid as error:
            add_refusals(form, error)
    place = place_of(request)
    if not form.is_valid():
        return _queue(request, place, form=form, picked=request.POST.getlist("pick"), status=422)
    forget_kept(request)
    outcome = Outcome(form.cleaned_data["decision"], results)
    return _answer(request, place, outcome.sentence, outcome=outcome)


@dataclass(frozen=True)
class Outcome:
    """What became of a decision about several."""

    decision: str
    results: list[Result]

    @property
    def returned(self) -> list[Result]:
        return [result for result in self.results if not result.is_done]

    @property
    def sentence(self) -> str:
        done = len(self.results) - len(self.returned)
        returned = f", {len(self.returned)} returned with why" if self.returned else ""
        return f"{done} {self.decision}{returned}."


@dataclass(frozen=True)
class Pane:
    """What stands beside the list: a request, a stack, or what became of a stack."""

    request: Any = None
    stack: Stack | None = None
    outcome: Outcome | None = None

    @property
    def approval(self) -> Approval | None:
        """The request whose line is marked."""
        if self.request:
            return self.request.approval
        return self.stack.first.approval if self.stack else None

    @property
    def shape(self) -> str:
        return self.stack.shape if self.stack else ""


def found(request, pk) -> Approval:
    """The approval of that id that this person may open; else a 404."""
    approval = visible_one(request.user, request.workspace, pk)
    if approval is None:
        raise Http404("No such approval.")
    return approval


def place_of(request) -> QueryDict:
    """Where in the queue a form was sent from, by its field ``place``; empty on a page of its own."""
    return QueryDict(request.POST.get("place", "")[:2000])


def _said(approval: Approval) -> str:
    if approval.is_pending:
        return "Your yes counts; others are asked as well."
    return f"{approval.get_status_display()}."


def _answer(request, place, said: str, **context):
    """The queue after an act, or the page it was done on: the next request, the counts, and the news of it."""
    due = asked_of(request.user, request.workspace).count()
    said = f"{said} {due} waiting."
    outcome = context.get("outcome")
    (messages.warning if outcome and outcome.returned else messages.success)(request, said)
    if wants_partial(request):
        response = _queue(request, place, template="policies/_decided.html", said=said, due=due, **context)
        return replace_url(response, _list_url(request, place))
    if outcome and outcome.returned:
        return _queue(request, place, **context)
    return redirect(_list_url(request, place) if place or outcome else context["after"])


def _list_url(request, place) -> str:
    """The list as it stood, less what was open in it."""
    query = place.copy()
    query.pop("open", None)
    url = reverse("policies:approval-list", args=[request.workspace.slug])
    return f"{url}?{query.urlencode()}" if query else url


def _detail(request, approval, form, status=200):
    context = {"opened": request_of(approval, request.user), "form": form, "chips": CHIPS}
    context["factor"] = recent_factor(request)
    return render(request, "policies/approval_detail.html", context, status=status)


def _queue(request, params, *, template="", status=200, opened=None, after=None, outcome=None, form=None, **context):
    """The list with a pane beside it: the request or stack that ``params`` names, the next one, or the first."""
    queue = queue_of(request.user, request.workspace, params)
    pane = Pane(outcome=outcome) if outcome and outcome.returned else _pane(request, queue, params, opened, after)
    form = form or DecisionForm()
    context |= {
        "queue": queue,
        "pane": pane,
        "opened": pane.request,
        "stack": pane.stack,
        "within": params.get("stack", "") if pane.request else "",
        "form": form,
        "after": after or outcome,
        "chips": CHIPS,
        "factor": recent_factor(request),
        "views": views_of(request.user, request.workspace, QUEUE.page),
        "is_filtering": "filters" in params,
        "forecast": _forecast(request, queue),
    }
    template = template or ("policies/_triage.html" if wants_partial(request) else "policies/approval_list.html")
    return render(request, template, context, status=status)


def _forecast(request, queue: Queue) -> Forecast | None:
    """What will end tonight at this pace, for whoever sees the whole queue, above its first page."""
    sees_all = any(can(request.user, f"core.{act}_approval", request.workspace) for act in ("decide", "view"))
    return forecast(request.workspace) if sees_all and queue.tab == "waiting" and queue.page.number == 1 else None


def _pane(request, queue: Queue, params, opened: Approval | None, after: Approval | None) -> Pane:
    shape = params.get("stack", "")
    listed = {row.approval.pk: row.approval for row in queue.rows}
    if opened is None and after is None and params.get("open"):
        pk = _uuid(params["open"])
        opened = listed.get(pk) or found(request, pk)
    if opened is None and shape and (stack := stack_of(queue, shape, request.user, request.workspace)):
        return Pane(stack=stack)
    if opened is None and queue.heads:
        later = (head for head in queue.heads if after and head.row.approval.requested_at > after.requested_at)
        head = next(later, queue.heads[0])
        if head.is_stack and (stack := stack_of(queue, head.shape, request.user, request.workspace)):
            return Pane(stack=stack)
        opened = head.row.approval
    return Pane(request=request_of(opened, request.user)) if opened else Pane()


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404("No such approval.") from error
