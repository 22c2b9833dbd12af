"""What "search or jump to" finds among approvals: those that wait."""

from galaxy.core.palette import Hit, Provider, add_provider
from galaxy.core.ui.words import relative
from policies.models import Approval


def connect() -> None:
    """Register once, when the app is ready."""
    add_provider(Provider("Approvals waiting", 10, _approvals, is_recent=True))


def _approvals(request, words: str, most: int) -> list[Hit]:
    rows = Approval.objects.in_workspace(request.workspace).visible_to(request.user, within=request.workspace).waiting()
    rows = rows.filter(summary__icontains=words).select_related("workspace").order_by("-requested_at", "pk")
    return [
        Hit(row.summary, row.get_absolute_url(), f"asked {relative(row.requested_at)}", icon="inbox")
        for row in rows[:most]
    ]
