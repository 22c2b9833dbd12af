"""What "search or jump to" finds among installed extensions."""

from django.db.models import Q

from galaxy.core.palette import Hit, Provider, add_provider
from registry.models import Installation


def connect() -> None:
    """Register once, when the app is ready."""
    add_provider(Provider("Installed", 50, _installed))


def _installed(request, words: str, most: int) -> list[Hit]:
    rows = Installation.objects.in_workspace(request.workspace).active().visible_to(request.user)
    named = rows.filter(Q(extension__name__icontains=words) | Q(extension__slug__icontains=words))
    return [
        Hit(row.extension.name, row.get_absolute_url(), row.extension.get_kind_display(), glyph=row.extension.slug)
        for row in named.select_related("workspace", "extension").order_by("extension__name")[:most]
    ]
