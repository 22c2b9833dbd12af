"""Recovery codes: long random ones, of which nothing but hashes is kept.

allauth works its codes out from a seed, which any process that signs people in can open. Ours have 120 random bits, of
which a plain hash tells nothing (ASVS 5.0.0, 6.5.2). So nobody can be shown a code again: its page has it for KEPT_S
after it was made, sealed, from the cache. Codes of an older Galaxy open until they are used, or new ones are made.
"""

import hashlib
import json
import secrets
from collections.abc import Callable
from hmac import compare_digest

from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.recovery_codes.views import DownloadRecoveryCodesView
from django.core.cache import cache
from django.db import transaction
from django.http import Http404

from galaxy.core.models import User
from galaxy.core.vault.accounts import MFAAdapter
from galaxy.core.vault.errors import CannotOpen

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's: 5 bits each, and none looks like another
SIGNS, GROUP = 24, 4
KEPT_S = 10 * 60
HASHES = "hashes"  # in the row's data: hex of SHA-256, one for each code that is left
_ALIKE = str.maketrans("oil", "011")

_unused_of_seed: Callable[[RecoveryCodes], list[str]] = RecoveryCodes.get_unused_codes
_take_of_seed: Callable[[RecoveryCodes, str], bool] = RecoveryCodes.validate_code


class Download(DownloadRecoveryCodesView):
    """As a file, for as long as they can be shown."""

    def get(self, request, *args, **kwargs):
        if not all(self.unused_codes):
            raise Http404
        return super().get(request, *args, **kwargs)


def connect() -> None:
    RecoveryCodes.activate = staticmethod(_activate)  # type: ignore[method-assign,assignment]
    RecoveryCodes.get_unused_codes = _unused  # type: ignore[method-assign]
    RecoveryCodes.validate_code = _take  # type: ignore[method-assign]


def _activate(user: User) -> RecoveryCodes:
    """The codes of ``user``, made now where there are none."""
    row = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()
    if row is None:
        codes = [_code() for _ in range(app_settings.RECOVERY_CODE_COUNT)]
        hashes = [_hash(code) for code in codes]
        row = Authenticator.objects.create(user=user, type=Authenticator.Type.RECOVERY_CODES, data={HASHES: hashes})
        cache.set(_place(row), MFAAdapter().encrypt(json.dumps(codes)), KEPT_S)
    return RecoveryCodes(row)


def _unused(self: RecoveryCodes) -> list[str]:
    """One for each code that is left: itself while it can be shown, then an empty text."""
    if HASHES not in self.instance.data:
        return _unused_of_seed(self)
    shown = {_hash(code): code for code in _kept(self.instance)}
    return [shown.get(one, "") for one in self.instance.data[HASHES]]


@transaction.atomic
def _take(self: RecoveryCodes, code: str) -> bool:
    """Use ``code`` up; False where it is none of those that are left."""
    self.instance = row = Authenticator.objects.select_for_update().get(pk=self.instance.pk)
    if HASHES not in row.data:
        return _take_of_seed(self, code)
    given, before = _hash(code), row.data[HASHES]
    row.data[HASHES] = [one for one in before if not compare_digest(one, given)]
    if len(row.data[HASHES]) == len(before):
        return False
    row.save(update_fields=["data"])
    return True


def _code() -> str:
    signs = "".join(secrets.choice(ALPHABET) for _ in range(SIGNS))
    return "-".join(signs[at : at + GROUP] for at in range(0, SIGNS, GROUP))


def _hash(code: str) -> str:
    """Of its signs, however they were typed off a sheet."""
    signs = "".join(sign for sign in code.lower() if sign.isalnum()).translate(_ALIKE)
    return hashlib.sha256(signs.encode()).hexdigest()


def _kept(row: Authenticator) -> list[str]:
    sealed = cache.get(_place(row))
    if sealed is None:
        return []
    try:
        return json.loads(MFAAdapter().decrypt(sealed))
    except CannotOpen:
        return []


def _place(row: Authenticator) -> str:
    return f"galaxy:recovery-codes:{row.pk}"
