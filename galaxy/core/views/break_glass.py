"""Break-glass: where staff begin and end a look into a workspace, and where its owners see each one and forbid them."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from galaxy.core.break_glass import (
    allow_support_access,
    break_glass,
    end_break_glass,
    looks_of,
    mail_owners,
    with_workspaces,
)
from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.models import BreakGlass
from galaxy.core.people_forms import BreakGlassForm, SupportAccessForm
from galaxy.core.permissions import require, why_not
from galaxy.core.recent_proof import require_recent_proof
from galaxy.core.second_factor import has_second_factor
from galaxy.core.sessions import rotate

PAGE_SIZE = 20


@require_http_methods(["GET", "HEAD", "POST"])
def break_glass_list(request):
    """For staff: the form that begins a look, and the looks they had."""
    _require_staff(request)
    form = BreakGlassForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        require_recent_proof(request, f"Look into {form.cleaned_data['workspace']}")
        row = _begun(form, request.user)
        if row is not None:
            rotate(request)
            link = request.build_absolute_uri(reverse("core:support-access", args=[row.workspace.slug]))
            told = mail_owners(row, link=link)
            owners = "Its owner was" if told == 1 else f"Its {told} owners were"
            messages.warning(request, f"You can read {row.workspace} for {row.minutes} minutes. {owners} told by mail.")
            return redirect(row.workspace)
    context = {
        "form": form,
        "has_factor": has_second_factor(request.user),
        "looks": with_workspaces(request.user, BreakGlass.objects.order_by("-started_at"))[:PAGE_SIZE],
    }
    return render(request, "core/break_glass_list.html", context, status=422 if form.is_bound else 200)


@require_POST
def break_glass_ending(request, pk):
    """One's own, before its time."""
    _require_staff(request)
    row = get_object_or_404(BreakGlass.objects.filter(user=request.user), pk=pk)
    end_break_glass(row, actor=request.user)
    messages.success(request, "Your look into the workspace is over.")
    return redirect("core:break-glass-list")


@require_http_methods(["GET", "HEAD", "POST"])
def support_access(request, workspace):
    """For whoever reads the trail: who looked in, when, why and at what. Owners allow or forbid it."""
    require(request.user, "core.view_auditevent", request.workspace)
    if request.method == "POST":
        return _allow(request)
    rows = BreakGlass.objects.in_workspace(request.workspace).select_related("user", "ended_by", "workspace")
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    looks = looks_of(request.workspace, list(page.object_list))
    context = {
        "page": page,
        "rows": [(row, looks.get(str(row.pk), [])) for row in page.object_list],
        "denied": why_not(request.user, "core.change_settings", request.workspace),
    }
    return render(request, "core/support_access.html", context)


@require_POST
def support_access_ending(request, workspace, pk):
    """By an owner, before its time."""
    require(request.user, "core.change_settings", request.workspace)
    rows = BreakGlass.objects.in_workspace(request.workspace).select_related("user")
    row = get_object_or_404(rows, pk=pk)
    end_break_glass(row, actor=request.user)
    messages.success(request, f"{row.user} cannot look in here any more.")
    return redirect("core:support-access", request.workspace.slug)


def _require_staff(request) -> None:
    if not request.user.is_staff:
        raise PermissionDenied("This page is for those who run Galaxy.")


def _begun(form: BreakGlassForm, user) -> BreakGlass | None:
    """The look as it began; None where a rule refused it, with its sentence put beside the field."""
    facts = form.cleaned_data
    try:
        return break_glass(slug=facts["workspace"], reason=facts["reason"], minutes=int(facts["minutes"]), actor=user)
    except Invalid as error:
        add_refusals(form, error)
    return None


def _allow(request):
    require(request.user, "core.change_settings", request.workspace)
    form = SupportAccessForm(request.POST)
    if not form.is_valid():
        raise Invalid("Choose to allow it or to forbid it.", next_step="Go back and choose.")
    allowed = form.cleaned_data["allows_support_access"]
    if allowed:
        require_recent_proof(request, f"Allow support access to {request.workspace}")
    ended = allow_support_access(request.workspace, allowed=allowed, actor=request.user)
    over = f" {ended} that was open is over." if ended else ""
    messages.success(request, "Support access is allowed." if allowed else f"Support access is forbidden.{over}")
    return redirect("core:support-access", request.workspace.slug)
