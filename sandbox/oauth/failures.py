"""How getting a token fails: a closed list, each with its category, what to do next, and whether trying again helps."""

from typing import NamedTuple


class Failure(NamedTuple):
    """``category`` is one of a run's. ``is_final``: the same request will be refused again, so a person has to act."""

    category: str
    next_step: str
    is_final: bool = False


_LATER = "Nothing to do: it is tried again by itself."
_STOPPED = "Nothing is tried by itself any more: try again on its page, or reconnect it."
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


def step_after(code: str, *, is_stopped: bool) -> str:
    """What a person does about a failure. ``is_stopped``: nothing is tried by itself any more."""
    step = FAILURES[code].next_step
    return _STOPPED if is_stopped and step == _LATER else step


class TokenRefused(Exception):
    """No token came. The message is one sentence that holds nothing the other side sent but a word of the standard.

    ``wait_s`` is how long the other side asks to wait, where it does. ``is_stopped``: its connection is exhausted.
    """

    def __init__(self, code: str, sentence: str, *, wait_s: float = 0, is_stopped: bool = False):
        super().__init__(sentence)
        self.code = code
        self.wait_s = wait_s
        self.is_stopped = is_stopped

    @property
    def category(self) -> str:
        return FAILURES[self.code].category

    @property
    def next_step(self) -> str:
        return step_after(self.code, is_stopped=self.is_stopped)

    @property
    def is_final(self) -> bool:
        return FAILURES[self.code].is_final
