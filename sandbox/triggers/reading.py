"""What pages, rules and the API read of triggers."""

from galaxy.core.models import Workspace
from sandbox.models import Trigger


def names_of(workspace: Workspace) -> dict[str, str]:
    """{slug: name} of the triggers that were not deleted, for rules to name."""
    return dict(Trigger.objects.in_workspace(workspace).kept().values_list("slug", "name"))
