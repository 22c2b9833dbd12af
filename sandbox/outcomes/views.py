"""The page of outcomes."""

from django.core.paginator import Paginator
from django.shortcuts import render
from django.views.decorators.http import require_safe

from galaxy.core.permissions import require
from sandbox.outcomes.page import OutcomeFilterForm, outcome_page
from sandbox.outcomes.words import name_of, signal_of

PAGE_SIZE = 25


@require_safe
def outcome_list(request, workspace):
    require(request.user, "core.view_listing", request.workspace)
    told = outcome_page(request.workspace, request.user, OutcomeFilterForm(request.GET))
    page = Paginator(told.rows, PAGE_SIZE).get_page(request.GET.get("page"))
    lines = [(one, name_of(one), signal_of(one)) for one in page.object_list]
    return render(request, "sandbox/dashboard/outcome_list.html", {"told": told, "page": page, "lines": lines})
