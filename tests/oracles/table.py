"""Which oracle proves which action: the table of docs/oracles.md, made of the data that the tests themselves run on."""

import textwrap
from collections.abc import Iterator
from typing import NamedTuple

from tests.oracles import google, specs, wire
from tests.oracles.clients import CLIENTS
from tests.oracles.official import OFFICIAL, next_page
from tests.oracles.shipped import ACTIONS


class Oracle(NamedTuple):
    """``module`` holds its tests, as tests/oracles/test_MODULE.py; ``proofs`` maps an action to what it is held to."""

    title: str
    modules: tuple[str, ...]
    proofs: dict[str, str]
    about: str


def _clients() -> dict[str, str]:
    found = {}
    for name in ACTIONS:
        if name in OFFICIAL:
            found[name] = CLIENTS[name.partition(".")[0]] + (", two pages" if next_page(name) in OFFICIAL else "")
    return found


ORACLES = (
    Oracle(
        "Vendor's client",
        ("test_clients",),
        _clients(),
        "The vendor's own client is pointed at a stand-in on loopback and asked for the same thing. Method, path, "
        "query, body and the headers that mean something are the same as ours by the rules below, with all inputs "
        "given. The client gets our happy and empty fixtures for an answer and must read them as a success, and each "
        "failure on file as that failure. Clients of Slack, Notion and Salesforce look into little of a success; "
        "HubSpot's has models, which must name every field. Where a client has a way through a list, it goes on by "
        "what we go on by.",
    ),
    Oracle(
        "Discovery document",
        ("test_discovery",),
        google.METHODS,
        "Google's description of Gmail v1 and Drive v3, inside google-api-python-client. Method and address; each "
        "parameter of path and query, its type, its bounds, and that none required is missing; the body by its schema; "
        "that the scopes asked for open the method; happy and empty fixtures by the schema of the reply, closed to "
        "fields that it does not name; that every output comes of such a field; the parameters by which lists go on.",
    ),
    Oracle(
        "Contract data",
        ("test_specs_slack", "test_specs_notion", "test_specs_salesforce"),
        {
            **specs.SLACK,
            **{name: f"{ACTIONS[name].method} {path}" for name, path in specs.NOTION.items()},
            **specs.SALESFORCE,
        },
        "What the vendors publish for others. Slack's OpenAPI document of 2021 and JSON Schemas of the types of "
        "@slack/web-api: what requests name, the scopes that open them, happy, empty and failing fixtures, and our "
        "mapping over the document's own examples. Notion's OpenAPI document and the types of @notionhq/client: "
        "addresses, bodies, failing fixtures, and our mapping over the two replies that the document shows. "
        "Salesforce's collection of requests, which shows no replies: verbs, addresses, and what queries and bodies "
        "name. The data lies beside the checkout, in `../shared/specs`; where it is not there, these tests, and no "
        "others, are skipped and say so.",
    ),
    Oracle(
        "Live run",
        ("test_live",),
        dict.fromkeys(ACTIONS, "one run"),
        "The action runs live: through the gate (with an approval where it needs one), a real sandboxd and the egress "
        "broker, over TLS, to a stand-in that bears the vendor's name. What arrives is what the client would have "
        "sent, with the connection's token; what comes back becomes outputs that the action declares; lists go on over "
        "a second page.",
    ),
)


def proofs_of(name: str) -> dict[str, str]:
    """What an action is held to, by the title of the oracle."""
    return {oracle.title: oracle.proofs[name] for oracle in ORACLES if name in oracle.proofs}


def document() -> str:
    """docs/oracles.md."""
    return "\n".join([*_head(), *_table(), *_failures(), *_sign_in(), *_rules()])


def _head() -> Iterator[str]:
    yield from ["# Oracles", ""]
    yield _paragraph(
        "What the six connectors send and what they take for an answer is compared with things that nobody on this "
        "project wrote. `make oracles` runs the comparison and prints the table below with the outcome of each; the "
        "same tests are part of `make test`. This page is written by `python -m tests.oracles --write` from the data "
        "that the tests run on, and a test holds it in step."
    )
    for oracle in ORACLES:
        tests = ", ".join(f"`tests/oracles/{module}.py`" for module in oracle.modules)
        yield _paragraph(f"**{oracle.title}** ({tests}). {oracle.about}")


def _table() -> Iterator[str]:
    yield from ["## What proves which action", "", f"| action | {' | '.join(oracle.title for oracle in ORACLES)} |"]
    yield f"|---|{'---|' * len(ORACLES)}"
    for name in ACTIONS:
        cells = (f"`{proof}`" if "/" in (proof := oracle.proofs.get(name, "")) else proof for oracle in ORACLES)
        yield f"| `{name}` | {' | '.join(cells)} |"
    yield ""


def _failures() -> Iterator[str]:
    yield from ["## Failures on file", ""]
    yield _paragraph(
        "Failures are written once for each connector, in the form in which its vendor answers. A scenario is named "
        "after the status that most vendors give it; what this one gives stands in brackets where it is another. Each "
        "is read by the vendor's client as that failure, and falls into the category that its reply table says "
        "(`tests/catalog/`)."
    )
    yield from ["| connector | failures |", "|---|---|"]
    for connector in CLIENTS:
        fixtures = next(spec.fixtures for name, spec in ACTIONS.items() if name.startswith(f"{connector}."))
        failures = (
            name if str(part["status"]) == name else f"{name} ({part['status']})"
            for name, part in sorted(fixtures.items())
            if name not in ("happy", "empty", "slow")
        )
        yield f"| {connector} | {', '.join(failures)} |"
    yield ""


def _sign_in() -> Iterator[str]:
    yield from ["## Signing in", ""]
    yield _paragraph(
        "`tests/oracles/test_sign_in.py` compares the requests for tokens: with slack-sdk and notion-client (code, "
        "refresh, revocation, with the proof of client or token), with hubspot-api-client (which still calls "
        "the older address), with google-auth (refresh) and, where it lies beside the checkout, with Salesforce's "
        "collection (addresses). Consent screens and token endpoints stand where the same packages, or else "
        "django-allauth, have them."
    )


def _rules() -> Iterator[str]:
    rules = (wire.__doc__ or "").partition("\n\n")[2].strip()
    yield from ["## When two requests are the same", "", rules.replace("``", "`"), ""]


def _paragraph(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False) + "\n"
