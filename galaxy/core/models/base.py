"""What every row of a workspace has in common."""

import uuid
from typing import Any

from django.db import models


class WorkspaceQuerySet(models.QuerySet):
    """The first wall: every query names its workspace or its reader. Row-level security is the second.

    ``known_workspace`` is the one that ``in_workspace`` named: what somebody holds on that is known, so that a filter
    by what they may see need not look for all workspaces where they may.
    """

    known_workspace: Any = None

    def in_workspace(self, workspace):
        found = self.filter(workspace=workspace)
        if isinstance(workspace, models.Model):
            found.known_workspace = workspace
        return found

    def _clone(self):
        found = super()._clone()  # type: ignore[misc]  # in Django, missing from its stubs
        found.known_workspace = self.known_workspace
        return found


class WorkspaceModel(models.Model):
    """A row that belongs to one workspace.

    Indexes of such tables begin with the workspace, so the foreign key has none of its own.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey("core.Workspace", on_delete=models.PROTECT, db_index=False, related_name="+")

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        abstract = True
