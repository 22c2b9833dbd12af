"""A connector that is installed at a version, with a newer one beside it."""

import pytest

from registry.services import install
from tests.registry.samples import connector, publish


@pytest.fixture
def old(db):
    return publish(connector("acme", "1.2.0"))


@pytest.fixture
def new(db, old):
    return publish(connector("acme", "1.3.0"))


@pytest.fixture
def held(workspace, admin, old):
    return install(workspace, old.extension, version=old, actor=admin)
