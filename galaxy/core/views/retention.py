"""How long values of events are kept, per kind of event, and legal holds against that."""

from typing import Any

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.template.defaultfilters import pluralize
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.audit import retention
from galaxy.core.audit.reading import actions_of
from galaxy.core.audit_forms import HoldForm, ReleaseForm, RuleForm
from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.models import AuditEvent, LegalHold, RetentionRule
from galaxy.core.permissions import require, why_not
from galaxy.core.recent_proof import require_recent_proof

SHOWN = 50


@require_safe
def retention_list(request, workspace):
    require(request.user, "core.view_auditevent", request.workspace)
    purges = AuditEvent.objects.in_workspace(request.workspace).filter(action="retention.purged")
    context = {
        "rules": [(rule, retention.class_in_words(rule.prefix)) for rule in retention.rules_of(request.workspace)],
        "holds": [
            (hold, retention.class_in_words(hold.prefix)) for hold in retention.holds_of(request.workspace)[:SHOWN]
        ],
        "purges": purges.select_related("workspace").order_by("-occurred_at", "-id")[:5],
        "denied": why_not(request.user, retention.MANAGE, request.workspace),
    }
    return render(request, "core/retention_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def retention_rule(request, workspace, pk=None):
    """A rule, new or there already. A GET with days shows what it would let go; a POST sets it."""
    require(request.user, retention.MANAGE, request.workspace)
    rule = get_object_or_404(retention.rules_of(request.workspace), pk=pk) if pk else None
    sent = request.POST if request.method == "POST" else request.GET if "keep_days" in request.GET else None
    initial: dict[str, Any] = {"prefix": rule.prefix, "keep_days": rule.keep_days} if rule else {}
    form = RuleForm(sent, actions=actions_of(request.workspace), initial=initial)
    if rule:
        del form.fields["prefix"]
    preview = None
    if form.is_bound and form.is_valid():
        asked = {"keep_days": form.cleaned_data["keep_days"]}
        asked["prefix"] = rule.prefix if rule else form.cleaned_data["prefix"]
        if request.method == "POST":
            kind, days = retention.class_in_words(asked["prefix"]), asked["keep_days"]
            require_recent_proof(request, f"Keep the values of “{kind}” for {days} day{pluralize(days)}")
            set_to = retention.set_rule(request.workspace, actor=request.user, **asked)
            messages.success(request, f"{retention.class_in_words(set_to.prefix)}: kept for {set_to.keep_days} days.")
            return redirect("core:retention-list", request.workspace.slug)
        preview = retention.preview_rule(request.workspace, **asked)
    words = retention.class_in_words(rule.prefix) if rule else ""
    context = {"form": form, "rule": rule, "words": words, "preview": preview}
    return render(request, "core/retention_rule.html", context, status=422 if form.errors else 200)


@require_POST
def retention_rule_removal(request, workspace, pk):
    require(request.user, retention.MANAGE, request.workspace)
    rule = get_object_or_404(RetentionRule.objects.in_workspace(request.workspace).select_related("workspace"), pk=pk)
    require_recent_proof(request, f"End the retention rule for “{retention.class_in_words(rule.prefix)}”")
    retention.end_rule(rule, actor=request.user)
    messages.success(request, f"{retention.class_in_words(rule.prefix)}: this rule ends, and nothing more goes by it.")
    return redirect("core:retention-list", request.workspace.slug)


@require_http_methods(["GET", "HEAD", "POST"])
def hold_create(request, workspace):
    require(request.user, retention.MANAGE, request.workspace)
    form = HoldForm(request.POST if request.method == "POST" else None, actions=actions_of(request.workspace))
    if form.is_bound and form.is_valid():
        try:
            retention.place_hold(
                request.workspace, reason=form.cleaned_data["reason"], actor=request.user, **form.scope
            )
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, "The hold is in force: nothing in its scope is purged.")
            return redirect("core:retention-list", request.workspace.slug)
    return render(request, "core/hold_form.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def hold_release(request, workspace, pk):
    require(request.user, retention.MANAGE, request.workspace)
    hold = get_object_or_404(LegalHold.objects.in_workspace(request.workspace).select_related("workspace"), pk=pk)
    form = ReleaseForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        require_recent_proof(request, f"Release the legal hold on “{retention.class_in_words(hold.prefix)}”")
        try:
            retention.release_hold(hold, reason=form.cleaned_data["reason"], actor=request.user)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, "The hold is released. What it kept goes as the rules say.")
            return redirect("core:retention-list", request.workspace.slug)
    context = {"form": form, "hold": hold, "words": retention.class_in_words(hold.prefix)}
    return render(request, "core/hold_release.html", context, status=422 if form.errors else 200)
