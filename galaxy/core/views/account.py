"""One's own account beside what allauth shows: preferences, and the sessions one has somewhere."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from galaxy.core.errors import Invalid
from galaxy.core.forms import PreferencesForm
from galaxy.core.http import next_page
from galaxy.core.recent_proof import require_recent_proof
from galaxy.core.sessions import end_sessions, ending_of, sessions_of


@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request):
    """Theme, density, shortcuts and time zone. A field not sent stays as it is; goes back where it came from."""
    if request.method != "POST":
        return render(request, "core/preferences.html", {"form": PreferencesForm(instance=request.user)})
    form = PreferencesForm(request.POST, instance=request.user)
    if not form.is_valid():
        request.user.refresh_from_db()
        if hours := form.errors.get("quiet_until"):
            raise Invalid(str(hours[0]), next_step="Choose both hours, or no quiet hours.")
        raise Invalid("One of these choices is not on offer, so nothing was changed.", next_step="Choose again.")
    form.save()
    if request.htmx:
        return HttpResponse(status=204)
    return redirect(next_page(request, "/"))


@require_safe
def session_list(request):
    sessions = list(sessions_of(request.user))
    others = [session for session in sessions if session.session_key != request.session.session_key]
    context = {
        "sessions": sessions,
        "others": others,
        "idle_hours": settings.GALAXY_SESSION_IDLE_S // 3600,
        "days": settings.SESSION_COOKIE_AGE // 86400,
    }
    return render(request, "core/session_list.html", context)


@login_not_required
@require_safe
def session_state(request):
    """How long this session lasts, for the warning before its end; asking keeps nobody signed in.

    ``person`` and ``token`` (for forms) are given to a page that was left open while its person signed in anew.
    """
    if not request.user.is_authenticated:
        return JsonResponse({"ends_in_s": 0})
    return JsonResponse(_state(request))


@require_POST
def session_extension(request):
    """Stay signed in: this very request is the sign of life. Goes back where it came from, or answers a script."""
    if request.accepts("text/html"):
        return redirect(next_page(request, "/"))
    return JsonResponse(_state(request))


@require_POST
def session_ending(request, pk):
    session = get_object_or_404(sessions_of(request.user), pk=pk)
    require_recent_proof(request, "End a session of yours")
    end_sessions(request.user, sessions=sessions_of(request.user).filter(pk=session.pk))
    messages.success(request, "That session is over.")
    return redirect("core:session-list")


@require_POST
def session_endings(request):
    """Every session but this one: whoever took one over proves first that they are its person."""
    require_recent_proof(request, "End your other sessions")
    count = end_sessions(
        request.user, sessions=sessions_of(request.user).exclude(session_key=request.session.session_key)
    )
    messages.success(request, f"{count} other sessions are over." if count != 1 else "The other session is over.")
    return redirect("core:session-list")


def _state(request) -> dict:
    ending = ending_of(request.session)
    return {
        "ends_in_s": ending.in_s,
        "can_stay": ending.can_stay,
        "person": str(request.user.pk),
        "token": get_token(request),
    }
