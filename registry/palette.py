"""What "search or jump to" finds of the registry: installed extensions and publishers."""

from django.db.models import Q

from galaxy.core.palette import Hit, Provider, add_provider
from registry.models import Installation, Publisher
from registry.publishers.claiming import is_maker_in


def connect() -> None:
    """Register once, when the app is ready."""
    add_provider(Provider("Installed", 50, _installed))
    add_provider(Provider("Publishers", 80, _publishers, "core.view_listing"))


def _installed(request, words: str, most: int) -> list[Hit]:
    rows = Installation.objects.in_workspace(request.workspace).active().visible_to(request.user)
    named = rows.filter(Q(extension__name__icontains=words) | Q(extension__slug__icontains=words))
    return [
        Hit(row.extension.name, row.get_absolute_url(), row.extension.get_kind_display(), glyph=row.extension.slug)
        for row in named.select_related("workspace", "extension").order_by("extension__name")[:most]
    ]


def _publishers(request, words: str, most: int) -> list[Hit]:
    """Those of this workspace, at the desk all of them."""
    if not is_maker_in(request.workspace, request.user):
        return []
    rows = Publisher.objects.all()
    rows = rows if request.workspace.is_marketplace else rows.filter(workspace=request.workspace)
    named = rows.filter(name__icontains=words)[:most]
    return [Hit(row.name, row.url_in(request.workspace), row.get_proof_display(), "badge-check") for row in named]
