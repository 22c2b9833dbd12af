"""News of the assistant: that there is advice for whoever can do something about it. In the digest, and no mail unless
somebody wants one."""

from collections.abc import Iterable
from uuid import UUID

from galaxy.core.models import User, Workspace
from galaxy.core.notifications import Kind, Place, add_kind, add_target
from marketplace.assistant.models import Advice
from marketplace.assistant.services import NEWS

KIND = Kind(NEWS, "The Assistant has advice", "Advice of the Assistant", "sparkles", "info")


def connect() -> None:
    """Register once, when the app is ready."""
    add_kind(KIND)
    add_target("marketplace.advice", _advice)


def _advice(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    rows = Advice.objects.visible_to(user, workspace).filter(pk__in=ids).select_related("workspace")
    return {row.pk: Place(str(row), row.get_absolute_url()) for row in rows}
