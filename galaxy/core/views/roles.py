"""The workspace's roles: the six and its own, with what each may do."""

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.errors import Invalid
from galaxy.core.fields import add_refusals
from galaxy.core.members.limits import AboveYou, in_order
from galaxy.core.members.roles import (
    change_role_definition,
    create_role,
    delete_role,
    facts_of,
    permissions_of,
    uses_of,
)
from galaxy.core.models import RoleGroup
from galaxy.core.people_forms import RoleDefinitionForm
from galaxy.core.permissions import LABELS, require, why_not
from galaxy.core.recent_proof import require_recent_proof


@require_safe
def role_list(request, workspace):
    require(request.user, "core.view_member", request.workspace)
    roles = in_order(list(RoleGroup.objects.in_workspace(request.workspace).select_related("workspace")))
    context = {
        "roles": [
            (facts.role, [LABELS[codename] for codename in facts.permissions], facts.members)
            for facts in facts_of(request.workspace, roles)
        ],
        "denied": why_not(request.user, "core.manage_role", request.workspace),
    }
    return render(request, "core/role_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def role_create(request, workspace):
    require(request.user, "core.manage_role", request.workspace)
    form = RoleDefinitionForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        require_recent_proof(request, f"Make the role {form.cleaned_data['name']}")
        role = _kept(form, lambda data: create_role(request.workspace, actor=request.user, **data))
        if role:
            messages.success(request, f"The role {role.name} can be given to people now.")
            return redirect("core:role-list", request.workspace.slug)
    return render(request, "core/role_form.html", {"form": form}, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def role_detail(request, workspace, pk):
    require(request.user, "core.manage_role", request.workspace)
    role = _role(request, pk)
    now = {"name": role.name, "permissions": sorted(permissions_of(role))}
    form = RoleDefinitionForm(request.POST if request.method == "POST" else None, initial=now)
    if request.method == "POST" and form.is_valid():
        require_recent_proof(request, f"Change the role {role.name}")
        changed = _kept(form, lambda data: change_role_definition(role, actor=request.user, **data))
        if changed:
            messages.success(request, f"{changed.name} is changed for everybody in it.")
            return redirect("core:role-list", request.workspace.slug)
    people, invited = uses_of(role)
    context = {"form": form, "role": role, "people": people, "invited": invited, "is_used": bool(people or invited)}
    return render(request, "core/role_form.html", context, status=422 if form.is_bound else 200)


@require_POST
def role_removal(request, workspace, pk):
    require(request.user, "core.manage_role", request.workspace)
    role = _role(request, pk)
    require_recent_proof(request, f"Delete the role {role.name}")
    delete_role(role, actor=request.user)
    messages.success(request, f"The role {role.name} is deleted.")
    return redirect("core:role-list", request.workspace.slug)


def _role(request, pk) -> RoleGroup:
    """A role of the workspace's own; the six are not there to be changed."""
    rows = RoleGroup.objects.in_workspace(request.workspace).filter(role="")
    return get_object_or_404(rows.select_related("workspace", "group"), pk=pk)


def _kept(form: RoleDefinitionForm, save) -> RoleGroup | None:
    """The role as saved; None where a rule of the service refused it, with its sentence put beside the field."""
    try:
        return save(form.cleaned_data)
    except AboveYou as error:
        form.add_error("permissions", str(error))
    except Invalid as error:
        add_refusals(form, error)
    return None
