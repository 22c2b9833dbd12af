"""Where this database stands."""

from django.db import models


class Home(models.Model):
    """The one place that this database is at home in: a server, a database there, and the table's own number.

    A restored, cloned or promoted copy brings this row along and stands somewhere else (galaxy.core.restoring.home).
    Written by the owner's role alone. ``timeline`` is PostgreSQL's: it counts up with each promotion and each recovery
    to a point in time.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    place = models.CharField(max_length=80)
    timeline = models.PositiveIntegerField()
    noted_at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="home_is_one")]

    def __str__(self):
        return self.place
