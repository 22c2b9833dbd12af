"""As it was: every state that pins, grants, memberships and rules ever had, written by database triggers."""

from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.contrib.postgres.indexes import GistIndex
from django.db import models

from galaxy.core.models.base import WorkspaceModel, WorkspaceQuerySet


class HistoryQuerySet(WorkspaceQuerySet):
    def as_of(self, moment):
        """The states that held at ``moment`` (aware datetime)."""
        return self.filter(during__contains=moment)


class HistoryRow(WorkspaceModel):
    """One state of one row: ``row`` is the whole row as JSON, ``during`` the time it held, [from, to).

    ``kind`` is the name of the table. The application may read and never write here; two states of a row cannot
    overlap.
    """

    kind = models.CharField(max_length=63)
    row_id = models.CharField(max_length=64)
    row = models.JSONField()
    during = DateTimeRangeField()

    objects: ClassVar = HistoryQuerySet.as_manager()

    class Meta:
        constraints = [
            ExclusionConstraint(
                name="history_one_state_at_a_time",
                expressions=[
                    ("workspace", RangeOperators.EQUAL),
                    ("kind", RangeOperators.EQUAL),
                    ("row_id", RangeOperators.EQUAL),
                    ("during", RangeOperators.OVERLAPS),
                ],
            )
        ]
        indexes = [GistIndex(fields=["workspace", "kind", "during"], name="history_as_of")]

    def __str__(self):
        return f"{self.kind} {self.row_id}"
