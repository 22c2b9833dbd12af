"""The only way out of Galaxy for what extensions ask of the network; docs/egress.md tells the whole of it.

Nothing here needs Django but ``configured``. A run gets a Broker of its own, made of the rules of its manifest, a
resolver, a transport and a source of secrets.
"""

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
