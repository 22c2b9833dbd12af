"""Sets of rules: every one that ever held, what is otherwise between two, and back to an earlier one."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.permissions import require, why_not
from policies.known import Known
from policies.models import RuleSet
from policies.rule_forms import ReasonForm
from policies.rule_reading import differences, replayed, said_of
from policies.rules.vocabulary import rules_of
from policies.services.rules import restore, restoring_findings, rules_in_force

PAGE_SIZE = 30
COMPARED_MOST = 200  # sets that the page of one offers to compare it with


@require_safe
def ruleset_list(request, workspace):
    require(request.user, "core.view_rule", request.workspace)
    rows = _sets(request).defer("content")
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "policies/ruleset_list.html", {"page": page})


@require_safe
def ruleset_detail(request, workspace, number):
    require(request.user, "core.view_rule", request.workspace)
    found = get_object_or_404(_sets(request), number=number)
    against = _against(request, number)
    rules = rules_of(found.content)
    context = {
        "ruleset": found,
        "against": against,
        "before": f"Policy {against}" if against else "No rules",
        "numbers": [one for one in _numbers(request) if one != number],
        "said": said_of(request.workspace, rules),
        "differences": differences(request.workspace, _rules_at(request, against), rules),
        "is_in_force": number == request.workspace.policy_version,
        "denied": why_not(request.user, "core.manage_rule", request.workspace),
    }
    return render(request, "policies/ruleset_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def ruleset_restore(request, workspace, number):
    require(request.user, "core.manage_rule", request.workspace)
    found = get_object_or_404(_sets(request), number=number)
    form = ReasonForm(
        request.POST if request.method == "POST" else None, initial={"seen": request.workspace.policy_version}
    )
    if form.is_valid():
        try:
            new = restore(request.workspace, actor=request.user, number=number, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"The rules of policy {number} hold again, as policy {new.number}.")
            return redirect("policies:rule-list", request.workspace.slug)
    in_force, rules = rules_in_force(request.workspace), rules_of(found.content)
    context = {
        "ruleset": found,
        "form": form,
        "differences": differences(request.workspace, in_force, rules),
        "findings": restoring_findings(request.workspace, rules),
        "replayed": replayed(request.workspace, in_force, rules, Known(request.workspace)),
        "version": request.workspace.policy_version + 1,
    }
    return render(request, "policies/ruleset_restore.html", context, status=422 if form.is_bound else 200)


def _sets(request):
    return RuleSet.objects.in_workspace(request.workspace).select_related("author", "workspace")


def _numbers(request) -> list[int]:
    rows = RuleSet.objects.in_workspace(request.workspace).values_list("number", flat=True)
    return [*rows[:COMPARED_MOST], 0]


def _against(request, number: int) -> int:
    """The set to compare with: the one that is asked for, or the one before."""
    asked = request.GET.get("against", "")
    return int(asked) if asked.isdecimal() and len(asked) < 9 and int(asked) != number else number - 1


def _rules_at(request, number: int):
    """The rules of a policy; none before the first, or where there was none of that number."""
    found = RuleSet.objects.in_workspace(request.workspace).filter(number=number).first()
    return rules_of(found.content) if found else ()
