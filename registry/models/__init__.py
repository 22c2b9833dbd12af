"""Extensions, their versions, and what a workspace has of them: one file a subject."""

from registry.models.connections import AppRegistration, Connection, ConnectionCredential
from registry.models.extensions import Extension, Kind, SharedQuerySet, Version, VersionFile
from registry.models.installations import Installation, InstallationQuerySet, Pin, SecretUse

__all__ = [
    "AppRegistration",
    "Connection",
    "ConnectionCredential",
    "Extension",
    "Installation",
    "InstallationQuerySet",
    "Kind",
    "Pin",
    "SecretUse",
    "SharedQuerySet",
    "Version",
    "VersionFile",
]
