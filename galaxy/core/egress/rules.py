"""Where an extension may go: exact hosts with methods and a path prefix, as its manifest declares them."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from galaxy.core.egress import urls
from galaxy.core.egress.refusals import Refused

CONNECTION_HOST = "{connection.host}"  # as manifests write it (registry.manifests.hosts)
METHODS = frozenset({"DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"})


class HostRule(NamedTuple):
    """One entry of an egress list. ``path_prefix`` covers itself and what lies below it, by whole segments."""

    host: str
    methods: frozenset[str] = METHODS
    path_prefix: str = "/"
    port: int = urls.HTTPS

    def covers(self, path: str) -> bool:
        return path == self.path_prefix or path.startswith(self.path_prefix.rstrip("/") + "/")


def parse(entries: Iterable[Mapping[str, Any]], *, connection_host: str = "") -> tuple[HostRule, ...]:
    """The rules of the ``egress`` list of a canonical manifest: {host, methods, path_prefix, suffix?}.

    ``connection_host`` is the host that was fixed at Connect; it must lie below the declared suffix. Entries of
    ``{connection.host}`` lead nowhere while none is fixed. Raises ValueError for what no manifest could hold.
    """
    rules = []
    for entry in entries:
        host = entry["host"]
        if host == CONNECTION_HOST:
            if not connection_host:
                continue
            host = connection_host
            if not host.endswith("." + entry["suffix"].removeprefix(".")):
                raise ValueError(f"The host of the connection is not below {entry['suffix']}.")
        if not urls.is_host(host):
            raise ValueError(f"{host!r:.80} is no host name.")
        methods = frozenset(entry.get("methods", METHODS))
        if not methods <= METHODS:
            raise ValueError(f"{', '.join(sorted(methods - METHODS))} is no method that leaves Galaxy.")
        rules.append(HostRule(host, methods, entry.get("path_prefix", "/")))
    return tuple(rules)


def check(rules: Sequence[HostRule], method: str, url: urls.Url) -> None:
    """Raises Refused unless a rule covers the host, the port, the method and the path of a call."""
    of_host = [rule for rule in rules if rule.host == url.host]
    if not of_host:
        raise Refused("host_not_allowed", f"{url.host} is not among the hosts that the manifest declares.")
    of_port = [rule for rule in of_host if rule.port == url.port]
    if not of_port:
        raise Refused("host_not_allowed", f"Port {url.port} of {url.host} is not declared.")
    of_method = [rule for rule in of_port if method in rule.methods]
    if not of_method:
        raise Refused("method_not_allowed", f"The manifest does not declare {method} for {url.host}.")
    if not any(rule.covers(url.path) for rule in of_method):
        prefixes = ", ".join(sorted({rule.path_prefix for rule in of_method}))
        raise Refused("path_not_allowed", f"At {url.host} only paths below {prefixes} are declared for {method}.")
