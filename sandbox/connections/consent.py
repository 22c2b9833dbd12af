"""What a session keeps between leaving for a consent screen and coming back: each once, for ten minutes.

Only the hash of a state is kept, so that a stolen session row begins nothing. The verifier is sealed.
"""

import hashlib
import secrets
import time
from dataclasses import asdict, dataclass, field
from typing import Any
from uuid import UUID

from galaxy.core.errors import DomainError

KEPT, KEPT_S, MOST = "galaxy_consents", 600, 5
AGAIN = "Open the connection and begin again."


class ReturnRefused(DomainError):
    """Somebody came back from a consent screen and is not connected; ``code`` says why."""

    status = 400
    next_step = AGAIN

    def __init__(self, code: str, sentence: str, next_step: str = AGAIN):
        super().__init__(sentence, next_step)
        self.code = code  # type: ignore[misc]  # the class says what is common, the instance what happened


@dataclass(frozen=True)
class Consent:
    """One way to a consent screen: for which connection, with which address to come back to, asking for what.

    ``digest`` is the version that sent people there; only its own token endpoint gets the code.
    """

    connection: str
    installation: str
    digest: str
    user: str
    redirect_uri: str
    issuer: str
    host: str
    scopes: list[str]
    sealed: dict[str, str] = field(repr=False)


def new_state() -> str:
    return secrets.token_urlsafe(32)


def remember(session: Any, state: str, consent: Consent) -> None:
    """Keep it under ``state``; the oldest go, so that a session does not grow."""
    kept = dict(sorted(session.get(KEPT, {}).items(), key=lambda pair: pair[1]["at"])[-(MOST - 1) :])
    session[KEPT] = kept | {_hash(state): asdict(consent) | {"at": int(time.time())}}


def recall(session: Any, query: dict[str, str], *, installation: UUID, user: UUID) -> Consent:
    """What was kept under the state of an answer, taken out of the session whatever comes of it.

    Raises ReturnRefused for an answer that was not asked for here, now, of this provider and by this person.
    """
    state = query.get("state", "")
    kept = session.get(KEPT, {})
    found = kept.pop(_hash(state), None) if state else None
    if found is not None:
        session[KEPT] = kept
    if not state:
        raise ReturnRefused("no_state", "This answer does not say which question it belongs to.")
    if found is None:
        sentence = "This was not begun in this browser and session, or it was finished already."
        next_step = "If you signed in to Galaxy elsewhere meanwhile, open the connection here and begin again."
        raise ReturnRefused("unknown_state", sentence, next_step)
    began = found.pop("at")
    consent = Consent(**found)
    if time.time() - began > KEPT_S:
        raise ReturnRefused("expired_state", "More than ten minutes went by, so this way back is closed.")
    if consent.user != str(user):
        raise ReturnRefused("other_person", "Somebody else began this in the same browser.")
    if consent.installation != str(installation) or (query.get("iss") and consent.issuer not in ("", query["iss"])):
        sentence = "The answer does not come from the provider that was asked, so nothing was done with it."
        next_step = "Begin again. If it happens twice, tell whoever runs Galaxy: somebody may be mixing answers up."
        raise ReturnRefused("other_provider", sentence, next_step)
    return consent


def require_version(consent: Consent, digest: str) -> None:
    """Raises ReturnRefused where the installation was moved to another version meanwhile."""
    if consent.digest != digest:
        raise ReturnRefused("other_version", "The extension was moved to another version meanwhile.")


def code_of(query: dict[str, str], provider: str) -> str:
    """The code in an answer. Raises ReturnRefused where the provider, or the person there, said no."""
    error = query.get("error", "")
    if error == "access_denied":
        sentence = f"{provider} was told not to connect, so nothing has changed."
        raise ReturnRefused(
            "access_denied", sentence, "Begin again when you want to allow it, or ask an administrator."
        )
    if error in ("invalid_scope", "unauthorized_client", "redirect_uri_mismatch", "invalid_request"):
        sentence = f"{provider} does not accept what was asked: {error}."
        next_step = "Compare the app's redirect URI and scopes at the provider with those shown here."
        raise ReturnRefused("app_refused", sentence, next_step)
    if error or not query.get("code"):
        raise ReturnRefused("provider_error", f"{provider} could not finish it.", "Begin again in a few minutes.")
    return query["code"]


def _hash(state: str) -> str:
    return hashlib.sha256(state.encode()).hexdigest()
