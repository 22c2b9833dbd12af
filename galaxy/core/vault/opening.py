"""Opening: only where a Kms is configured, which is in sandboxd and nowhere else."""

from django.views.decorators.debug import sensitive_variables

from galaxy.core.models import SecretVersion, WorkspaceKey
from galaxy.core.vault import kms
from galaxy.core.vault.envelope import Place
from galaxy.core.vault.errors import KeyDestroyed, SecretGone
from galaxy.core.vault.keys import unwrapped
from galaxy.core.vault.sealing import open_under, place_of


class OpenSecret:
    """A value in the hands of sandboxd. It does not show itself, and is neither copied nor sent anywhere by pickle."""

    __slots__ = ("hosts", "name", "places", "value", "version")

    def __init__(self, *, name: str, version: int, hosts: tuple[str, ...], places: tuple[str, ...], value: str):
        self.name = name
        self.version = version
        self.hosts = hosts
        self.places = places
        self.value = value

    def __repr__(self) -> str:
        return f"OpenSecret({self.name} v{self.version})"

    def __reduce_ex__(self, protocol):
        raise TypeError("An open secret stays where it was opened.")


@sensitive_variables("value")
def open_version(version: SecretVersion) -> OpenSecret:
    """The value of a version, read with its ``key`` and ``secret``.

    Raises VaultClosed, SecretGone where its data key is destroyed, KeyDestroyed or CannotOpen.
    """
    kms.current()
    if version.wrapped_key is None:
        raise SecretGone(f"{version} is {version.get_stage_display().lower()}, so nothing opens it any more.")
    place = place_of(version)
    key = unwrapped(version.key)
    value = open_under(key, version.key.version, place, bytes(version.wrapped_key), bytes(version.ciphertext))
    return OpenSecret(name=place.name, version=place.version, hosts=place.hosts, places=place.places, value=value)


@sensitive_variables()
def open_envelope(
    key: WorkspaceKey | None,
    place: Place,
    wrapped_key: bytes | memoryview | None,
    ciphertext: bytes | memoryview | None,
) -> str:
    """What an envelope of another table holds (galaxy.core.vault.tables), at the place its row stands at now.

    Raises VaultClosed, KeyDestroyed or CannotOpen.
    """
    kms.current()
    if key is None or wrapped_key is None or ciphertext is None:
        raise KeyDestroyed("The data key of what is stored here is destroyed.")
    return open_under(unwrapped(key), key.version, place, bytes(wrapped_key), bytes(ciphertext))
