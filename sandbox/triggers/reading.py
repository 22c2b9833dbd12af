"""What pages, rules and the API read of triggers."""

from collections.abc import Iterator
from uuid import UUID

from django.db.models import QuerySet

from galaxy.core.db.prepared import prepared
from galaxy.core.models import User, Workspace
from registry.dependants import TRIGGER, Use
from registry.models import Installation
from sandbox.models import Trigger


def names_of(workspace: Workspace) -> dict[str, str]:
    """{slug: name} of the triggers that were not deleted, for rules to name."""
    return dict(_names(workspace=workspace.pk))


@prepared
def _names(workspace: UUID) -> QuerySet[Trigger, tuple[str, str]]:
    return Trigger.objects.filter(workspace=workspace).kept().values_list("slug", "name")


def uses_of(installation: Installation, user: User | None = None) -> Iterator[Use]:
    """The triggers that start something of ``installation``; whoever sees it sees them."""
    rows = Trigger.objects.in_workspace(installation.workspace_id).kept().filter(installation=installation)
    for trigger in rows.select_related("workspace", "owner").order_by("name"):
        note = f"starts {trigger.target}{'' if trigger.is_on else ', off now'}"
        yield Use(TRIGGER, trigger.name, str(trigger.owner), trigger.get_absolute_url(), note)
