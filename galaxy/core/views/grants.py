"""Single grants, and asking for one: each a POST that goes back where it came from."""

from uuid import UUID

from django.contrib import messages
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from galaxy.core.accounts import plain_address
from galaxy.core.errors import DomainError, Invalid
from galaxy.core.grantables import find_target
from galaxy.core.http import next_page
from galaxy.core.members.asking import (
    ask_for,
    decline_what_is_asked,
    give_what_is_asked,
    mail_answered,
    mail_asked,
    withdraw_what_is_asked,
)
from galaxy.core.members.grants import grant_on, revoke_on
from galaxy.core.models import Membership, PermissionRequest, RoleGroup
from galaxy.core.people_forms import AnswerForm, AskForm, GrantForm
from galaxy.core.permissions import label_of, require


class NoSuchGrant(DomainError):
    status = 404
    code = "no_such_grant"
    next_step = "Reload the page to see which grants there are."


@require_POST
def grant_create(request, workspace):
    grant_on(**_grant(request))
    messages.success(request, "Given. It holds from the next click on.")
    return redirect(_back(request))


@require_POST
def grant_revocation(request, workspace):
    revoke_on(**_grant(request))
    messages.success(request, "Taken back. It is gone from the next click on.")
    return redirect(_back(request))


@require_POST
def request_create(request, workspace):
    """One click on a control that is off. Whoever can give the permission is told by mail."""
    form = AskForm(request.POST)
    if not form.is_valid():
        raise Invalid("This form is broken.", next_step="Reload the page.")
    asked = ask_for(request.workspace, actor=request.user, **form.cleaned_data["ask"])
    link = request.build_absolute_uri(reverse("core:member-list", args=[request.workspace.slug]) + "#asked")
    told = mail_asked(asked, link=link)
    how = "They are told by mail." if told else "It stands on their People page."
    messages.success(request, f"You asked for “{label_of(asked.codename)}”. {how}")
    return redirect(_back(request))


@require_POST
def request_decision(request, workspace, pk):
    require(request.user, "core.manage_member", request.workspace)
    rows = PermissionRequest.objects.in_workspace(request.workspace).select_related("workspace", "asked_by")
    asked = get_object_or_404(rows, pk=pk)
    form = AnswerForm(request.POST)
    if not form.is_valid():
        raise Invalid("Choose to give it or to decline.", next_step="Go back and choose.")
    if form.cleaned_data["answer"] == "given":
        give_what_is_asked(asked, actor=request.user)
    else:
        decline_what_is_asked(asked, actor=request.user, reason=form.cleaned_data["reason"])
    mail_answered(asked, link=request.build_absolute_uri(request.workspace.get_absolute_url()))
    messages.success(request, f"{asked.get_status_display()}: “{label_of(asked.codename)}” for {asked.asked_by}.")
    return redirect("core:member-list", request.workspace.slug)


@require_POST
def request_withdrawal(request, workspace, pk):
    """One's own, in one click; goes back where it came from."""
    mine = PermissionRequest.objects.in_workspace(request.workspace).filter(asked_by=request.user)
    asked = get_object_or_404(mine.select_related("workspace", "asked_by"), pk=pk)
    withdraw_what_is_asked(asked, actor=request.user)
    messages.success(request, f"You do not ask for “{label_of(asked.codename)}” any more.")
    return redirect(_back(request))


def _grant(request) -> dict:
    """What a grant form names, as the services take it; a 404 for what is not there or not this workspace's."""
    require(request.user, "core.manage_member", request.workspace)
    form = GrantForm(request.POST)
    if not form.is_valid():
        raise Invalid("Choose what to give, and to whom.", next_step="Go back and choose.")
    kind, id = form.cleaned_data["object"]
    perm = f"{kind.partition('.')[0]}.{form.cleaned_data['act']}"
    target = find_target(request.user, request.workspace, kind, id, perm)
    if target is None:
        raise NoSuchGrant("There is nothing to grant this on, or you may not see it.")
    return {"obj": target, "perm": perm, "actor": request.user} | _receiver(request, form.cleaned_data["to"])


def _receiver(request, to: str) -> dict:
    """{"user": …} for ``user:<id>`` or a member's address, {"role": …} for ``role:<id>`` or the name of a role."""
    kind, _, id = to.partition(":")
    members = Membership.objects.in_workspace(request.workspace).select_related("user")
    roles = RoleGroup.objects.in_workspace(request.workspace).select_related("group", "workspace")
    if kind in {"user", "role"}:
        try:
            key = UUID(id)
        except ValueError as error:
            raise Invalid("Choose whom to give it to.", next_step="Go back and choose.") from error
        membership = members.filter(user=key).first() if kind == "user" else None
        role = roles.filter(pk=key).first() if kind == "role" else None
    else:
        membership = members.filter(user__email=plain_address(to)).first()
        role = next((role for role in roles if role.label.lower() == to.strip().lower()), None)
    if membership:
        return {"user": membership.user}
    if role:
        return {"role": role}
    raise NoSuchGrant(f"No member has the address {to}, and no role that name.", "Go back and choose from the list.")


def _back(request) -> str:
    """Where the form stood, if that is here; else the list of people."""
    return next_page(request, reverse("core:member-list", args=[request.workspace.slug]))
