"""Why a call did not happen or came to nothing: a closed list of codes, each with its error category."""

from typing import Any, NamedTuple

# Each code and its category among those that a run's errors have (DESIGN: policy_block, validation, quota, ...).
CODES = {
    "bad_request": "validation",
    "bad_header": "validation",
    "request_too_large": "validation",
    "bad_url": "policy_block",
    "host_not_allowed": "policy_block",
    "method_not_allowed": "policy_block",
    "path_not_allowed": "policy_block",
    "address_not_public": "policy_block",
    "redirect_refused": "policy_block",
    "secret_not_bound": "policy_block",
    "secret_place": "policy_block",
    "quarantined": "policy_block",
    "secret_unusable": "auth_error",
    "too_many_calls": "quota",
    "too_many_bytes": "quota",
    "dns_failed": "transient",
    "unreachable": "transient",
    "connection_broken": "transient",
    "timeout": "transient",
    "tls_failed": "tool_error",
    "bad_response": "tool_error",
    "response_too_large": "tool_error",
    "too_many_redirects": "tool_error",
    "not_recorded": "tool_error",
    "broker_failed": "tool_error",
}

STOPPED = "The marketplace stopped this version while the call was under way."


class Refused(Exception):
    """A call that the broker does not make, or that failed. The message is one sentence without values of secrets.

    ``code`` is one of CODES. ``was_sent``: something of the request may have reached the peer, so that a write which
    may not happen twice must not be tried again.
    """

    def __init__(self, code: str, sentence: str, *, was_sent: bool = False):
        super().__init__(sentence)
        self.code = code
        self.was_sent = was_sent

    @property
    def category(self) -> str:
        return CODES[self.code]

    def answer(self) -> dict[str, Any]:
        """What the sandboxed code is told: {error, category, message, was_sent}."""
        return {"error": self.code, "category": self.category, "message": str(self), "was_sent": self.was_sent}


class Refusal(NamedTuple):
    """What the trail is told of a call that policy blocked. ``host`` is empty where the address had none to trust."""

    host: str
    method: str
    code: str
    reason: str
