import pytest
from django.db import transaction

from galaxy.core import audit
from galaxy.core.audit.anchors import Anchors
from galaxy.core.audit.sequencer import Sequencer
from galaxy.core.vault.signing import SigningKeys, make_signing_keys
from tests.sealing import make_sequencer


@pytest.fixture
def sequencer(db, tmp_path, monkeypatch):
    return make_sequencer(tmp_path, monkeypatch)


@pytest.fixture
def write(workspace, owner):
    """``write("box.opened", …)``: one event on the workspace, by the owner unless told otherwise."""

    def written(action="box.opened", actor=owner, target=workspace, **data):
        with transaction.atomic():
            return audit.record(action, actor=actor, target=target, workspace=workspace, **data)

    return written


@pytest.fixture
def sequencer_of_all(transactional_db, tmp_path):
    """One that takes what is committed, as in earnest."""
    make_signing_keys(tmp_path / "signing-keys.json")
    made = Sequencer(SigningKeys(tmp_path / "signing-keys.json"), Anchors(tmp_path / "checkpoints"))
    made.start()
    return made
