"""Groups of approvers: the list, one group with its members, and its end."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.models import User
from galaxy.core.permissions import require, why_not
from policies.models import ApproverGroup
from policies.services.groups import (
    GroupNameUsed,
    add_to_group,
    create_group,
    end_group,
    remove_from_group,
    shortage_of,
    uses_by_group,
    uses_of,
)
from policies.standing_forms import GroupForm, MemberForm

PAGE_SIZE = 40


@require_safe
def group_list(request, workspace):
    """Those that answer, by name; ended ones under ``?show=ended``."""
    require(request.user, "core.view_rule", request.workspace)
    is_ended = request.GET.get("show") == "ended"
    rows = _groups(request).filter(ended_at__isnull=not is_ended).annotate(size=Count("members")).order_by("name")
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    uses = uses_by_group(request.workspace)
    context = {
        "page": page,
        "rows": [(group, uses.get(str(group.pk), [])) for group in page.object_list],
        "is_ended": is_ended,
        "denied": why_not(request.user, "core.manage_rule", request.workspace),
    }
    return render(request, "policies/group_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def group_create(request, workspace):
    require(request.user, "core.manage_rule", request.workspace)
    form = GroupForm(request.POST if request.method == "POST" else None, workspace=request.workspace)
    if form.is_valid():
        try:
            group = create_group(request.workspace, actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        except GroupNameUsed as error:
            form.add_error("name", str(error))
        else:
            messages.success(request, f"{group} can be asked by rules now.")
            return redirect(group)
    context = {"form": form}
    return render(request, "policies/group_form.html", context, status=422 if form.is_bound else 200)


@require_safe
def group_detail(request, workspace, pk):
    require(request.user, "core.view_rule", request.workspace)
    group = get_object_or_404(_groups(request), pk=pk)
    return _detail(request, group, MemberForm(group=group))


@require_POST
def group_member_create(request, workspace, pk):
    group = _found(request, pk)
    form = MemberForm(request.POST, group=group)
    if form.is_valid():
        try:
            add_to_group(group, actor=request.user, **form.cleaned_data)
        except Invalid as error:
            add_refusals(form, error)
        else:
            messages.success(request, f"{form.cleaned_data['user']} is in {group} now.")
            return redirect(group)
    return _detail(request, group, form, status=422)


@require_POST
def group_member_removal(request, workspace, pk, user):
    group = _found(request, pk)
    member = get_object_or_404(User.objects.filter(pk__in=group.members.values("user")), pk=user)
    remove_from_group(group, user=member, actor=request.user)
    messages.success(request, f"{member} is not in {group} any more.")
    return redirect(group)


@require_POST
def group_end(request, workspace, pk):
    group = end_group(_found(request, pk), actor=request.user)
    messages.success(request, f"{group} has ended.")
    return redirect("policies:group-list", request.workspace.slug)


def _groups(request):
    return ApproverGroup.objects.in_workspace(request.workspace).select_related("workspace", "created_by")


def _found(request, pk) -> ApproverGroup:
    require(request.user, "core.manage_rule", request.workspace)
    return get_object_or_404(_groups(request), pk=pk)


def _detail(request, group: ApproverGroup, form: MemberForm, *, status: int = 200):
    context = {
        "group": group,
        "members": group.members.select_related("user", "added_by").order_by("user__name"),
        "uses": [] if group.ended_at else uses_of(group),
        "shortage": "" if group.ended_at else shortage_of(group),
        "form": form,
        "denied": why_not(request.user, "core.manage_rule", request.workspace),
    }
    return render(request, "policies/group_detail.html", context, status=status)
