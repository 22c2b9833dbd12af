"""Who reads how a publication fares: its publisher's team, who published a version of it, and the desk."""

from django.urls import reverse

from galaxy.core.errors import DomainError
from galaxy.core.members import marketplace_workspace
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import can
from galaxy.core.scope import scope_with
from marketplace.desk import MAY_REVIEW
from marketplace.workshop.drafts import MAY_WRITE
from registry.models import Extension
from registry.publishers.team import is_of_team


class NotYourPublication(DomainError):
    """Only the team of its publisher sees how a publication fares."""

    status = 403
    code = "not_your_publication"
    next_step = "Ask a manager of the publisher to take you into its team."


def may_see(user: User, extension: Extension) -> bool:
    """Whether ``user`` may read the telemetry of ``extension``, which is public and has its owner at hand."""
    if extension.owner is not None and is_of_team(user, extension.owner):
        return True
    if extension.versions.filter(published_by=user).exists():
        return True
    house = marketplace_workspace()
    if house is None:
        return False
    with scope_with(house.pk):
        return can(user, MAY_REVIEW, house)


def telemetry_url(user: User, extension: Extension, workspace: Workspace) -> str:
    """Where ``user`` reads in ``workspace`` how ``extension`` fares, "" for whoever may not or reads it elsewhere."""
    owner = extension.owner
    is_here = owner is not None and owner.workspace_id == workspace.pk
    if extension.is_private or not (is_here or workspace.is_marketplace):
        return ""
    needed = MAY_REVIEW if workspace.is_marketplace else MAY_WRITE
    if not (can(user, needed, workspace) and may_see(user, extension)):
        return ""
    return reverse("telemetry:telemetry-detail", args=[workspace.slug, extension.slug])


def require_seeing(user: User, extension: Extension) -> None:
    """Raises NotYourPublication."""
    if not may_see(user, extension):
        sentence = f"How {extension} fares is read by the team of {extension.publisher}, and by who published it."
        raise NotYourPublication(sentence)
