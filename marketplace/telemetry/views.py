"""The page of how a publication fares."""

from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from marketplace.evidence.facing import badge_of
from marketplace.retiring.reading import publications_of, require_publications
from marketplace.telemetry.access import require_seeing
from marketplace.telemetry.counting import WINDOWS
from marketplace.telemetry.reading import LEAST, TOO_FEW, telemetry_of, window_of


@require_safe
def telemetry_detail(request, workspace, slug):
    """``days`` in the address is one of WINDOWS."""
    require_publications(request.user, request.workspace)
    extension = get_object_or_404(publications_of(request.workspace), slug=slug)
    require_seeing(request.user, extension)
    window = window_of(request.GET.get("days", ""))
    context = {
        "extension": extension,
        "told": telemetry_of(extension, window),
        "badge": badge_of(extension),
        "windows": WINDOWS,
        "least": LEAST,
        "too_few": TOO_FEW,
    }
    return render(request, "telemetry/telemetry_detail.html", context)
