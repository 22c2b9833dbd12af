"""Delegations: who answers for oneself while one is away, and for whom one answers."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from galaxy.core.errors import Conflict, Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.permissions import NotGranted, can, require
from policies.models import Delegation
from policies.services.delegations import delegate, end_delegation, why_not_delegate
from policies.standing_forms import DelegationForm

PAGE_SIZE = 40


@require_http_methods(["GET", "HEAD", "POST"])
def delegation_list(request, workspace):
    """One's own, given and taken; whoever manages rules sees those of all. The form stands below."""
    require(request.user, "core.view_installation", request.workspace)
    sent = request.POST if request.method == "POST" else None
    if sent is not None and (denied := why_not_delegate(request.user, request.workspace)):
        raise NotGranted(denied)
    form = DelegationForm(sent, workspace=request.workspace, user=request.user)
    if form.is_valid():
        try:
            row = delegate(request.workspace, giver=request.user, **form.facts)
        except Invalid as error:
            add_refusals(form, error)
        except Conflict as error:  # it overlaps, or goes round: told where the days and the person are chosen
            form.add_error(None, f"{error} {error.next_step}")
        else:
            messages.success(request, f"{row.taker} answers for you from {row.starts_at:%d %B} on.")
            return redirect("policies:delegation-list", request.workspace.slug)
    return render(request, "policies/delegation_list.html", _lists(request, form), status=422 if sent else 200)


@require_POST
def delegation_end(request, workspace, pk):
    row = get_object_or_404(_visible(request), pk=pk)
    end_delegation(row, actor=request.user)
    messages.success(request, f"{row.taker} does not answer for {row.giver} any more.")
    return redirect("policies:delegation-list", request.workspace.slug)


def _visible(request):
    rows = Delegation.objects.in_workspace(request.workspace)
    rows = rows.select_related("workspace", "giver", "taker", "installation__extension")
    if can(request.user, "core.manage_rule", request.workspace):
        return rows
    return rows.filter(Q(giver=request.user) | Q(taker=request.user))


def _lists(request, form: DelegationForm) -> dict[str, Any]:
    now = timezone.now()
    rows = _visible(request)
    ahead = rows.filter(ended_at=None, ends_at__gt=now)
    sees_all = can(request.user, "core.manage_rule", request.workspace)
    everything = rows if sees_all else rows.filter(Q(ends_at__lte=now) | Q(ended_at__isnull=False))
    page = Paginator(everything.order_by("-starts_at", "pk"), PAGE_SIZE).get_page(request.GET.get("page"))
    return {
        "given": ahead.filter(giver=request.user).order_by("starts_at"),
        "taken": ahead.filter(taker=request.user).order_by("starts_at"),
        "page": page,
        "sees_all": sees_all,
        "now": now,
        "form": form,
        "denied": why_not_delegate(request.user, request.workspace),
    }
