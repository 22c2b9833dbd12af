"""The verbs of the registry: publish a version, install and remove an extension, find what a call means."""

from registry.services.installing import install, missing_requirements, needed_by, uninstall
from registry.services.publishing import publish_version
from registry.services.resolving import Resolved, connection_of, is_simulation_forced, resolve, verified_manifest

__all__ = [
    "Resolved",
    "connection_of",
    "install",
    "is_simulation_forced",
    "missing_requirements",
    "needed_by",
    "publish_version",
    "resolve",
    "uninstall",
    "verified_manifest",
]
