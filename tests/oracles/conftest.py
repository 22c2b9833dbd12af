"""Vendors' stand-ins behind TLS, and a real sandboxd that takes them for the vendors."""

import pytest

from tests.core.egress.peers import Authority, Peer, answer, saying
from tests.oracles.clients import SALESFORCE_HOST
from tests.sandboxd import Sandboxd

HOSTS = (
    "gmail.googleapis.com", "www.googleapis.com", "slack.com", "api.hubapi.com", "api.notion.com", SALESFORCE_HOST,
)  # fmt: skip


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def vendors(authority):
    """One TLS server for all of them; it tells them apart by what it is asked."""
    found = Peer(authority.context(*HOSTS), saying(answer("{}")))
    yield found
    found.close()


@pytest.fixture(scope="session")
def sandboxd(django_db_setup, authority, vendors):
    found = Sandboxd(dict.fromkeys(HOSTS, vendors.port), authority.pem)
    found.start("--size", "1")
    yield found
    found.close()
