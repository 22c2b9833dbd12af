"""Who publishes: names of companies and people, how each is proven, and the team behind it."""

import uuid
from datetime import datetime

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone

from registry.names import skeleton


class Publisher(models.Model):
    """A name that extensions are published under. Global, without a wall: names are everybody's to read.

    ``workspace`` owns it; NULL is for names of the people who run Galaxy. A name is for good, since it stands in what
    is signed (a trigger holds that). ``token`` is what the DNS record has to hold. ``proven_at`` is when the proof was
    first found, ``checked_at`` when it was last looked for, ``missing_since`` since when a record that was there is
    not found any more. What is published from ``signs_from`` on counts with a signature of the publisher's only;
    ``signed_spans`` are [from, until] of demands of those who had the name before, as ISO texts, and hold still.
    """

    class Proof(models.TextChoices):
        NONE = "none", "Not proven"
        DNS = "dns", "Proven by DNS"
        STAFF = "staff", "Vouched for by staff"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    workspace = models.ForeignKey(
        "core.Workspace",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="publishers",
        db_column="held_by_id",  # tables with a workspace_id have a wall, and this one has none
    )
    name = models.CharField(max_length=80)
    slug = models.SlugField(max_length=80, unique=True)
    skeleton = models.CharField(max_length=160)
    proof = models.CharField(max_length=5, choices=Proof, default=Proof.NONE)
    domain = models.CharField(max_length=253, blank=True)
    token = models.CharField(max_length=64)
    proven_at = models.DateTimeField(null=True, blank=True)
    checked_at = models.DateTimeField(null=True, blank=True)
    missing_since = models.DateTimeField(null=True, blank=True)
    vouched_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    vouch_reason = models.CharField(max_length=300, blank=True)
    signs_from = models.DateTimeField(null=True, blank=True)
    signed_spans = models.JSONField(default=list, blank=True)
    created_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(Lower("name"), name="publisher_name_once"),
            models.UniqueConstraint(fields=["skeleton"], name="publisher_look_once"),
            models.CheckConstraint(condition=~Q(skeleton=""), name="publisher_name_has_letters"),
            models.CheckConstraint(condition=~Q(name__regex="[<>[:cntrl:]]"), name="publisher_name_is_plain"),
            models.CheckConstraint(
                condition=Q(proof="none", proven_at=None) | (~Q(proof="none") & Q(proven_at__isnull=False)),
                name="publisher_proven_at_iff_proven",
            ),
            models.CheckConstraint(condition=~Q(proof="dns", domain=""), name="publisher_dns_has_domain"),
            # What the people who run Galaxy publish themselves, nobody has to vouch for by name.
            models.CheckConstraint(
                condition=~Q(proof="staff") | Q(workspace=None) | (Q(vouched_by__isnull=False) & ~Q(vouch_reason="")),
                name="publisher_vouch_has_somebody",
            ),
        ]

    def __str__(self):
        return self.name

    def save(self, *args, **kwargs):
        if self._state.adding:  # afterwards it stays as the name does
            self.skeleton = skeleton(self.name)
        super().save(*args, **kwargs)

    @property
    def is_proven(self) -> bool:
        return self.proof != self.Proof.NONE

    def url_in(self, workspace) -> str:
        """Its page as people of ``workspace`` find it."""
        return reverse("registry:publisher-detail", args=[workspace.slug, self.pk])

    def demands(self, published_at: datetime) -> bool:
        """Whether what was published then has to bear a signature of the publisher's own."""
        if self.signs_from is not None and published_at >= self.signs_from:
            return True
        spans = ((datetime.fromisoformat(one), datetime.fromisoformat(other)) for one, other in self.signed_spans)
        return any(begins <= published_at < ends for begins, ends in spans)

    @property
    def record_name(self) -> str:
        """The name of the TXT record that proves the domain."""
        return f"_galaxy-publisher.{self.domain}"

    @property
    def record_text(self) -> str:
        return f"galaxy-publisher={self.token}"


