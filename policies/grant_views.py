"""Auto-Approve grants: the list, one with what it let through, making one, and taking it back."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.permissions import require, why_not
from galaxy.core.recent_proof import require_recent_proof
from policies.models import Approval, AutoApproval
from policies.services.auto_approve import last_uses
from policies.services.granting import KIND, create_auto_approval, revoke_auto_approval
from policies.standing_forms import AutoApprovalForm, RevocationForm

PAGE_SIZE = 40


@require_safe
def auto_approval_list(request, workspace):
    """Those that hold or wait, the one that ends first at the top; ended ones under ``?show=ended``."""
    require(request.user, "core.view_rule", request.workspace)
    is_ended = request.GET.get("show") == "ended"
    rows = _grants(request).filter(ended_at__isnull=not is_ended)
    rows = rows.order_by("-ended_at", "pk") if is_ended else rows.order_by("ends_at", "pk")
    context = {
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "is_ended": is_ended,
        "denied": why_not(request.user, "core.manage_rule", request.workspace),
    }
    return render(request, "policies/auto_approval_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def auto_approval_create(request, workspace):
    require(request.user, "core.manage_rule", request.workspace)
    sent = request.POST if request.method == "POST" else None
    asked = {name: request.GET[name] for name in ("installation", "scope", "budget") if name in request.GET}
    form = AutoApprovalForm(sent, workspace=request.workspace, user=request.user, initial=asked)
    if form.is_valid():
        require_recent_proof(request, f"Auto-Approve {form.cleaned_data['scope']}")
        try:
            grant = create_auto_approval(request.workspace, actor=request.user, **form.facts)
        except Invalid as error:
            add_refusals(form, error)
        else:
            waits = "It answers nothing until a second person agrees." if grant.is_waiting else "It holds from now on."
            messages.success(request, f"{grant}: {waits}")
            return redirect(grant)
    context = {"form": form}
    return render(request, "policies/auto_approval_form.html", context, status=422 if form.is_bound else 200)


@require_safe
def auto_approval_detail(request, workspace, pk):
    require(request.user, "core.view_rule", request.workspace)
    return _detail(request, get_object_or_404(_grants(request), pk=pk))


@require_POST
def auto_approval_revocation(request, workspace, pk):
    require(request.user, "core.manage_rule", request.workspace)
    grant = get_object_or_404(_grants(request), pk=pk)
    form = RevocationForm(request.POST)
    if not form.is_valid():
        return _detail(request, grant, form, status=422)
    revoke_auto_approval(grant, actor=request.user, **form.cleaned_data)
    messages.success(request, "Revoked. The next request waits for a person again.")
    return redirect(grant)


def _grants(request):
    rows = AutoApproval.objects.in_workspace(request.workspace)
    return rows.select_related("workspace", "installation__extension", "owner", "agent", "confirmed_by")


def _detail(request, grant: AutoApproval, form: RevocationForm | None = None, *, status: int = 200):
    rows = last_uses(grant).visible_to(request.user, request.workspace).select_related("workspace", "requested_by")
    asked = Approval.objects.in_workspace(request.workspace).visible_to(request.user, request.workspace)
    context: dict[str, Any] = {
        "grant": grant,
        "share": round(100 * grant.used / grant.budget),
        "page": Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page")),
        "request_about": asked.filter(subject_kind=KIND, subject_id=grant.pk).select_related("workspace").first(),
        "form": form or RevocationForm(),
        "denied": why_not(request.user, "core.manage_rule", request.workspace),
    }
    return render(request, "policies/auto_approval_detail.html", context, status=status)
