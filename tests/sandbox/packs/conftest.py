"""What the packs of these tests call, made once for the tests of a file that ask for it."""

import pytest

from tests.extensions import TIDY, installed
from tests.playhouse import staged
from tests.sandbox.packs.flows import MOODY
from tests.sandbox.packs.live import SHADOW


@pytest.fixture
@staged
def parts(workspace, admin):
    return installed(workspace, admin, MOODY, TIDY)


@pytest.fixture
@staged
def both(workspace, admin):
    """The same, and a second system."""
    return installed(workspace, admin, MOODY, SHADOW, TIDY)
