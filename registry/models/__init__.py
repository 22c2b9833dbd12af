"""Extensions, their versions, and what a workspace has of them: one file a subject."""

from registry.models.connections import AppRegistration, Connection, ConnectionCredential
from registry.models.extensions import Extension, Kind, SharedQuerySet, Version, VersionFile
from registry.models.installations import Installation, InstallationQuerySet, Pin, SecretUse
from registry.models.publishers import NameClaim, Publisher, PublisherMember
from registry.models.retiring import EndNotice, Quarantine
from registry.models.rollouts import RollOut, RollOutPack
from registry.models.signing import SigningKey, VersionSignature
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
    "EndNotice",
    "Extension",
    "Hold",
    "Installation",
    "InstallationQuerySet",
    "Kind",
    "NameClaim",
    "PackPin",
    "Pin",
    "Publisher",
    "PublisherMember",
    "Quarantine",
    "RollOut",
    "RollOutPack",
    "ScheduledMove",
    "SecretUse",
    "SharedQuerySet",
    "SigningKey",
    "SkippedWait",
    "UpdateDefaults",
    "UpdatePolicy",
    "UpdateSettings",
    "Version",
    "VersionFile",
    "VersionSignature",
]
