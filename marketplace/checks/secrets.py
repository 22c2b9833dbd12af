"""Credentials in texts: by the forms that issuers document, and by chance-made values behind telling words.

detect-secrets was tried and left: its plugins know fewer of the issuers that connectors are written for, and bring
along a client for the network to ask whether a token is valid. Here nothing is ever asked, and no value is repeated.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from marketplace.checks.notes import note
from registry.manifests import Finding

MOST = 20  # told of one text
LEAST_ENTROPY = 3.0  # bits a sign, of what follows an issuer's prefix; a word that stands for a value has less
CHANCE_ENTROPY = 3.6  # of a value that only the word before it makes suspect


@dataclass(frozen=True)
class Form:
    """``hint`` is a plain text that each such credential holds, so that a long text without it is passed quickly."""

    issuer: str
    hint: str
    pattern: re.Pattern[str]


def _form(issuer: str, hint: str, pattern: str) -> Form:
    return Form(issuer, hint, re.compile(rf"(?<![A-Za-z0-9_])(?:{pattern})(?![A-Za-z0-9_])"))


# The forms as the issuers document them (their pages on tokens and on secret scanning).
FORMS = (
    _form("AWS access key", "A", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"),
    _form("GitHub token", "gh", r"gh[pousr]_[A-Za-z0-9]{36,251}"),
    _form("GitHub token", "github_pat_", r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _form("GitLab token", "glpat-", r"glpat-[A-Za-z0-9_-]{20,}"),
    _form("Slack token", "xox", r"xox[abeoprs]-[A-Za-z0-9-]{20,}"),
    _form("Slack token", "xapp-", r"xapp-\d-[A-Za-z0-9-]{20,}"),
    _form("Slack webhook", "hooks.slack.com", r"https://hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/]{30,}"),
    _form("Stripe key", "k_live_", r"[sr]k_live_[A-Za-z0-9]{20,}"),
    _form("Stripe key", "k_test_", r"[sr]k_test_[A-Za-z0-9]{20,}"),
    _form("Stripe webhook secret", "whsec_", r"whsec_[A-Za-z0-9+/=]{24,}"),
    _form("Google API key", "AIza", r"AIza[A-Za-z0-9_-]{35}"),
    _form("Google access token", "ya29.", r"ya29\.[A-Za-z0-9_-]{20,}"),
    _form("Google client secret", "GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{28}"),
    _form("HubSpot token", "pat-", r"pat-[a-z]{2}\d-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    _form("Notion token", "secret_", r"secret_[A-Za-z0-9]{43}"),
    _form("Notion token", "ntn_", r"ntn_[A-Za-z0-9]{40,}"),
    _form("Salesforce session", "00D", r"00D[A-Za-z0-9]{12,15}![A-Za-z0-9._]{60,}"),
    _form("OpenAI key", "sk-", r"sk-(?:proj-|svcacct-|admin-)?[A-Za-z0-9_-]{40,}"),
    _form("Anthropic key", "sk-ant-", r"sk-ant-[A-Za-z0-9_-]{30,}"),
    _form("Hugging Face token", "hf_", r"hf_[A-Za-z]{34}"),
    _form("SendGrid key", "SG.", r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{30,64}"),
    _form("Mailgun key", "key-", r"key-[0-9a-f]{32}"),
    _form("Mailchimp key", "-us", r"[0-9a-f]{32}-us\d{1,2}"),
    _form("Twilio key", "SK", r"SK[0-9a-f]{32}"),
    _form("Shopify token", "shp", r"shp(?:at|ca|pa|ss|ua)_[A-Fa-f0-9]{32}"),
    _form("Airtable token", "pat", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}"),
    _form("Atlassian token", "ATATT3", r"ATATT3[A-Za-z0-9_=-]{60,}"),
    _form("Linear key", "lin_api_", r"lin_api_[A-Za-z0-9]{32,}"),
    _form("Databricks token", "dapi", r"dapi[0-9a-f]{32}"),
    _form("DigitalOcean token", "_v1_", r"do[oprt]_v1_[a-f0-9]{64}"),
    _form("npm token", "npm_", r"npm_[A-Za-z0-9]{36}"),
    _form("Package index token", "pypi-", r"pypi-[A-Za-z0-9_-]{60,}"),
    _form("Docker token", "dckr_pat_", r"dckr_pat_[A-Za-z0-9_-]{27}"),
    _form("Telegram token", ":AA", r"\d{8,10}:AA[A-Za-z0-9_-]{33}"),
    _form("HashiCorp Vault token", "hvs.", r"hvs\.[A-Za-z0-9_-]{60,}"),
    _form("Galaxy token", "gxy_", r"gxy_[A-Za-z0-9_-]{40,}"),
    _form("Azure storage key", "AccountKey=", r"AccountKey=[A-Za-z0-9+/]{86}=="),
    _form("JSON web token", "eyJ", r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{20,}"),
)
_PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_IN_ADDRESS = re.compile(
    r"[a-z][a-z0-9+.-]{1,20}://[^\s/:@'\"{}$<>]{1,80}:(?P<value>[^\s/:@'\"{}$<>]{6,120})@[a-z0-9.-]+"
)
_NAMED = re.compile(
    r"(?i)(?:api[_-]?key|access[_-]?key|secret|token|passw(?:or)?d|passwd|authorization|bearer|credential)"
    r"[a-z_-]{0,12}[\"']?\s*(?::|=|=>|\bis\b)\s*[\"']?(?:bearer\s+|basic\s+)?(?P<value>[A-Za-z0-9+/_.=~-]{16,200})"
)
_STAND_IN = re.compile(
    r"(?i)example|sample|dummy|placeholder|your|change.?me|redacted|xxxx|\.\.\.|secret_?key|test_?token"
)


def findings(text: str, files: Mapping[str, bytes]) -> Iterator[Finding]:
    """What looks like a credential in the manifest's text, fixtures included, and in each file beside it."""
    yield from _in_text(text, "")
    for path, content in sorted(files.items()):
        yield from _in_text(content.decode("utf-8", "replace"), path)