class NameClaim(models.Model):
    """A workspace says that a name another has is its own by right, and the desk decides: two people of it say yes
    before the name goes over, one says no.

    Global, without a wall, as publishers are; pages show it to who asked and to the desk. ``workspace`` asks and
    ``workspace_name`` is what the desk reads of it. ``holder`` had the name when it was asked for.
    """

    class State(models.TextChoices):
        OPEN = "open", "Asked"
        GRANTED = "granted", "Given over"
        REFUSED = "refused", "Refused"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    publisher = models.ForeignKey(Publisher, on_delete=models.PROTECT, related_name="claims")
    workspace = models.ForeignKey(
        "core.Workspace", on_delete=models.PROTECT, related_name="+", db_column="claimed_for_id"
    )
    workspace_name = models.CharField(max_length=80)
    holder = models.ForeignKey("core.Workspace", on_delete=models.PROTECT, related_name="+", db_column="held_by_id")
    plea = models.CharField(max_length=1000)
    asked_by = models.ForeignKey("core.User", on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(default=timezone.now)
    state = models.CharField(max_length=7, choices=State, default=State.OPEN)
    first_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    first_at = models.DateTimeField(null=True, blank=True)
    first_reason = models.CharField(max_length=300, blank=True)
    decided_by = models.ForeignKey("core.User", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["asked_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["publisher", "workspace"], condition=Q(state="open"), name="nameclaim_one_open"
            ),
            models.CheckConstraint(condition=~Q(plea=""), name="nameclaim_says_why"),
            models.CheckConstraint(condition=~Q(workspace=F("holder")), name="nameclaim_of_another"),
            models.CheckConstraint(
                condition=Q(state="open", decided_by=None, decided_at=None, reason="")
                | (~Q(state="open") & Q(decided_by__isnull=False, decided_at__isnull=False) & ~Q(reason="")),
                name="nameclaim_decided_with_reason",
            ),
            models.CheckConstraint(
                condition=Q(first_by=None, first_at=None, first_reason="")
                | (Q(first_by__isnull=False, first_at__isnull=False) & ~Q(first_reason="")),
                name="nameclaim_first_with_reason",
            ),
            models.CheckConstraint(
                condition=~Q(state="granted") | (Q(first_by__isnull=False) & ~Q(first_by=F("decided_by"))),
                name="nameclaim_granted_by_two",
            ),
            models.CheckConstraint(
                condition=~Q(first_by=F("asked_by")) & ~Q(decided_by=F("asked_by")),
                name="nameclaim_not_by_asker",
            ),
        ]
        indexes = [models.Index(fields=["asked_at"], condition=Q(state="open"), name="nameclaim_open")]

    def __str__(self):
        return f"{self.publisher} for {self.workspace_name}"

    @property
    def is_open(self) -> bool:
        return self.state == self.State.OPEN

    def url_in(self, workspace) -> str:
        """Its page as people of ``workspace`` find it: that of who asks, or the desk."""
        return reverse("registry:name-claim-detail", args=[workspace.slug, self.pk])


class PublisherMember(models.Model):
    """Somebody of a publisher's team. Global like the publisher: a reviewer must be seen to be none of them."""

    class Role(models.TextChoices):
        MANAGER = "manager", "Manager"
        AUTHOR = "author", "Author"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    publisher = models.ForeignKey(Publisher, on_delete=models.PROTECT, related_name="team")
    user = models.ForeignKey("core.User", on_delete=models.PROTECT, related_name="+")
    role = models.CharField(max_length=7, choices=Role, default=Role.AUTHOR)
    added_by = models.ForeignKey("core.User", null=True, on_delete=models.PROTECT, related_name="+")
    added_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["added_at"]
        constraints = [models.UniqueConstraint(fields=["publisher", "user"], name="publishermember_once")]

    def __str__(self):
        return f"{self.user} of {self.publisher}"
