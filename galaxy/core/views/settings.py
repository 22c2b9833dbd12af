"""What holds for a whole workspace."""

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from galaxy.core.forms import WorkspaceSettingsForm
from galaxy.core.models import Membership
from galaxy.core.permissions import require, why_not
from galaxy.core.recent_proof import require_recent_proof
from galaxy.core.second_factor import KINDS, require_second_factor


@require_http_methods(["GET", "HEAD", "POST"])
def workspace_settings(request, workspace):
    """Everybody in the workspace may read what holds for them; changing it is for its owners."""
    if request.method == "POST":
        require(request.user, "core.change_settings", request.workspace)
        form = WorkspaceSettingsForm(request.POST)
        if form.is_valid():
            required = form.cleaned_data["requires_second_factor"]
            if not required:
                require_recent_proof(request, f"Stop requiring a second factor in {request.workspace}")
            require_second_factor(request.workspace, required=required, actor=request.user)
            said = "A second factor is required from now on." if required else "A second factor is up to each person."
            messages.success(request, said)
        return redirect("core:workspace-settings", request.workspace.slug)
    people = Membership.objects.in_workspace(request.workspace).filter(user__is_active=True)
    holders = Authenticator.objects.filter(type__in=KINDS).values("user")
    denied = why_not(request.user, "core.change_settings", request.workspace)
    context = {
        "denied": denied,
        "required_everywhere": settings.GALAXY_REQUIRE_SECOND_FACTOR,
        "support_denied": why_not(request.user, "core.view_auditevent", request.workspace),
        "count": people.count(),
        # Who is easier to break into is nobody's business but the owner's.
        "lacking": [] if denied else [m.user for m in people.exclude(user__in=holders).select_related("user")],
    }
    return render(request, "core/workspace_settings.html", context)
