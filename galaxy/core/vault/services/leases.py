"""Leases: what a run gets in the place of a value. Good once, for a minute at most, and written down when used."""

import hashlib
import secrets
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.models import Secret, SecretLease, SecretVersion
from galaxy.core.models.vault import LONGEST_LEASE, SecretVersionQuerySet
from galaxy.core.scope import workspace_scope
from galaxy.core.vault import kms
from galaxy.core.vault.errors import CannotOpen, KeyDestroyed, LeaseRefused, SecretGone
from galaxy.core.vault.opening import OpenSecret, open_version

log = structlog.get_logger(__name__)


class Terms(NamedTuple):
    """What may be known of a leased secret without opening it, and for which run it was leased."""

    name: str
    hosts: tuple[str, ...]
    places: tuple[str, ...]
    workspace_id: UUID
    run_id: str


def lease(
    secret: Secret,
    *,
    run_id: str,
    purpose: str,
    extension: str,
    action: str,
    actor: Actor | None = None,
    version: SecretVersion | None = None,
    lasts: timedelta = LONGEST_LEASE,
) -> str:
    """A token that opens ``secret`` once: its current value, or ``version`` where a staged one is tried out.

    ``extension`` is the name and version of what will use it, ``actor`` the chain for whom. Whether the run may have
    the secret is the caller's to decide before. Raises SecretGone.
    """
    if version is None and not _current(secret).exists():
        raise SecretGone(f"{secret} has no value that is in use.")
    token = f"{secret.workspace_id.hex}.{secrets.token_urlsafe(32)}"
    now = timezone.now()
    SecretLease.objects.create(
        workspace_id=secret.workspace_id,
        secret=secret,
        version=version,
        digest=_digest(token),
        run_id=run_id,
        extension=extension[:200],
        action=action[:200],
        purpose=purpose[:200],
        chain=(actor or Actor.of(None)).as_list(),
        issued_at=now,
        expires_at=now + min(lasts, LONGEST_LEASE),
    )
    return token


def terms_of(token: str) -> Terms:
    """What a live lease would open, and for whom; consumes nothing. Raises LeaseRefused or SecretGone."""
    with workspace_scope([_workspace_of(token)]):
        found = SecretLease.objects.filter(digest=_digest(token), consumed_at=None, expires_at__gt=timezone.now())
        lease = found.select_related("secret", "version__secret").first()
        if lease is None:
            raise LeaseRefused(_why_refused(token))
        version = _version_of(lease)
        places = tuple(version.places)
        return Terms(lease.secret.name, tuple(version.hosts), places, lease.workspace_id, lease.run_id)


def open_lease(token: str, *, host: str = "", use: str = "") -> OpenSecret:
    """Consume a lease and open its secret; each use is an event ``secret.used``, written in the same transaction.

    ``host`` and ``use`` (http or sign) say in the event where it goes first.
    Only where a Kms is configured. Raises VaultClosed, LeaseRefused, SecretGone, or CannotOpen for a stored value
    that was tampered with, which is an event too.
    """
    kms.current()
    failure = None
    with workspace_scope([_workspace_of(token)]):
        with transaction.atomic():
            lease = _consume(token)
            version = _version_of(lease)
            try:
                opened = _open(version)
                SecretLease.objects.filter(pk=lease.pk).update(version=version)
            except CannotOpen as error:
                failure = error
            audit.record(
                "secret.did_not_open" if failure else "secret.used",
                actor=Actor.from_list(lease.chain),
                target=lease.secret,
                version=version.number,
                extension=lease.extension,
                called=lease.action,
                run=lease.run_id,
                purpose=lease.purpose,
                host=host,
                use=use,
            )
        if failure:
            log.error("secret did not open", secret=str(lease.secret_id), version=version.number, run=lease.run_id)
            raise failure
        return opened


def current_version(secret: Secret) -> SecretVersion | None:
    return _current(secret).select_related("secret", "key").first()


def _current(secret: Secret) -> SecretVersionQuerySet:
    """At most one row."""
    versions = SecretVersion.objects.filter(workspace=secret.workspace_id, secret=secret)
    return versions.filter(stage=SecretVersion.Stage.CURRENT)


def _consume(token: str) -> SecretLease:
    """The guarded update lets exactly one of two callers have it."""
    now = timezone.now()
    mine = SecretLease.objects.filter(digest=_digest(token))
    if not mine.filter(consumed_at=None, issued_at__lte=now, expires_at__gt=now).update(consumed_at=now):
        raise LeaseRefused(_why_refused(token))
    return mine.select_related("secret__workspace", "version__secret", "version__key").get()


def _version_of(lease: SecretLease) -> SecretVersion:
    version = lease.version or current_version(lease.secret)
    if version is None:
        raise SecretGone(f"{lease.secret} has no value that is in use.")
    return version


def _open(version: SecretVersion) -> OpenSecret:
    try:
        return open_version(version)
    except KeyDestroyed:
        # A re-wrapping moved the data key to the next workspace key between our reading of the two rows.
        return open_version(SecretVersion.objects.select_related("secret", "key").get(pk=version.pk))


def _why_refused(token: str) -> str:
    lease = SecretLease.objects.filter(digest=_digest(token)).first()
    if lease is None:
        return "This lease is not known."
    return "This lease was used already." if lease.consumed_at else "The time of this lease is over."


def _workspace_of(token: str) -> UUID:
    """The workspace that a token names; that it is the right one shows when its hash is found there."""
    try:
        return UUID(hex=token.partition(".")[0])
    except ValueError:
        raise LeaseRefused("This lease is not known.") from None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
