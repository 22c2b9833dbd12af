"""Rules: the list, one rule, its editor, and its end. A draft is looked at by POST, which changes nothing."""

from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.http import wants_partial
from galaxy.core.models import User
from galaxy.core.permissions import can, holders_of, require, why_not
from policies.known import Known
from policies.models import Rule, RuleSet
from policies.rule_forms import ReasonForm, RuleForm, initial_of, suggested_by
from policies.rule_reading import (
    Preview,
    calls_to_try,
    changes_of,
    content_of,
    overlaps_of,
    preview_of,
    replayed,
    rows_of,
    said_of,
)
from policies.rules.checking import unanswered
from policies.services.rules import (
    StaleRules,
    Unconfirmed,
    change_rule,
    create_rule,
    end_rule,
    next_number,
    rules_in_force,
)

WRITERS_NAMED = 5
PAGE_SIZE = 50


@require_safe
def rule_list(request, workspace):
    require(request.user, "core.view_rule", request.workspace)
    writers = holders_of(request.workspace, "manage_rule").order_by("name", "email")
    newest = RuleSet.objects.in_workspace(request.workspace).defer("content").select_related("author", "workspace")
    rules = Paginator(rules_in_force(request.workspace), PAGE_SIZE).get_page(request.GET.get("page"))
    context = {
        "page": rules,
        "rows": rows_of(request.workspace, rules.object_list),
        "newest": newest.first(),
        "writers": [str(user) for user in writers[:WRITERS_NAMED]],
        "denied": why_not(request.user, "core.manage_rule", request.workspace),
    }
    return render(request, "policies/rule_list.html", context)


@require_safe
def rule_detail(request, workspace, pk):
    require(request.user, "core.view_rule", request.workspace)
    rule = _found(request, pk)
    content = content_of(rule)
    others = [one for one in rules_in_force(request.workspace) if one.number != rule.number]
    changes, known = changes_of(rule), Known(request.workspace)
    context = {
        "rule": rule,
        "unanswered": [] if rule.ended_at else [one for one in unanswered(content, known) if one.is_refusal],
        "said": said_of(request.workspace, [content])[0],
        "overlaps": [] if rule.ended_at else overlaps_of(content, others, known),
        "changes": changes,
        "undo": _undo(rule, changes),
        "denied": why_not(request.user, "core.manage_rule", request.workspace),
        "may_read_trail": can(request.user, "core.view_auditevent", request.workspace),
    }
    return render(request, "policies/rule_detail.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def rule_create(request, workspace):
    require(request.user, "core.manage_rule", request.workspace)
    return _edit(request, None)


@require_http_methods(["GET", "HEAD", "POST"])
def rule_change(request, workspace, pk):
    require(request.user, "core.manage_rule", request.workspace)
    rule = _found(request, pk)
    if rule.ended_at:
        return redirect(rule)
    return _edit(request, rule)


@require_http_methods(["GET", "HEAD", "POST"])
def rule_end(request, workspace, pk):
    require(request.user, "core.manage_rule", request.workspace)
    rule = _found(request, pk)
    form = ReasonForm(
        request.POST if request.method == "POST" else None, initial={"seen": request.workspace.policy_version}
    )
    if form.is_valid():
        try:
            end_rule(rule, actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"Rule {rule.number} has ended. It can be undone below.")
            return redirect(rule)
    if rule.ended_at:
        return redirect(rule)
    in_force = rules_in_force(request.workspace)
    rest = [one for one in in_force if one.number != rule.number]
    context = {
        "rule": rule,
        "form": form,
        "said": said_of(request.workspace, [content_of(rule)])[0],
        "replayed": replayed(request.workspace, in_force, rest, Known(request.workspace)),
    }
    return render(request, "policies/rule_end.html", context, status=422 if form.is_bound else 200)


def _edit(request, rule: Rule | None):
    """The editor: looks at a draft where the form says ``check``, else saves it."""
    known = Known(request.workspace)
    owners = list(holders_of(request.workspace, "manage_rule").order_by("name", "email"))
    first = {"seen": request.workspace.policy_version, "owner": str(request.user.pk)}
    is_check = "check" in request.POST
    form = RuleForm(
        request.POST if request.method == "POST" else None,
        known=known,
        owners=owners,
        initial=first | (initial_of(rule) if rule else suggested_by(request.GET)),
        is_draft=is_check,
    )
    context: dict = {"status": 200, "stale": None, "warnings": [], "preview": None}
    if is_check:
        context["preview"] = _preview(request, form, rule, known)
    elif form.is_bound:
        saved = _saved(request, form, rule, owners, context)
        if saved:
            messages.success(
                request, f"Rule {saved.number} holds from now on, as policy {request.workspace.policy_version}."
            )
            return redirect(saved)
    is_part = is_check and wants_partial(request)
    context |= {
        "form": form,
        "rule": rule,
        "number": rule.number if rule else next_number(request.workspace),
        "version": request.workspace.policy_version + 1,
        "said": said_of(request.workspace, [content_of(rule)])[0] if rule and not is_part else None,
        "calls": [] if is_part else calls_to_try(request.workspace),
        "call": request.POST.get("call", ""),
    }
    template = "policies/_rule_preview.html" if is_part else "policies/rule_form.html"
    return render(request, template, context, status=context["status"])


def _preview(request, form: RuleForm, rule: Rule | None, known: Known) -> Preview:
    if not form.is_valid():
        problems = [
            f"{form.fields[name].label or 'The form' if name in form.fields else 'The form'}: {errors[0]}"
            for name, errors in form.errors.items()
        ]
        return Preview(problems=problems)
    return preview_of(request.workspace, form.values, rule, known, _uuid(request.POST.get("call", "")))


def _saved(request, form: RuleForm, rule: Rule | None, owners: list[User], context: dict) -> Rule | None:
    """The rule as saved; None where something stands against it, which ``form`` and ``context`` then say."""
    context["status"] = 422
    if not form.is_valid():
        return None
    owner = next((user for user in owners if str(user.pk) == form.cleaned_data["owner"]), None)
    if owner is None:
        form.add_error("owner", "Choose somebody who may write rules.")
        return None
    given = {
        "actor": request.user,
        "values": form.values,
        "reason": form.cleaned_data["reason"],
        "seen": form.cleaned_data["seen"],
        "owner": owner,
        "confirmed": form.cleaned_data["confirmed"],
    }
    try:
        return change_rule(rule, **given) if rule else create_rule(request.workspace, **given)
    except StaleRules as error:
        context |= {"status": 409, "stale": error}
        form.see(request.workspace.policy_version)
    except Unconfirmed as error:
        context["warnings"] = error.warnings
    except Invalid as error:
        form.refuse(error)
    return None


def _undo(rule: Rule, changes: list[RuleSet]) -> RuleSet | None:
    """The set that was saved as ``rule`` ended, where nothing came after it: the one before can be restored at once."""
    newest = changes[0] if rule.ended_at and changes else None
    is_last = newest is not None and newest.number == rule.workspace.policy_version
    return newest if newest and is_last and newest.number > 1 and newest.restored_from is None else None


def _found(request, pk) -> Rule:
    rows = Rule.objects.in_workspace(request.workspace).select_related("workspace", "owner")
    return get_object_or_404(rows, pk=pk)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
