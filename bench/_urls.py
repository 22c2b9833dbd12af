"""Galaxy's addresses, and the bare view that a list is measured against: one indexed query, written as JSON."""

from django.contrib.auth.decorators import login_not_required
from django.http import JsonResponse
from django.shortcuts import render
from django.urls import path

from galaxy.urls import handler400, handler403, handler404, handler500
from galaxy.urls import urlpatterns as galaxy_urls
from marketplace.models import PublicEntry
from registry.models import Installation

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


def bare(request, workspace):
    rows = Installation.objects.in_workspace(request.workspace).select_related("extension")
    rows = rows.order_by("-installed_at", "-id")  # as the index installation_newest has them
    found = [{"id": str(row.pk), "slug": row.extension.slug, "at": row.installed_at.isoformat()} for row in rows[:40]]
    return JsonResponse({"results": found})


def empty(request, workspace):
    """The shell of every page, around nothing."""
    return render(request, "base.html")


@login_not_required
def bare_nobody(request):
    """The same for nobody: no session is read and no person."""
    rows = PublicEntry.objects.order_by("name_key", "listing")
    return JsonResponse(
        {"results": [{"id": str(row.pk), "slug": row.slug} for row in rows.defer("search", "tags")[:40]]}
    )


urlpatterns = [
    path("w/<slug:workspace>/bare/", bare, name="bare"),
    path("w/<slug:workspace>/empty/", empty, name="empty"),
    path("bare/", bare_nobody, name="bare-nobody"),
    *galaxy_urls,
]
