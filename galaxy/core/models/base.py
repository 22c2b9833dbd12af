"""What every row of a workspace has in common."""

import uuid

from django.db import models


class WorkspaceQuerySet(models.QuerySet):
    """The first wall: every query names its workspace or its reader. Row-level security is the second."""

    def in_workspace(self, workspace):
        return self.filter(workspace=workspace)


class WorkspaceModel(models.Model):
    """A row that belongs to one workspace.

    Indexes of such tables begin with the workspace, so the foreign key has none of its own.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey("core.Workspace", on_delete=models.PROTECT, db_index=False, related_name="+")

    objects = WorkspaceQuerySet.as_manager()

    class Meta:
        abstract = True
