"""After a backup was restored: whether the keys that sign versions are those of the database."""

from collections.abc import Iterator

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from galaxy.core.errors import DomainError
from galaxy.core.vault.signing import VERSIONS, SigningKeys
from registry.models import SigningKey


def misfits() -> Iterator[str]:
    """A sentence for each thing that does not fit."""
    rows = SigningKey.objects.filter(owner=SigningKey.Owner.MARKETPLACE, retired_at=None, revoked_at=None)
    active = rows.order_by("-number").first()
    if active is None:
        return
    if not settings.GALAXY_MARKETPLACE_KEYS:
        yield "The marketplace's keys were not looked at. Give this command GALAXY_MARKETPLACE_KEYS."
        return
    try:
        held = SigningKeys(settings.GALAXY_MARKETPLACE_KEYS, VERSIONS)
    except (DomainError, ImproperlyConfigured) as error:
        yield f"The marketplace's keys cannot be read: {error}"
        return
    if active.pk not in held:
        yield f"GALAXY_MARKETPLACE_KEYS lacks key {active.pk}, which signs versions."
