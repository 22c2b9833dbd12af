"""People of a workspace: the list, one person with what they may do and why, and the changes to a membership."""

from functools import cache, partial
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import F, QuerySet
from django.http import Http404
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.db.prepared import Prepared, prepared
from galaxy.core.effective import effective_of
from galaxy.core.grantables import Grantable, grantables
from galaxy.core.http import requested_sort, wants_partial
from galaxy.core.kept_queries import kept_rows
from galaxy.core.members.asking import answerable_by
from galaxy.core.members.limits import AboveYou, check_may_rule, givable_roles, in_order
from galaxy.core.members.people import (
    change_role,
    check_may_transfer,
    is_last_owner,
    remove_member,
    transfer_ownership,
)
from galaxy.core.models import Invitation, Membership, PermissionRequest, Role, RoleGroup, User, Workspace
from galaxy.core.people_forms import AnswerForm, InvitationForm, PeopleFilterForm, ReasonForm, RoleChoiceForm
from galaxy.core.permissions import NotGranted, can, held_on, label_of, require, why_not
from galaxy.core.recent_proof import require_recent_proof

PAGE_SIZE = 40
GRANTS_PAGE_SIZE = 40
OFFERED = 100  # objects to choose from on a person's page; any other is granted on its own page
SORTS = {"name": "user__name", "joined": "joined_at", "seen": "user__last_login"}


@require_safe
def member_list(request, workspace):
    require(request.user, "core.view_member", request.workspace)
    roles = in_order(_roles(workspace=request.workspace.pk))
    form = PeopleFilterForm(request.GET, roles=roles)
    sort, order = requested_sort(request, SORTS, "name")
    number = request.GET.get("page")
    few = _few(order)(workspace=request.workspace.pk) if not form.is_set and number in (None, "", "1") else []
    if 0 < len(few) <= PAGE_SIZE:  # one page holds them all, and nothing has to be counted
        page = Paginator(few, PAGE_SIZE).get_page(1)
    else:
        people = form.apply(Membership.objects.in_workspace(request.workspace))
        page = Paginator(_ordered(people, order), PAGE_SIZE).get_page(number)
    context = {"form": form, "page": page, "sort": sort}
    if wants_partial(request):
        return render(request, "core/_members.html", context)
    return render(request, "core/member_list.html", context | people_asides(request))


@require_safe
def member_detail(request, workspace, pk):
    membership = _membership(request, pk)
    return render(request, "core/member_detail.html", _detail(request, membership))


@require_POST
def member_role(request, workspace, pk):
    membership = _membership(request, pk)
    roles = givable_roles(request.user, request.workspace)
    form = RoleChoiceForm(request.POST, roles=roles)
    if not form.is_valid():
        require(request.user, "core.manage_member", request.workspace)
        context = _detail(request, membership) | {"role_form": form}
        return render(request, "core/member_detail.html", context, status=422)
    role = form.cleaned_data["role"]
    if (role.role == Role.OWNER) != membership.is_owner:
        require_recent_proof(request, f"Make {membership.user} {role.label}")
    membership, dropped = change_role(membership, to=role, actor=request.user, by_name=form.cleaned_data["by_name"])
    taken = f" {dropped} grant{'' if dropped == 1 else 's'} by name went with the old role." if dropped else ""
    messages.success(request, f"{membership.user} is {membership.role_label} now.{taken}")
    if membership.user_id == request.user.pk:  # what they see of this page may have changed with it
        return redirect("core:home")
    return redirect(membership)


