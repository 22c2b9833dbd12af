import pytest
from django.db import transaction

from galaxy.core import audit
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
