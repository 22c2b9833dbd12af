"""Which pages the console has, by its routes, who looks at each, and what each may cost."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.browser.journeys import house
from tests.matrix.routes import PEOPLE, table
from tests.matrix.test_matrix import address

BUDGETS = Path(__file__).with_name("budgets.txt")
FIRST_FLIGHT = 14 * 1024  # bytes of HTML, gzipped, that a server sends before it hears back: ten segments (RFC 6928)
# Routes that answer somebody 200, with something that is no page.
NOT_PAGES = {
    "core:health": "for probes",
    "core:readiness": "for probes",
    "core:session-state": "JSON, for session.js",
    "policies:rule-cedar": "text, to copy",
}
# Routes that would show somebody a page where something else is the case, and why nobody sees it here.
NOT_HERE = {
    "core:home": "leads on, to a workspace",
    "core:metrics": "for Prometheus, by a token",
    "core:proof": "shows an act that waits for proof; the end of sessions is tested in test_session_end.py",
    "core:oidc-sign-in": "leads to a provider",
    "core:oidc-callback": "comes from a provider, and leads on",
    "core:saml-sign-in": "leads to a provider",
    "core:saml-acs": "comes from a provider, and leads on",
    "core:saml-finish": "leads on",
    "core:saml-metadata": "XML, for a provider",
    "core:export-file": "a file, to keep",
    "registry:widening": "leads on where nothing more is asked for, and the matrix's connector asks for nothing more",
    "registry:secret-use-create": "a form for connectors that sign in nowhere; test_secrets.py looks at it",
    "sandbox:run-fixture": "a form for runs that were recorded; test_fixture.py looks at it",
    "sandbox:connection-return": "comes from a vendor, and leads on",
    "sandbox:hold-release": "a form for a place that somebody holds; test_resilience.py looks at it",
    "sandbox:app-registration": "a form for vendors that apps sign in at; test_connecting.py goes there",
    "retiring:statement": "a file, to sign",
    "workshop:draft-migration": "a form for drafts of an older format, of which there is none yet",
    "account_confirm_login_code": "nobody signs in by a mailed code",
    "account_set_password": "for people without one; leads on for everybody else",
    "mfa_login_webauthn": "JSON, for passkeys.js",
    "mfa_reauthenticate_webauthn": "for people with a passkey; test_passkeys.py goes there",
    "mfa_remove_webauthn": "for people with a passkey; test_passkeys.py goes there",
    "mfa_edit_webauthn": "for people with a passkey; test_passkeys.py goes there",
    "mfa_download_recovery_codes": "a file, to keep",
}
# Pages whose HTML is larger than a first flight, and why: {route: reason}.
LARGE = {
    "core:patterns": "shows every component in every state, and is for those who build them",
    "policies:rule-create": "everything that a rule can say stands in one form, which works without script",
    "policies:rule-change": "everything that a rule can say stands in one form, which works without script",
    "registry:update-rules": "offers every time zone for its hours, in a list that works without script",
    "registry:update-settings": "offers every time zone for its hours, in a list that works without script",
}


@dataclass(frozen=True)
class Page:
    """A route that somebody is shown a page of; ``person`` is the first of the matrix's who is, or one of the house."""

    route: str
    person: str

    def __str__(self) -> str:
        return self.route

    def path(self, things: dict[str, Any], more: dict[str, Any]) -> str:
        if self.route in house.BEYOND:
            return house.place(self.route, things, more)
        return address(self.route, things, "meridian")


@dataclass(frozen=True)
class Fetched:
    """A route of GET by what the matrix says of it."""

    route: str
    shown_to: tuple[str, ...]
    is_for_forms: bool  # and answers no GET at all


def fetched() -> list[Fetched]:
    """Every route but those of the API, whose answers are no pages."""
    found = []
    for row in table():
        if row.method == "GET" and not row.route.startswith("api:"):
            shown = tuple(person for person in PEOPLE if row.answers[person] == 200)
            found.append(Fetched(row.route, shown, 405 in row.answers.values()))
    return found


def pages() -> list[Page]:
    """Those of one person after the other, so that a browser is handed on seldom."""
    found = [Page(one.route, one.shown_to[0]) for one in fetched() if one.shown_to and one.route not in NOT_PAGES]
    found += [Page(route, person) for route, person in house.BEYOND.items()]
    return sorted(found, key=lambda page: (page.person, page.route))


def budgets() -> dict[str, int]:
    """{route: how many statements its page may ask of the database}, as the table has it."""
    lines = [line.split() for line in BUDGETS.read_text(encoding="utf-8").splitlines()]
    return {line[0]: int(line[1]) for line in lines if line and not line[0].startswith("#")}
