"""Second factors at rest: the seeds of authenticator apps and of recovery codes, sealed before allauth stores them.

The key is derived (HKDF-SHA256, RFC 5869) from GALAXY_ACCOUNTS_KEY, or from SECRET_KEY where that is not set, so that
every process that signs people in can open them: this protects a dump of the database and not a web process. A stored
text is "gx1." and the base64 of the sealed seed; the number in its header names the key, so that older keys
(SECRET_KEY after GALAXY_ACCOUNTS_KEY was set, and SECRET_KEY_FALLBACKS) go on opening what they sealed.

allauth's hooks are told the text alone and not whose it is, so the person is no part of what is authenticated.
"""

import base64
import hashlib
import hmac
from functools import lru_cache
from typing import Any

import structlog
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import connections

from galaxy.core.vault.envelope import KEY_BYTES, header_of, open_sealed, seal
from galaxy.core.vault.errors import CannotOpen

log = structlog.get_logger(__name__)

PREFIX = "gx1."
_PLACE = b"galaxy second factor"
_SEALED = {Authenticator.Type.TOTP: "secret", Authenticator.Type.RECOVERY_CODES: "seed"}


class MFAAdapter(DefaultMFAAdapter):
    """allauth's hooks round what it stores."""

    def encrypt(self, text: str) -> str:
        master = _masters()[0]
        sealed = seal(_key(master), text.encode(), _PLACE, key_version=_number(master))
        return PREFIX + base64.urlsafe_b64encode(sealed).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Raises CannotOpen, also for a text that was never sealed: a row that somebody wrote by hand is no factor."""
        sealed = _sealed(encrypted_text)
        number = header_of(sealed).key_version
        for master in _masters():
            if _number(master) == number:
                return open_sealed(_key(master), sealed, _PLACE, key_version=number).decode()
        raise CannotOpen("The key that this second factor was sealed with is not set any more.")


def seal_stored_factors(using: str, **kwargs: Any) -> int:
    """After migrating: seal what older versions of Galaxy stored in the clear, and what an older key sealed.

    Returns how many rows changed. Safe to run at any time; one row at a time, so that it may be interrupted. What does
    not open is left as it is and logged: one person's lost factor must not keep everybody from migrating.
    """
    if Authenticator._meta.db_table not in connections[using].introspection.table_names():
        return 0
    adapter, count = MFAAdapter(), 0
    wanted = _number(_masters()[0])
    rows = Authenticator.objects.using(using).filter(type__in=list(_SEALED))
    for row in rows.order_by("pk"):
        name = _SEALED[Authenticator.Type(row.type)]
        stored = row.data.get(name)
        if stored is None:
            continue
        try:
            if stored.startswith(PREFIX) and header_of(_sealed(stored)).key_version == wanted:
                continue
            clear = adapter.decrypt(stored) if stored.startswith(PREFIX) else stored
        except CannotOpen as error:
            log.error("second factor does not open", authenticator=row.pk, reason=str(error))
            continue
        fresh = row.data | {name: adapter.encrypt(clear)}
        count += Authenticator.objects.using(using).filter(pk=row.pk, data=row.data).update(data=fresh)
    return count


def _masters() -> list[str]:
    """The secrets that keys are derived from, the one that seals first."""
    own = [settings.GALAXY_ACCOUNTS_KEY] if settings.GALAXY_ACCOUNTS_KEY else []
    return [*own, settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]


@lru_cache(maxsize=16)
def _key(master: str) -> bytes:
    derive = HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=b"galaxy second factors v1")
    return derive.derive(master.encode())


def _number(master: str) -> int:
    """32 bits that name a key and tell nothing about it."""
    return int.from_bytes(hmac.new(_key(master), b"name of this key", hashlib.sha256).digest()[:4], "big")


def _sealed(stored: str) -> bytes:
    if not stored.startswith(PREFIX):
        raise CannotOpen("This second factor was not stored by Galaxy.")
    try:
        return base64.urlsafe_b64decode(stored[len(PREFIX) :])
    except ValueError:
        raise CannotOpen("This second factor is not stored as Galaxy stores it.") from None
