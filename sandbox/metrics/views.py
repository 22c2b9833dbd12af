"""The dashboard, the table of targets and the page of one."""

from typing import Any
from uuid import UUID

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import render
from django.views.decorators.http import require_safe

from galaxy.core.kept_queries import kept_rows
from galaxy.core.permissions import require, why_not
from registry.models import Installation
from sandbox.metrics.dashboard import dashboard
from sandbox.metrics.rolling import behind_since
from sandbox.metrics.simulated import simulated_board
from sandbox.metrics.target_list import SORTS, TargetLines
from sandbox.metrics.target_page import target_page
from sandbox.metrics.waiting import if_late
from sandbox.metrics.windows import window_of, windows

PAGE_SIZE = 50
NEEDED = "core.view_listing"


@require_safe
def show_dashboard(request, workspace):
    require(request.user, NEEDED, request.workspace)
    window = window_of(request.GET.get("range", ""))
    context: dict[str, Any] = {"run_denied": why_not(request.user, "core.run_installation", request.workspace)}
    if _asks_for_simulated(request):
        context["page"] = simulated_board(request.workspace, request.user, window)
        context |= {"simulated": True, "behind": if_late(behind_since(request.workspace))}
        return render(request, "sandbox/dashboard/simulated.html", context)
    context["page"] = dashboard(request.workspace, request.user, window)
    return render(request, "sandbox/dashboard/dashboard.html", context)


@require_safe
def target_list(request, workspace):
    require(request.user, NEEDED, request.workspace)
    window = window_of(request.GET.get("range", ""))
    words = request.GET.get("q", "").replace("\0", "").strip()[:160]
    sort = request.GET.get("sort", "")
    sort = sort if sort in SORTS else "slow"
    simulated = _asks_for_simulated(request)
    lines = TargetLines(request.workspace, request.user, window, words=words, sort=sort, simulated=simulated)
    context = {
        "simulated": simulated,
        "window": window,
        "windows": windows(),
        "page": Paginator(lines, PAGE_SIZE).get_page(request.GET.get("page")),
        "words": words,
        "sort": sort,
        "sorts": SORTS,
    }
    return render(request, "sandbox/dashboard/target_list.html", context)


@require_safe
def target_detail(request, workspace, pk, target):
    require(request.user, NEEDED, request.workspace)
    installation = _visible(request, pk)
    window = window_of(request.GET.get("range", ""))
    simulated = _asks_for_simulated(request)
    page = target_page(installation, target, request.user, window, simulated=simulated)
    context = {"page": page, "simulated": simulated}
    return render(request, "sandbox/dashboard/target_detail.html", context)


def _visible(request, pk: UUID) -> Installation:
    def ask(pk: UUID) -> QuerySet[Installation]:
        rows = Installation.objects.in_workspace(request.workspace).visible_to(request.user)
        return rows.select_related("workspace", "extension", "pin").filter(pk=pk)

    found = kept_rows(request.user, request.workspace, "sandbox.target", ask, pk=pk)
    if not found:
        raise Http404("No such installation.")
    return found[0]


def _asks_for_simulated(request) -> bool:
    return request.GET.get("simulated", "") == "on"
