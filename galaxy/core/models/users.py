"""People. An account stands outside every workspace; memberships tie it to them."""

import uuid

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, email):
        return self.get(email__iexact=email)

    def create_user(self, email, password=None, **fields):
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in by e-mail address. Rights come from grants on objects, never from ``is_superuser``."""

    class Theme(models.TextChoices):
        SYSTEM = "", "System"
        LIGHT = "light", "Light"
        DARK = "dark", "Dark"

    class Density(models.TextChoices):
        ROOMY = "", "Roomy"
        COMPACT = "compact", "Compact"

    class Letters(models.TextChoices):
        ON = "", "On"
        OFF = "off", "Off"

    class Digest(models.TextChoices):
        DAILY = "daily", "Every day"
        WEEKLY = "weekly", "Every week"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120)
    is_staff = models.BooleanField(default=False, help_text="Works for the marketplace; sees no workspace by that.")
    is_active = models.BooleanField(default=True)
    joined_at = models.DateTimeField(default=timezone.now)
    theme = models.CharField(max_length=8, choices=Theme, blank=True, default=Theme.SYSTEM)
    density = models.CharField(max_length=8, choices=Density, blank=True, default=Density.ROOMY)
    letters = models.CharField(max_length=3, choices=Letters, blank=True, default=Letters.ON)
    time_zone = models.CharField(max_length=64, default="UTC", help_text="A name of the IANA time zone database.")
    mail_choices = models.JSONField(
        default=dict, blank=True, help_text='Kinds of news by mail: {kind: true, false or "digest"}.'
    )
    digest_every = models.CharField(max_length=6, choices=Digest, default=Digest.DAILY)
    digest_day = models.PositiveSmallIntegerField(default=0, help_text="Of a weekly digest; 0 is Monday.")
    digest_hour = models.PositiveSmallIntegerField(default=8, help_text="In their own time zone.")
    quiet_from = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Hour; no quiet hours where null.")
    quiet_until = models.PositiveSmallIntegerField(null=True, blank=True)

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS = ["name"]
    objects = UserManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(Lower("email"), name="user_email_unique"),
            models.CheckConstraint(
                name="user_hours_of_a_day",
                condition=models.Q(digest_hour__lt=24, digest_day__lt=7)
                & (
                    models.Q(quiet_from=None, quiet_until=None)
                    | models.Q(
                        quiet_from__isnull=False, quiet_from__lt=24, quiet_until__isnull=False, quiet_until__lt=24
                    )
                ),
            ),
        ]

    def __str__(self):
        return self.name or self.email

    def get_full_name(self):
        return self.name

    @property
    def initials(self) -> str:
        words = (self.name or self.email).split()
        return "".join(word[0] for word in words[:2]).upper()
