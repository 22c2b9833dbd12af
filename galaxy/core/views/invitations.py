"""Invitations: sending, renewing and withdrawing them, and the page behind the mailed link. No GET decides anything."""

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from galaxy.core.errors import Conflict
from galaxy.core.members.invitations import (
    AnotherAddress,
    accept_invitation,
    account_of,
    find_invitation,
    invite,
    join_with_new_account,
    mail_invitation,
    owns_address,
    renew_invitation,
    withdraw_invitation,
)
from galaxy.core.members.limits import givable_roles
from galaxy.core.models import Invitation
from galaxy.core.people_forms import InvitationForm, NewAccountForm
from galaxy.core.permissions import require

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@require_http_methods(["GET", "HEAD", "POST"])
def invitation_create(request, workspace):
    require(request.user, "core.manage_member", request.workspace)
    roles = givable_roles(request.user, request.workspace)
    form = InvitationForm(request.POST if request.method == "POST" else None, roles=roles)
    if request.method == "POST" and form.is_valid():
        invitation, token = invite(request.workspace, actor=request.user, **form.cleaned_data)
        _send(request, invitation, token)
        return redirect("core:member-list", request.workspace.slug)
    return render(request, "core/invitation_create.html", {"form": form}, status=422 if form.is_bound else 200)


@require_POST
def invitation_mail(request, workspace, pk):
    """Send it again, with a new link: the old one is not kept anywhere, and opens nothing from now on."""
    invitation = _invitation(request, pk)
    token = renew_invitation(invitation, actor=request.user)
    _send(request, invitation, token)
    return redirect("core:member-list", request.workspace.slug)


@require_POST
def invitation_withdrawal(request, workspace, pk):
    invitation = _invitation(request, pk)
    withdraw_invitation(invitation, actor=request.user)
    messages.success(request, f"The invitation of {invitation.address} is withdrawn; its link opens nothing.")
    return redirect("core:member-list", request.workspace.slug)


@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def invitation_acceptance(request, token):
    """Behind the mailed link: for somebody new, for the person invited, and a refusal for anybody else."""
    invitation = find_invitation(token)
    user = request.user
    if user.is_authenticated:
        if not owns_address(user, invitation.address):
            raise AnotherAddress(
                f"This invitation is for {invitation.address}, and you are signed in as {user.email}.",
                "Sign out, and open the link again.",
            )
        if request.method == "POST":
            membership = accept_invitation(invitation, user=user)
            messages.success(request, f"Welcome to {invitation.workspace.name}.")
            return redirect("overview", membership.workspace.slug)
        return render(request, "core/invitation_acceptance.html", {"invitation": invitation})
    context = {"invitation": invitation, "has_account": account_of(invitation.address) is not None}
    if context["has_account"]:
        if request.method == "POST":
            raise Conflict(f"{invitation.address} has an account.", "Sign in with it, and open the link again.")
        return render(request, "core/invitation_acceptance.html", context)
    form = NewAccountForm(request.POST if request.method == "POST" else None, address=invitation.address)
    if request.method == "POST" and form.is_valid():
        login(request, join_with_new_account(invitation, **form.cleaned_data), backend=BACKEND)
        messages.success(request, f"Welcome to {invitation.workspace.name}.")
        return redirect("overview", invitation.workspace.slug)
    status = 422 if form.is_bound else 200
    return render(request, "core/invitation_acceptance.html", context | {"form": form}, status=status)


def _invitation(request, pk) -> Invitation:
    require(request.user, "core.manage_member", request.workspace)
    rows = Invitation.objects.in_workspace(request.workspace).select_related("workspace", "role_group", "invited_by")
    return get_object_or_404(rows, pk=pk)


def _send(request, invitation: Invitation, token: str) -> None:
    link = request.build_absolute_uri(reverse("core:invitation-acceptance", args=[token]))
    if mail_invitation(invitation, link=link):
        messages.success(request, f"{invitation.address} is invited. The link in the mail is good for seven days.")
    else:
        messages.error(
            request, f"{invitation.address} is invited, but the mail could not be sent. Send it again later."
        )
