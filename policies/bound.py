"""What an approval is bound to: parts by name, their digest, and in words what differs between two of them."""

import hashlib
from typing import Any

from galaxy.core import jcs

# The names that the floors above give their parts, as people say them; parts of one saying are told once.
_WORDS = {
    "inputs": "the inputs",
    "target": "what is called",
    "version": "the version",
    "policy_version": "the rules",
    "rules": "the rules",
    "effect": "the rules",
    "connection": "the connection or its secret",
    "secrets": "the connection or its secret",
    "mode": "whether it is simulated",
    "scenario": "the sample it answers with",
    "requester": "who asks",
    "agent": "who asks",
    "trigger": "who asks",
    "scopes": "the scopes",
    "hosts": "the hosts it may reach",
    "extension": "the extension",
    "installation": "the extension",
    "act": "what is done to it",
    "along": "what comes along with it",
    "course": "how it comes in, step by step",
    "held version": "the version it is held at",
    "report": "what the replay of recorded calls said",
    "one_way": "whether there is a way back",
    "grant": "the grant and its bounds",
    "scope": "the grant and its bounds",
    "budget": "the grant and its bounds",
    "records": "the grant and its bounds",
    "errors": "the grant and its bounds",
    "until": "the grant and its bounds",
}


def digest_of(bound: dict[str, Any]) -> str:
    """Hex SHA-256 of the RFC 8785 form."""
    return hashlib.sha256(jcs.dumps(bound)).hexdigest()


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """What differs, in words for people: ["the inputs", "the version"]; [] where nothing does or one is unknown.

    Most telling first, in the order of ``_WORDS``; a part without a saying goes by its name.
    """
    if not before or not after:
        return []
    differing = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    named = [words for name, words in _WORDS.items() if name in differing]
    others = [f"the {name.replace('_', ' ')}" for name in sorted(differing - _WORDS.keys())]
    return list(dict.fromkeys(named + others))
