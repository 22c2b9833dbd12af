"""The verbs of the registry: publish a version, install and remove an extension, find what a call means."""

from registry.services.connecting import (
    give_secret,
    needs_no_sign_in,
    secret_generations,
    secrets_of,
    set_live,
    take_secret,
)
from registry.services.credentials import connection_for
from registry.services.installing import (
    clear_install,
    install,
    install_agreed,
    missing_requirements,
    needed_by,
    uninstall,
)
from registry.services.moving import move_pin
from registry.services.publishing import publish_draft, publish_version, withdraw_draft
from registry.services.resolving import (
    Resolved,
    is_simulation_forced,
    outgoing_connection,
    resolve,
    verified_file,
    verified_manifest,
)
from registry.services.widening import widen

__all__ = [
    "Resolved",
    "clear_install",
    "connection_for",
    "give_secret",
    "install",
    "install_agreed",
    "is_simulation_forced",
    "missing_requirements",
    "move_pin",
    "needed_by",
    "needs_no_sign_in",
    "outgoing_connection",
    "publish_draft",
    "publish_version",
    "resolve",
    "secret_generations",
    "secrets_of",
    "set_live",
    "take_secret",
    "uninstall",
    "verified_file",
    "verified_manifest",
    "widen",
    "withdraw_draft",
]
