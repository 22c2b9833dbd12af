"""Extensions, their versions, and what a workspace has of them: one file a subject."""

from registry.models.connections import AppRegistration, Connection, ConnectionCredential
from registry.models.extensions import Extension, Kind, SharedQuerySet, Version, VersionFile
from registry.models.installations import Installation, InstallationQuerySet, Pin, SecretUse
from registry.models.rollouts import RollOut, RollOutPack
from registry.models.updates import (
    Hold,
    PackPin,
    ScheduledMove,
    SkippedWait,
    UpdateDefaults,
    UpdatePolicy,
    UpdateSettings,
)

__all__ = [
    "AppRegistration",
    "Connection",
    "ConnectionCredential",
    "Extension",
    "Hold",
    "Installation",
    "InstallationQuerySet",
    "Kind",
    "PackPin",
    "Pin",
    "RollOut",
    "RollOutPack",
    "ScheduledMove",
    "SecretUse",
    "SharedQuerySet",
    "SkippedWait",
    "UpdateDefaults",
    "UpdatePolicy",
    "UpdateSettings",
    "Version",
    "VersionFile",
]
