"""Pages of evidence: how badges age, appeals, and the tests of what is installed."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.http import wants_partial
from galaxy.core.permissions import can, require, why_not
from marketplace.desk import MAY_REVIEW
from marketplace.evidence.ageing import answer_appeal, appeal, publishers_of, require_team
from marketplace.evidence.limits import LEAST_CALLS, LIMITS
from marketplace.evidence.models import Evidence, Lowering, TestRun
from marketplace.evidence.rules import AMBER_DAYS, GRACE_DAYS, LEVELS, RULES
from marketplace.evidence.testing import MAY_TEST_HERE, ask_tests_here
from registry.models import Installation

PAGE_SIZE = 25


@require_safe
def level_list(request, workspace):
    """How badges age: the rules of each level, and the levels that were lowered."""
    require(request.user, "core.view_listing", request.workspace)
    rows = Lowering.objects.select_related("listing__extension")
    context = {
        "levels": [
            (level, [rule for rule in RULES if rule.level == level], [one for one in LIMITS if one.level == level])
            for level in LEVELS
        ],
        "least_calls": LEAST_CALLS,
        "amber_days": AMBER_DAYS,
        "grace_days": GRACE_DAYS,
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "my_publishers": _mine(request),
    }
    return render(request, "marketplace/level_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def lowering_appeal(request, workspace, pk):
    require(request.user, "core.write_extension", request.workspace)
    lowering = get_object_or_404(Lowering.objects.select_related("listing__extension"), pk=pk)
    require_team(lowering, workspace=request.workspace, user=request.user)
    if request.method == "POST":
        appeal(lowering, plea=request.POST.get("plea", ""), workspace=request.workspace, actor=request.user)
        messages.success(request, "The desk is asked.")
        return redirect("marketplace:level-list", request.workspace.slug)
    return render(request, "marketplace/lowering_appeal.html", {"lowering": lowering})


@require_safe
def appeal_list(request, workspace):
    _require_desk(request)
    rows = Lowering.objects.filter(appeal=Lowering.Answer.OPEN).select_related("listing__extension", "asked_by")
    page = Paginator(rows.order_by("asked_at"), PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "marketplace/appeal_list.html", {"page": page})


@require_POST
def appeal_answer(request, workspace, pk):
    _require_desk(request)
    lowering = get_object_or_404(Lowering, pk=pk)
    uphold = request.POST.get("answer") == "uphold"
    answer_appeal(lowering, uphold=uphold, note=request.POST.get("note", ""), actor=request.user)
    messages.success(request, "The level is given back." if uphold else "The level stays as it is.")
    return redirect("marketplace:appeal-list", request.workspace.slug)


@require_http_methods(["GET", "HEAD", "POST"])
def installation_tests(request, workspace, pk):
    """The contract tests of what is installed, run here: what came of them, by which account, simulated or live, and
    when."""
    rows = Installation.objects.in_workspace(request.workspace).visible_to(request.user).active()
    installation = get_object_or_404(rows.select_related("workspace", "extension", "pin__version__extension"), pk=pk)
    if request.method == "POST":
        ask_tests_here(installation, actor=request.user)
        return redirect("marketplace:installation-tests", request.workspace.slug, installation.pk)
    runs = TestRun.objects.filter(workspace=request.workspace, installation=installation)
    kept = Evidence.objects.filter(workspace=request.workspace, digest=installation.pin.version.digest)
    context = {
        "installation": installation,
        "run": runs.select_related("asked_by").first(),
        "denied": why_not(request.user, MAY_TEST_HERE, request.workspace),
        "kept": kept.defer("report")[:10],
    }
    template = (
        "marketplace/checks/_tests_here.html" if wants_partial(request) else "marketplace/installation_tests.html"
    )
    return render(request, template, context)


def _mine(request) -> set:
    """Ids of the publishers for whose extensions the reader may appeal."""
    if not can(request.user, "core.write_extension", request.workspace):
        return set()
    return set(publishers_of(request.user, request.workspace).values_list("pk", flat=True))


def _require_desk(request) -> None:
    """Appeals are answered in the marketplace's own workspace; elsewhere there is no such page."""
    if not request.workspace.is_marketplace:
        raise Http404
    require(request.user, MAY_REVIEW, request.workspace)