def _in_text(text: str, file: str) -> Iterator[Finding]:
    seen: set[int] = set()
    for number, (code, start, what) in enumerate(sorted(_leaks(text))):
        line = text.count("\n", 0, start) + 1
        if number >= MOST:
            return
        if line in seen and code == "possible-secret":
            continue  # the form told of it
        seen.add(line)
        column = start - (text.rfind("\n", 0, start) + 1) + 1
        yield note(code, what, line=line, column=column, path=file, file=file)


def _leaks(text: str) -> Iterator[tuple[str, int, str]]:
    """Triples of code, offset and sentence, which tells the issuer and never the value."""
    for form in FORMS:
        if form.hint in text:
            for found in form.pattern.finditer(text):
                if not _is_stand_in(found.group()):
                    yield "leaked-secret", found.start(), f"This has the form of a credential: {form.issuer}."
    for found in _PRIVATE_KEY.finditer(text):
        yield "leaked-secret", found.start(), "A private key begins here."
    for found in _IN_ADDRESS.finditer(text):
        if not _STAND_IN.search(found["value"]) and found["value"].lower() not in {"password", "secret"}:
            yield "leaked-secret", found.start(), "An address holds a user and a password."
    for found in _NAMED.finditer(text):
        value = found["value"]
        if _looks_made_by_chance(value):
            yield "possible-secret", found.start("value"), "This value looks made by chance, behind a telling word."


def _is_stand_in(value: str) -> bool:
    return bool(_STAND_IN.search(value)) or _entropy(value) < LEAST_ENTROPY


def _looks_made_by_chance(value: str) -> bool:
    mixed = sum(any(test(sign) for sign in value) for test in (str.isdigit, str.islower, str.isupper))
    return (
        mixed >= 2
        and any(map(str.isdigit, value))
        and not _STAND_IN.search(value)
        and (_entropy(value) >= CHANCE_ENTROPY)
    )


def _entropy(value: str) -> float:
    """Shannon's, in bits a sign."""
    counts = Counter(value).values()
    return -sum(count / len(value) * math.log2(count / len(value)) for count in counts)
