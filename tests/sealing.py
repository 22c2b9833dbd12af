"""A sequencer for tests, which run in one transaction: it takes the events that this transaction wrote as well."""

from pathlib import Path

from galaxy.core.audit import sequencer as sequencing
from galaxy.core.audit.anchors import Anchors
from galaxy.core.audit.sequencer import Sequencer
from galaxy.core.models import Workspace
from galaxy.core.vault.signing import SigningKeys, make_signing_keys

EVERYTHING_SEEN = "'18446744073709551615'::xid8"


def make_sequencer(directory: Path, monkeypatch) -> Sequencer:
    """One that has introduced its key, with its key file and its copies of checkpoints under ``directory``."""
    monkeypatch.setattr(sequencing, "HORIZON", EVERYTHING_SEEN)
    make_signing_keys(directory / "signing-keys.json")
    made = Sequencer(SigningKeys(directory / "signing-keys.json"), Anchors(directory / "checkpoints"))
    made.start()
    return made


def seal(sequencer: Sequencer, workspace: Workspace) -> int:
    """Seal what there is under one more checkpoint, and copy it; returns how many events."""
    count = sequencer.seal(workspace.pk)
    sequencer.copy(workspace.pk)
    return count
