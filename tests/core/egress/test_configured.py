"""The settings: peers on this machine are for development, and what is wrong is named."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from galaxy.core.egress.configured import loopback_peers, pinned_transport
from tests.core.egress.conftest import API, get, make_broker


def test_there_are_no_peers_unless_somebody_names_them():
    assert loopback_peers() == frozenset()


def test_peers_and_their_authority_come_from_the_settings(settings, tmp_path, authority, peer):
    (tmp_path / "authority.pem").write_text(authority.pem)
    settings.GALAXY_LOOPBACK_PEERS = [f"{API}={peer.port}"]
    settings.GALAXY_LOOPBACK_CA_FILE = str(tmp_path / "authority.pem")
    broker = make_broker(transport=pinned_transport(), loopback_peers=loopback_peers())
    assert get(broker)["status"] == 200


def test_production_has_no_peers(settings):
    settings.GALAXY_LOOPBACK_PEERS = [f"{API}=9443"]
    settings.HARDENED = True
    for part in (loopback_peers, pinned_transport):
        with pytest.raises(ImproperlyConfigured, match="for development"):
            part()


@pytest.mark.parametrize(
    "text", [API, f"{API}=", f"{API}=x", f"{API}=0", f"{API}=65536", "127.0.0.1=1", "=1", f"{API}=٤"]
)
def test_a_peer_is_a_name_and_a_port(settings, text):
    settings.GALAXY_LOOPBACK_PEERS = [text]
    with pytest.raises(ImproperlyConfigured, match="host=port"):
        loopback_peers()


@pytest.mark.parametrize("content", [None, "nonsense", "ümlaut"])
def test_an_authority_is_a_certificate(settings, tmp_path, content):
    path = tmp_path / "authority.pem"
    if content is not None:
        path.write_text(content)
    settings.GALAXY_LOOPBACK_PEERS = [f"{API}=9443"]
    settings.GALAXY_LOOPBACK_CA_FILE = str(path)
    with pytest.raises(ImproperlyConfigured, match="GALAXY_LOOPBACK_CA_FILE"):
        pinned_transport()
