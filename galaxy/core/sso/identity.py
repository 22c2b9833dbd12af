"""What a provider says of a person, once its answer is verified; and the one error for an answer that is not."""

import hashlib
from dataclasses import asdict, dataclass

from galaxy.core.errors import DomainError
from galaxy.core.sso.configuration import Provider

AGAIN = "Start again from the sign-in page."
OPERATOR = "Tell whoever runs Galaxy for you; they find the reason in the log."
AGAIN_OR_OPERATOR = f"{AGAIN} If it happens again: {OPERATOR[0].lower()}{OPERATOR[1:]}"


class SignInRefused(DomainError):
    """``reason`` is a stable word for the log and for operators; it never holds a value that was sent."""

    status = 403
    code = "sso_refused"
    next_step = "Ask whoever runs Galaxy: its log has the reason under the request's id."

    def __init__(self, reason: str, sentence: str, next_step: str = AGAIN):
        super().__init__(sentence, next_step)
        self.reason = reason


class ProviderFailed(SignInRefused):
    """The provider does not answer, or answers what it must not."""

    status = 502
    code = "sso_provider_failed"
    next_step = "Try again in a minute; then ask whoever runs the provider."


def untrusted(provider: Provider, reason: str) -> SignInRefused:
    """The refusal of an answer that is not exactly what it must be; whatever is wrong, the person reads the same."""
    sentence = f"What came back from {provider.name} cannot be trusted, so you are not signed in."
    return SignInRefused(reason, sentence, AGAIN_OR_OPERATOR)


@dataclass(frozen=True)
class Identity:
    """A person at a provider. ``subject`` never changes there; ``email`` may, and is "" where none was sent.

    ``email_verified`` is None where the provider says nothing of it.
    """

    provider: str
    issuer: str
    subject: str
    email: str = ""
    email_verified: bool | None = None
    name: str = ""

    @property
    def uid(self) -> str:
        """What allauth ties an account to. Bound to the issuer, so that another one behind the same name is nobody."""
        return hashlib.sha256(f"{self.issuer}\n{self.subject}".encode()).hexdigest()

    def as_dict(self) -> dict[str, str | bool | None]:
        return asdict(self)
