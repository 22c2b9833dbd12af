"""What the assistant says of itself to the floors below: news, navigation, and what it prepared for a person."""

from uuid import UUID

from galaxy.core.navigation import Item, add_item
from marketplace.assistant import notifications
from marketplace.assistant.models import Advice
from marketplace.assistant.services import something_moved
from policies.recommending import Advised, register_adviser
from registry.models import Installation
from registry.signals import installation_removed, pin_moved


def connect() -> None:
    """Register once, when the app is ready."""
    notifications.connect()
    register_adviser(advised_for)
    for signal in (pin_moved, installation_removed):
        signal.connect(_moved, dispatch_uid="marketplace.assistant")
    add_item(
        Item("", 15, "Assistant", "assistant:advice-list", "sparkles", "core.view_listing", covers=("assistant/",))
    )


def _moved(installation: Installation, **news: object) -> None:
    something_moved(installation.workspace_id)


def advised_for(workspace: UUID, subject: UUID) -> Advised | None:
    """The advice that a request was prepared by, as it was then said."""
    rows = Advice.objects.filter(workspace=workspace, made=subject).select_related("workspace")
    row = rows.order_by("-acted_at").first()
    return Advised(str(row), row.told, row.get_absolute_url()) if row else None