@require_http_methods(["GET", "HEAD", "POST"])
def member_removal(request, workspace, pk):
    """Asks first. On one's own membership it is leaving."""
    membership = _membership(request, pk)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    is_own = membership.user_id == request.user.pk
    if request.method == "POST" and form.is_valid():
        if not is_own:
            check_may_rule(request.user, membership)
        act = "Leave" if is_own else f"Remove {membership.user} from"
        require_recent_proof(request, f"{act} {request.workspace.name}")
        remove_member(membership, actor=request.user, **form.cleaned_data)
        if is_own:
            messages.success(request, f"You left {request.workspace.name}.")
            return redirect("core:workspace-list")
        messages.success(request, f"{membership.user} is no longer in {request.workspace.name}.")
        return redirect("core:member-list", request.workspace.slug)
    context = {
        "membership": membership,
        "form": form,
        "is_own": is_own,
        "is_last_owner": is_last_owner(membership),
        "refusal": "" if is_own else _refusal(request.user, membership),
        "denied": None if is_own else why_not(request.user, "core.manage_member", request.workspace),
    }
    return render(request, "core/member_removal.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def member_ownership(request, workspace, pk):
    """Hand the workspace over: asks first, and says what becomes of both."""
    membership = _membership(request, pk)
    if request.method == "POST":
        check_may_transfer(membership, request.user)
        require_recent_proof(request, f"Hand {request.workspace.name} over to {membership.user}")
        transfer_ownership(membership, actor=request.user)
        messages.success(request, f"{membership.user} owns {request.workspace.name} now, and you are Admin.")
        return redirect("core:member-list", request.workspace.slug)
    return render(request, "core/member_ownership.html", {"membership": membership})


def people_asides(request) -> dict:
    """What stands beside the list: who is invited, what is asked for, and the form to invite."""
    user, workspace = request.user, request.workspace
    may_manage = can(user, "core.manage_member", workspace)

    def ask() -> QuerySet[PermissionRequest]:
        return answerable_by(user, workspace).select_related("asked_by").order_by("asked_at")[:20]

    requests = kept_rows(user, workspace, "core.answerable", ask)
    return {
        "invitations": _invitations(workspace=workspace.pk) if may_manage else [],
        "requests": [(one, label_of(one.codename), AnswerForm(auto_id=f"answer-{one.pk}-%s")) for one in requests],
        "invite_denied": why_not(user, "core.manage_member", workspace),
        "invitation_form": InvitationForm(roles=givable_roles(user, workspace)) if may_manage else None,
    }


def _membership(request, pk) -> Membership:
    """A member's row: one's own for anybody, others' with ``view_member``."""
    membership = _member.one(workspace=request.workspace.pk, membership=pk)
    if membership is None:
        raise Http404("No such member.")
    if membership.user_id != request.user.pk:
        require(request.user, "core.view_member", request.workspace)
    return membership


@cache
def _few(order: str) -> Prepared[Membership]:
    """All members where they are on one page, else one more than that, in one of the orders that SORTS has."""

    def build(workspace: UUID) -> QuerySet[Membership]:
        return _ordered(Membership.objects.filter(workspace=workspace), order)[: PAGE_SIZE + 1]

    return prepared(build)


def _ordered(people: QuerySet[Membership], order: str) -> QuerySet[Membership]:
    ordering = F(order[1:]).desc(nulls_last=True) if order.startswith("-") else F(order).asc(nulls_last=True)
    return people.select_related("user", "custom_role", "workspace").order_by(ordering, "pk")


@prepared
def _roles(workspace: UUID) -> QuerySet[RoleGroup]:
    return RoleGroup.objects.filter(workspace=workspace)


@prepared
def _invitations(workspace: UUID) -> QuerySet[Invitation]:
    rows = Invitation.objects.filter(workspace=workspace).open()
    return rows.select_related("role_group", "invited_by")[:PAGE_SIZE]


@prepared
def _asked(workspace: UUID, asker: UUID) -> QuerySet[PermissionRequest]:
    return PermissionRequest.objects.filter(workspace=workspace, asked_by=asker).order_by("-asked_at")[:10]


@prepared
def _member(workspace: UUID, membership: UUID) -> QuerySet[Membership]:
    rows = Membership.objects.in_workspace(workspace).select_related("user", "custom_role", "workspace")
    return rows.filter(pk=membership)


def _refusal(user, membership: Membership) -> str:
    """Why ``user`` may not change this membership although they may manage people; "" where they may."""
    try:
        check_may_rule(user, membership)
    except NotGranted:
        return ""
    except AboveYou as error:
        return str(error)
    return ""


def _detail(request, membership: Membership) -> dict:
    user, workspace = request.user, request.workspace
    effective = effective_of(membership)
    page = Paginator(effective.objects, GRANTS_PAGE_SIZE).get_page(request.GET.get("page"))
    is_own = membership.user_id == user.pk
    denied = why_not(user, "core.manage_member", workspace)
    refusal = "" if denied else _refusal(user, membership)
    roles = [] if denied or refusal else givable_roles(user, workspace)
    now = next((role for role in roles if _is_role(membership, role)), None)
    shows_asked = is_own or not denied
    asked = _asked(workspace=workspace.pk, asker=membership.user_id) if shows_asked else []
    return {
        "membership": membership,
        "effective": effective,
        "page": page,
        "is_own": is_own,
        "denied": denied,
        "refusal": refusal,
        "is_last_owner": is_last_owner(membership),
        "by_name": effective.by_name,
        "role_form": RoleChoiceForm(roles=roles, initial={"role": str(now.pk) if now else ""}) if roles else None,
        "grantables": [] if denied else _grantables(user, workspace),
        "held": held_on(user, workspace),
        "workspace_object": f"core.workspace|{workspace.pk}",
        "to": f"user:{membership.user_id}",
        "may_transfer": bool(request.membership and request.membership.is_owner) and not membership.is_owner,
        "asked": [(one, label_of(one.codename)) for one in asked],
    }


def _grantables(user, workspace) -> list[dict]:
    """What can be granted one by one, kind by kind: {grantable, rows, has_more}."""
    found = []
    for grantable in grantables():
        ask = partial(_some_of, grantable, user, workspace)
        rows = kept_rows(user, workspace, ("core.grantable", grantable.kind), ask)
        if rows:
            found.append({"grantable": grantable, "rows": rows[:OFFERED], "has_more": len(rows) > OFFERED})
    return found


def _some_of(grantable: Grantable, user: User, workspace: Workspace) -> QuerySet[Any]:
    return grantable.visible_rows(user, workspace)[: OFFERED + 1]


def _is_role(membership: Membership, role: RoleGroup) -> bool:
    return membership.custom_role_id == role.pk if role.is_custom else membership.role == role.role
