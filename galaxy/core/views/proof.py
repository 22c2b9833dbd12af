"""Between a dangerous act and its doing: who is there is asked, then the person goes on with what they sent."""

from urllib.parse import urlencode

from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from galaxy.core.recent_proof import has_recent_proof, kept_act, recent_factor, ways_of


@require_safe
def proof(request):
    """Asks for proof, and once it is there shows the act with its form filled in; a GET never does the act.

    A person who has neither password nor second factor here is signed in by their company, and so signs in again; one
    who has no second factor, where only that will do, is led to set one up.
    """
    kept = kept_act(request)
    if kept is None:
        return redirect("core:home")
    if recent_factor(request) if kept.by_factor else has_recent_proof(request):
        return render(request, "core/kept_act.html", {"kept": kept})
    ways = ways_of(request.user, by_factor=kept.by_factor)
    if kept.by_factor and not ways:
        return render(request, "core/factor_missing.html", {"kept": kept})
    if ways:
        return redirect(f"{ways[0]['url']}?{urlencode({'next': request.path})}")
    again_url = f"{reverse('account_login')}?{urlencode({'next': kept.back})}"
    return render(request, "core/sign_in_again.html", {"kept": kept, "again_url": again_url})
