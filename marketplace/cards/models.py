"""Cards as they were written last."""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class Card(models.Model):
    """The HTML of a listing's card in one language, in ``parts``: between each two, something of the workspace goes in.

    Everything in it is escaped already. ``made_of`` is the SHA-256 of all that it was made of, so that what did not
    change is not written again. ``workspace`` is that of the listing; the wall is shared.
    """

    workspace = models.ForeignKey("core.Workspace", models.PROTECT, null=True, db_index=False, related_name="+")
    listing = models.ForeignKey("marketplace.Listing", models.CASCADE, db_index=False, related_name="cards")
    locale = models.CharField(max_length=12)
    parts = ArrayField(models.TextField())
    made_of = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["listing", "locale"], name="card_once")]

    def __str__(self):
        return f"{self.listing_id} in {self.locale}"
