"""The approval queue. Pages look; only the two POST views below change anything."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import replace_url

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.http import wants_partial
from galaxy.core.permissions import require
from policies.forms import DecisionForm
from policies.models import Approval
from policies.reading import due_for, queue_of, request_of, visible
from policies.services.approvals import decide_approval, withdraw_approval


@require_safe
def approval_list(request, workspace):
    """Every member has this page: those who decide see what waits, everybody sees what they asked for."""
    require(request.user, "core.view_installation", request.workspace)
    context = _triage(request, request.GET)
    template = "policies/_triage.html" if wants_partial(request) else "policies/approval_list.html"
    return render(request, template, context)


@require_safe
def approval_detail(request, workspace, pk):
    return _detail(request, _found(request, pk), DecisionForm())


@require_POST
def approval_decision(request, workspace, pk):
    approval = _found(request, pk)
    form = DecisionForm(request.POST)
    if form.is_valid():
        try:
            approval = decide_approval(approval, reviewer=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
    if not form.is_valid():
        if wants_partial(request):
            context = _triage(request, request.POST, opened=approval, form=form)
            return render(request, "policies/_triage.html", context, status=422)
        return _detail(request, approval, form, status=422)
    waiting = due_for(request.user, request.workspace).count()
    said = f"{approval.get_status_display()}. {waiting} waiting."
    messages.success(request, said)
    if not wants_partial(request):
        return redirect(approval)
    context = _triage(request, request.POST, after=approval)
    response = render(request, "policies/_decided.html", context | {"said": said, "due": waiting})
    return replace_url(response, reverse("policies:approval-list", args=[request.workspace.slug]))


@require_POST
def approval_withdrawal(request, workspace, pk):
    approval = withdraw_approval(_found(request, pk), actor=request.user)
    messages.success(request, "Withdrawn. Nothing of it will run.")
    return redirect(approval)


def _found(request, pk) -> Approval:
    return get_object_or_404(visible(request.user, request.workspace).select_related("decision"), pk=pk)


def _detail(request, approval, form, status=200):
    context = {"opened": request_of(approval, request.user), "form": form}
    return render(request, "policies/approval_detail.html", context, status=status)


def _triage(request, params, *, opened=None, after=None, form=None) -> dict:
    """The queue with one request opened: the one given, the one ``?open=`` names, the next one, or the first."""
    queue = queue_of(request.user, request.workspace, tab=params.get("tab", ""), page=params.get("page"))
    if opened is None and after is None and params.get("open"):
        opened = _found(request, _uuid(params["open"]))
    if opened is None and queue.rows:
        rows = [row.approval for row in queue.rows]
        opened = next((one for one in rows if after and one.requested_at > after.requested_at), rows[0])
    return {
        "queue": queue,
        "opened": request_of(opened, request.user) if opened else None,
        "form": form or DecisionForm(),
        "after": after,
    }


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404("No such approval.") from error
