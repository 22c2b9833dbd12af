"""Galaxy's addresses, and the bare view that a list is measured against: one indexed query, written as JSON."""

from django.http import JsonResponse
from django.urls import path

from galaxy.urls import handler400, handler403, handler404, handler500
from galaxy.urls import urlpatterns as galaxy_urls
from registry.models import Installation

__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]


def bare(request, workspace):
    rows = Installation.objects.in_workspace(request.workspace).select_related("extension")
    rows = rows.order_by("-installed_at", "-id")  # as the index installation_newest has them
    found = [{"id": str(row.pk), "slug": row.extension.slug, "at": row.installed_at.isoformat()} for row in rows[:40]]
    return JsonResponse({"results": found})


urlpatterns = [path("w/<slug:workspace>/bare/", bare, name="bare"), *galaxy_urls]
