"""What was decided and what held: receipts of decisions, scopes and their use, and the rules of any moment."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from galaxy.core.http import wants_partial
from galaxy.core.permissions import can, require
from policies.as_of import AsOfForm, state_at
from policies.decision_list import DecisionFilterForm, page_of
from policies.models import Decision
from policies.origins import origins_of
from policies.receipts import receipt_of
from policies.rules.cedar import as_cedar, schema_of
from policies.rules.snapshots import snapshot_of
from policies.scope_use import scopes_of
from policies.services.rules import rules_in_force


@require_safe
def decision_list(request, workspace):
    """Every member has this page: those who may see every run see all of it, others what they asked for."""
    require(request.user, "core.view_rule", request.workspace)
    form = DecisionFilterForm(request.GET)
    page = None
    if form.is_valid():
        seen = Decision.objects.visible_to(request.user, request.workspace).select_related("workspace")
        page = page_of(form.apply(seen), request.GET.get("before", ""))
    context = {"form": form, "page": page, "sees_all": can(request.user, "core.view_run", request.workspace)}
    template = "policies/_decisions.html" if wants_partial(request) else "policies/decision_list.html"
    return render(request, template, context, status=200 if page else 422)


@require_safe
def decision_detail(request, workspace, pk):
    require(request.user, "core.view_rule", request.workspace)
    seen = Decision.objects.visible_to(request.user, request.workspace).select_related("workspace")
    decision = get_object_or_404(seen, pk=pk)
    receipt = receipt_of(decision, snapshot_of(request.workspace))
    context = {"receipt": receipt, "decision": decision, "origins": origins_of(decision, request.user)}
    return render(request, "policies/decision_detail.html", context)


@require_safe
def scope_list(request, workspace):
    require(request.user, "core.view_rule", request.workspace)
    return render(request, "policies/scope_list.html", {"groups": scopes_of(request.workspace, request.user)})


@require_safe
def rule_cedar(request, workspace):
    """The rules in force as a file of Cedar policies, or their schema, for tools that read it."""
    require(request.user, "core.view_rule", request.workspace)
    rules = rules_in_force(request.workspace)
    is_schema = request.GET.get("part") == "schema"
    text = schema_of(rules) if is_schema else as_cedar(rules)
    ending = "cedarschema" if is_schema else "cedar"
    name = f"{request.workspace.slug}-policy-{request.workspace.policy_version}.{ending}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers=headers)


@require_safe
def as_of(request, workspace):
    """Pins, rules and grants as they stood at one moment; without one, as they stand now."""
    require(request.user, "core.view_auditevent", request.workspace)
    form = AsOfForm(request.GET or None)
    state = None
    if not form.is_bound or form.is_valid():
        state = state_at(request.workspace, form.moment)
    context = {"form": form, "state": state}
    return render(request, "policies/as_of.html", context, status=200 if state else 422)
