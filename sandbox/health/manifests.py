"""What a version says of its own check."""

from dataclasses import dataclass

from registry.models import Installation, Version

EVERY_S = 900  # where a manifest names an action and no time


@dataclass(frozen=True)
class DeclaredCheck:
    """``action`` is its id in the manifest, ``target`` how it is called; ``every_s`` seconds lie between checks."""

    action: str
    target: str
    every_s: int


def declared_check(version: Version) -> DeclaredCheck | None:
    manifest = version.parsed
    health = manifest.canonical.get("health", {})
    action = health.get("action")
    if action not in manifest.actions:
        return None
    return DeclaredCheck(action, f"{manifest.id}.{action}", health.get("every_s", EVERY_S))


def check_of(installation: Installation) -> DeclaredCheck | None:
    """The check that the version an installation is pinned to declares."""
    return declared_check(installation.pin.version)
