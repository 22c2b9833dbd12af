"""The vault's verbs. Pages, API, tasks and commands call these and nothing below them."""

from galaxy.core.vault.services.leases import lease, open_lease
from galaxy.core.vault.services.rewrapping import go_on_rewrapping, rewrap, shred_workspace
from galaxy.core.vault.services.secrets import (
    create_secret,
    retire_version,
    shred_secret,
    stage_version,
    switch_version,
)
from galaxy.core.vault.services.testing import test_version

__all__ = [
    "create_secret",
    "go_on_rewrapping",
    "lease",
    "open_lease",
    "retire_version",
    "rewrap",
    "shred_secret",
    "shred_workspace",
    "stage_version",
    "switch_version",
    "test_version",
]
