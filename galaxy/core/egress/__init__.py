"""The only way out of Galaxy for what extensions ask of the network; docs/egress.md tells the whole of it.

Nothing here needs Django but ``configured``. A run gets a Broker of its own, made of the rules of its manifest, a
resolver, a transport and a source of secrets.

Each name is imported when it is first asked for: a sealed child process that replays calls wants the refusals, and no
HTTP client.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from galaxy.core.egress.broker import Broker, Limits
    from galaxy.core.egress.exchanges import FixtureTransport
    from galaxy.core.egress.placeholders import NoSecrets, SecretSource
    from galaxy.core.egress.refusals import Refusal, Refused
    from galaxy.core.egress.resolver import Resolver, SystemResolver
    from galaxy.core.egress.rules import HostRule
    from galaxy.core.egress.scrubbing import Scrubber
    from galaxy.core.egress.transport import PinnedTransport, Transport

__all__ = [
    "Broker",
    "FixtureTransport",
    "HostRule",
    "Limits",
    "NoSecrets",
    "PinnedTransport",
    "Refusal",
    "Refused",
    "Resolver",
    "Scrubber",
    "SecretSource",
    "SystemResolver",
    "Transport",
]

_MODULES = {
    "Broker": "broker",
    "FixtureTransport": "exchanges",
    "HostRule": "rules",
    "Limits": "broker",
    "NoSecrets": "placeholders",
    "PinnedTransport": "transport",
    "Refusal": "refusals",
    "Refused": "refusals",
    "Resolver": "resolver",
    "Scrubber": "scrubbing",
    "SecretSource": "placeholders",
    "SystemResolver": "resolver",
    "Transport": "transport",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
