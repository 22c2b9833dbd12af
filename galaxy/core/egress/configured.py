"""The broker's parts as this installation is configured."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from galaxy.core.egress import urls
from galaxy.core.egress.syslog import SyslogTransport
from galaxy.core.egress.transport import PinnedTransport, Transport

T = TypeVar("T")


def loopback_peers() -> frozenset[tuple[str, int]]:
    """Pairs of (host, port) that development reaches on this machine in place of the public host; none elsewhere.

    Raises ImproperlyConfigured for a setting that names none, or that production should not have.
    """
    if settings.GALAXY_LOOPBACK_PEERS and settings.HARDENED:
        raise ImproperlyConfigured("GALAXY_LOOPBACK_PEERS is for development: unset it in production.")
    return frozenset(_peer(text) for text in settings.GALAXY_LOOPBACK_PEERS)


def pinned_transport() -> PinnedTransport:
    """The transport that opens connections. Peers on this machine are held against GALAXY_LOOPBACK_CA_FILE.

    Raises ImproperlyConfigured where that file cannot be used.
    """
    return _with_peer_ca(PinnedTransport)


def grpc_transport(decode: Callable[[bytes], bytes]) -> Transport:
    """The same for gRPC calls whose answers ``decode`` reads."""
    from galaxy.core.egress.grpc import GrpcTransport  # grpcio starts threads, which web processes have no use for

    return _with_peer_ca(partial(GrpcTransport, decode))


def inner_transport() -> PinnedTransport:
    """The transport by which the trail is streamed: it knows the authority of GALAXY_INNER_HOSTS as well."""
    return PinnedTransport(peer_ca=_private_authorities())


def inner_syslog_transport() -> SyslogTransport:
    """The same for syslog over TLS."""
    return SyslogTransport(peer_ca=_private_authorities())


def _private_authorities() -> str:
    """Who may sign for named peers on this machine and for hosts of the operator's own network, in PEM."""
    paths = [settings.GALAXY_INNER_CA_FILE, settings.GALAXY_LOOPBACK_CA_FILE if loopback_peers() else ""]
    return "\n".join(Path(path).read_text(encoding="ascii") for path in paths if path)


def _with_peer_ca(make: Callable[..., T]) -> T:
    path = settings.GALAXY_LOOPBACK_CA_FILE if loopback_peers() else ""
    if not path:
        return make()
    try:
        return make(peer_ca=Path(path).read_text(encoding="ascii"))
    except (OSError, ValueError) as error:  # of ssl too: its errors are OSErrors
        raise ImproperlyConfigured(f"GALAXY_LOOPBACK_CA_FILE names {path}, which holds no certificate.") from error


def _peer(text: str) -> tuple[str, int]:
    host, _, port = text.partition("=")
    if not urls.is_host(host) or not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ImproperlyConfigured(f"GALAXY_LOOPBACK_PEERS holds {text!r}; write host=port.")
    return host, int(port)
