"""How getting a token fails: a closed list, each with its category, what to do next, and whether trying again helps."""

from typing import Any, NamedTuple


class Failure(NamedTuple):
    """``category`` is one of a run's. ``is_final``: the same request will be refused again, so a person has to act."""

    category: str
    next_step: str
    is_final: bool = False


_LATER = "Nothing to do: it is tried again by itself."
_RECONNECT = "Reconnect it: the account and what depends on it stay as they are."
_APP = "Enter the app's client id and secret anew, as the vendor shows them."
_PUBLISHER = "Tell the connector's publisher: its manifest and the vendor disagree."
FAILURES: dict[str, Failure] = {
    "grant_refused": Failure("auth_error", _RECONNECT, is_final=True),
    "refresh_cut_off": Failure("auth_error", _RECONNECT, is_final=True),
    "token_expired": Failure("auth_error", _RECONNECT, is_final=True),
    "client_refused": Failure("auth_error", _APP, is_final=True),
    "app_missing": Failure("auth_error", _APP, is_final=True),
    "scope_refused": Failure("auth_error", _PUBLISHER, is_final=True),
    "credential_sealed": Failure("auth_error", _RECONNECT, is_final=True),
    "token_refused": Failure("auth_error", _RECONNECT),
    "assertion_refused": Failure("auth_error", "Check the account's key and this machine's clock."),
    "token_endpoint_busy": Failure("rate_limit", _LATER),
    "token_endpoint_down": Failure("transient", _LATER),
    "token_endpoint_unreachable": Failure("transient", _LATER),
    "token_answer_unreadable": Failure("tool_error", _LATER),
    "token_endpoint_blocked": Failure("policy_block", _PUBLISHER, is_final=True),
    "refresh_slow": Failure("transient", _LATER),
    "refresh_broke": Failure("transient", _LATER),
    "vault_closed": Failure("transient", "Start sandboxd with its root key."),
}


class TokenRefused(Exception):
    """No token came. The message is one sentence that holds nothing the other side sent but a word of the standard.

    ``wait_s`` is how long the other side asks to wait, where it does.
    """

    def __init__(self, code: str, sentence: str, *, wait_s: float = 0, was_sent: bool = True):
        super().__init__(sentence)
        self.code = code
        self.wait_s = wait_s
        self.was_sent = was_sent

    @property
    def category(self) -> str:
        return FAILURES[self.code].category

    @property
    def next_step(self) -> str:
        return FAILURES[self.code].next_step

    @property
    def is_final(self) -> bool:
        return FAILURES[self.code].is_final

    def as_dict(self) -> dict[str, Any]:
        return {"code": self.code, "category": self.category, "sentence": str(self), "next_step": self.next_step}
