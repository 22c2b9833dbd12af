"""A connector in use, and advice as the rules give it."""

from datetime import datetime

import pytest

from marketplace.assistant.models import Advice
from marketplace.assistant.services import renew
from registry.services import install
from tests.extensions import PROBE, installed
from tests.registry.samples import connector, publish


@pytest.fixture
def probe(workspace, admin):
    return installed(workspace, admin, PROBE)[0]


@pytest.fixture
def old(db):
    return publish(connector("acme", "1.2.0"))


@pytest.fixture
def new(db, old):
    return publish(connector("acme", "1.3.0"))


@pytest.fixture
def held(workspace, admin, old):
    """The connector "acme" at 1.2.0."""
    return install(workspace, old.extension, version=old, actor=admin)


@pytest.fixture
def advised(workspace):
    """``advised(rule)``: look again, and the open advice of that rule, of which there is one at most."""

    def look(rule: str, now: datetime | None = None) -> Advice | None:
        renew(workspace, now)
        return Advice.objects.open().filter(workspace=workspace, rule=rule).select_related("workspace").first()

    return look
