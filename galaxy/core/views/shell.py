"""The way in, the workspace list, search, help and the error pages."""

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.shortcuts import redirect, render
from django.views.decorators.csrf import requires_csrf_token
from django.views.decorators.http import require_safe

from galaxy.core import palette
from galaxy.core.api.problems import API_PATH, problem_answer
from galaxy.core.errors import Defect, DomainError
from galaxy.core.http import wants_partial
from galaxy.core.middleware import missing, problem
from galaxy.core.models import Role, Workspace
from galaxy.core.permissions import ROLE_PERMISSIONS


@require_safe
def home(request):
    """To the only workspace, or to the choice between several."""
    if len(request.memberships) == 1:
        return redirect(request.memberships[0].workspace)
    return redirect("core:workspace-list")


@require_safe
def workspace_list(request):
    return render(request, "core/workspace_list.html", {"memberships": request.memberships})


@require_safe
def help_page(request):
    """Keys, words, and what each role may do: read from the grants themselves, so that it cannot be wrong."""
    rights = [
        (label, [codename in ROLE_PERMISSIONS[role] for role in Role.values])
        for codename, label in Workspace._meta.permissions
    ]
    return render(request, "core/help.html", {"roles": Role.labels, "rights": rights})


@require_safe
def search(request, workspace):
    """Search or jump to: the palette's list for htmx, else a page with the same in it."""
    typed = request.GET.get("q", "")[: palette.MOST_CHARS]
    groups = palette.groups_for(request, typed)
    context = {"typed": typed, "words": typed.split(), "groups": groups, "count": sum(len(g.hits) for g in groups)}
    return render(request, "core/_palette_list.html" if wants_partial(request) else "core/search.html", context)


@login_not_required
@requires_csrf_token
def csrf_failure(request, reason=""):
    error = DomainError(
        "This form was open for too long or came from another page, so nothing was changed.",
        "Reload the page and send it again.",
    )
    return problem(request, error, 403)


def permission_denied(request, exception):
    return problem(request, exception or PermissionDenied("You may not see this."), 403)


def not_found(request, exception):
    return missing(request)


def bad_request(request, exception):
    if isinstance(exception, RequestDataTooBig):  # typed or pasted: files have a limit of their own
        too_large = DomainError("This is more text than is taken.", "Send less at once, or choose its file.")
        return problem(request, too_large, 413)
    error = DomainError("This request cannot be understood.", "Go back and try again.")
    return problem(request, error, 400)


def server_error(request):
    """Rendered without context processors: whatever broke may break them too."""
    if request.path_info.startswith(API_PATH):
        return problem_answer(Defect(), 500)
    return render(None, "500.html", {"request_id": getattr(request, "id", "")}, status=500)
