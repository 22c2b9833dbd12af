"""Where root keys come from: one small protocol, two implementations, the same contract tests for both.

Which one this process was given stands in the setting ``GALAXY_KMS``:

    local:/path/to/root-keys.json       a file of ours, 0600 (galaxy.core.vault.kms.local)
    aws:KEY[,OLDER...]                  keys of AWS KMS, the first wraps (galaxy.core.vault.kms.aws)

Only sandboxd is given it. Everywhere else ``current`` raises VaultClosed, which is how a web process that was broken
into still cannot open a secret.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Protocol

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from galaxy.core.vault.errors import VaultClosed


class Kms(Protocol):
    """Wraps keys of workspaces. ``context`` are names and values that unwrapping must repeat exactly."""

    def __hash__(self) -> int: ...

    @property
    def key_id(self) -> str:
        """Names the root key that ``wrap`` uses now; stored beside what it wrapped."""

    def wrap(self, plaintext: bytes, context: Mapping[str, str]) -> bytes: ...

    def unwrap(self, blob: bytes, context: Mapping[str, str]) -> bytes:
        """Raises CannotOpen for another context, changed bytes, or a root key that is not among ours (any more)."""


def current() -> Kms:
    """The Kms of this process. Raises VaultClosed where it was given none."""
    if not settings.GALAXY_KMS:
        raise VaultClosed("The vault is closed in this process: it was given no root key.")
    return _named(settings.GALAXY_KMS)


@lru_cache(maxsize=8)
def _named(setting: str) -> Kms:
    kind, _, rest = setting.partition(":")
    if kind == "local" and rest:
        from galaxy.core.vault.kms.local import LocalKms

        return LocalKms(rest)
    if kind == "aws" and rest:
        from galaxy.core.vault.kms.aws import AwsKms, client

        key_id, *older = [word.strip() for word in rest.split(",")]
        return AwsKms(client(), key_id, older)
    raise ImproperlyConfigured("GALAXY_KMS is not understood: write local:/path/of/the/file or aws:key-id.")
