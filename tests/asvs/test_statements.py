"""What ``docs/security.md`` says is so: each number in it is read from the code here."""

import re

import pytest
from allauth.account import app_settings as account
from allauth.mfa import app_settings as mfa
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher

from galaxy.core.agents import ENDING
from galaxy.core.audit.exporting import MOST_AT_ONCE
from galaxy.core.passwords import FEWEST_GUESSES, PLACE_WORDS
from galaxy.core.sso.fetching import MOST_S
from marketplace.bundles import layout
from marketplace.bundles.importing import MOST_WAITING
from registry.openapi import text as documents
from tests.asvs.marks import ROOT

TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def chapter(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, title
    return " ".join(found[1].split())


def rates(name: str) -> list[str]:
    return [rate.partition("/")[0] + "/" + rate.split("/")[1] for rate in account.RATE_LIMITS[name].split(",")]


@pytest.mark.asvs("2.1.1", "2.1.2")
def test_input():
    said = chapter("Input")
    for kind in ("forms", "API", "manifests", "inputs and outputs", "webhooks", "rules", "addresses"):
        assert f"| {kind}" in said
    assert "Fields against each other" in said


@pytest.mark.asvs("5.1.1")
def test_files():
    said = chapter("Files")
    sizes = sorted(limit // 1_048_576 for _, limit in settings.GALAXY_LARGER_BODIES)
    assert sizes == [9, 9, 12] and "12 MB in base64" in said  # of requests, with what is around a file
    assert layout.MAX_BYTES == documents.MAX_BYTES == 8 * 1024 * 1024 and said.count("| 8 MB") == 2
    assert layout.MAX_UNPACKED_BYTES == 24 * 1024 * 1024 and "24 MB in all" in said
    assert MOST_WAITING == 10 and "ten wait in a workspace" in said and "a ZIP of the entries" in said
    assert settings.GALAXY_MAX_BODY_BYTES == 1_048_576 and "1 MB a request" in said


@pytest.mark.asvs("2.1.3", "6.1.1", "15.1.3")
def test_limits():
    said = chapter("Limits")
    assert settings.REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"]["api"] in said
    assert f"signing in, each address | {rates('login')[0]}" in said
    assert f"{rates('login_failed')[0]} for an address, 5 in 300 s for an account" in said
    assert account.RATE_LIMITS["login_failed"] == "10/m/ip,5/300s/key"
    assert [f"{rate} for an" in said for rate in rates("reset_password")] == [True, True]
    assert f"{rates('reauthenticate')[0]} for a person" in said
    assert f"{settings.GALAXY_HOOK_SOURCE_RATE} a minute" in said
    assert MOST_AT_ONCE == 3 and "three at once" in said
    assert settings.UPGRADE_REPLAYS == 20 and "20 calls of each action" in said
    roles = (ROOT / "galaxy" / "embedded" / "roles.sql").read_text(encoding="utf-8")
    for name, seconds in (("statement_timeout", 30), ("lock_timeout", 5), ("idle_in_transaction_session_timeout", 60)):
        assert f"galaxy_app SET {name} = '{seconds}s'" in roles and f"after {seconds} s" in said


@pytest.mark.asvs("6.1.3", "6.1.2", "6.3.4")
def test_ways_to_sign_in():
    said = chapter("Ways to sign in")
    for way in ("password", "passkey", "OpenID Connect or SAML", "token of the API"):
        assert f"| {way}" in said
    assert "allauth.account.auth_backends.AuthenticationBackend" in settings.AUTHENTICATION_BACKENDS
    assert set(settings.AUTHENTICATION_BACKENDS) - {"allauth.account.auth_backends.AuthenticationBackend"} == {
        "guardian.backends.ObjectPermissionBackend"  # which signs nobody in
    }
    assert {"email"} == settings.ACCOUNT_LOGIN_METHODS and not account.LOGIN_BY_CODE_ENABLED
    assert set(settings.MFA_SUPPORTED_TYPES) == {"totp", "recovery_codes", "webauthn"} and mfa.PASSKEY_LOGIN_ENABLED
    assert [word for word in PLACE_WORDS if f"`{word}`" not in said] == []
    assert FEWEST_GUESSES == 10**10 and "ten thousand million tries" in said
    assert settings.PASSWORD_RESET_TIMEOUT == 3600 and "for one hour" in said


@pytest.mark.asvs("6.3.6")
def test_mail_is_no_factor():
    assert "Mail is no factor" in chapter("Ways to sign in")
    assert not account.LOGIN_BY_CODE_ENABLED and not account.EMAIL_VERIFICATION_BY_CODE_ENABLED
    assert not getattr(settings, "ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED", False)
    assert not getattr(settings, "ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION", False)


@pytest.mark.asvs("7.1.1", "7.1.2", "7.1.3", "7.6.1")
def test_sessions():
    said = chapter("Sessions")
    assert f"Idle for {12} hours" in said and "after 7 days" in said
    assert settings.SESSION_COOKIE_AGE == 7 * 24 * 3600
    assert f"last {'ten' if settings.ACCOUNT_REAUTHENTICATION_TIMEOUT == 600 else '?'} minutes" in said
    assert "NIST SP 800-63B-4" in said and "any number of sessions" in said and "not when the provider's does" in said


@pytest.mark.asvs("8.1.1", "8.1.2", "8.1.3", "8.1.4")
def test_rights():
    said = chapter("Rights")
    assert "make matrix" in said and "By field:" in said and "Circumstances that count" in said
    assert "Neither device nor place changes a decision" in said


@pytest.mark.asvs("11.1.1", "11.1.2", "11.1.4", "13.1.4")
def test_keys_and_algorithms():
    said = chapter("Keys and algorithms")
    assert f"{PBKDF2PasswordHasher.iterations:,} rounds" in said
    for key in ("GALAXY_KMS", "GALAXY_SIGNING_KEYS", "GALAXY_MARKETPLACE_KEYS", "SECRET_KEY", "GALAXY_ACCOUNTS_KEY"):
        assert hasattr(settings, key), key
    for named in ("vault root", "trail's signing key", "marketplace's signing key", "`SECRET_KEY`", "hook keys"):
        assert f"| {named}" in said
    rows = re.findall(r"^\| (?!Key|---).*\|$", re.search(r"## Keys.*?(?=^TLS)", TEXT, re.S | re.M)[0], re.MULTILINE)  # type: ignore[index]
    assert len(rows) > 10 and all(row.count("|") == 6 for row in rows)
    assert "ML-DSA" in said and "NIST SP 800-57" in said


@pytest.mark.asvs("13.1.1", "13.1.2", "13.1.3")
def test_connections():
    said = chapter("Connections")
    others = ("PostgreSQL", "Valkey", "sandboxd", "the company's provider", "other systems", "AWS KMS", "mail server")
    for other in (*others, "OTLP", "the assistant's model", "DNS"):
        assert f"| {other}" in said
    assert MOST_S == 15 and "15 s in all" in said
    assert settings.EMAIL_TIMEOUT == 10 and "8 a process (`DATABASE_POOL`), then 10 s" in said


@pytest.mark.asvs("14.1.1", "14.1.2")
def test_data():
    said = chapter("Data")
    assert [sort for sort in ("secret", "personal", "of a workspace", "public") if f"| {sort} |" not in said] == []


@pytest.mark.asvs("16.1.1")
def test_logs():
    said = chapter("Logs")
    kept = (settings.SPANS_KEPT_DAYS, settings.METRICS_HOURS_KEPT_DAYS, settings.METRICS_KEPT_DAYS)
    assert "{}, {} and {} days".format(*kept) in said
    assert "Logs go nowhere else" in said


@pytest.mark.asvs("15.1.1", "15.1.4", "15.1.5")
def test_libraries():
    said = chapter("Libraries")
    assert "within 2 days where it is critical, 7 where it is high, 30 otherwise" in said
    lock = (ROOT / "requirements" / "base.txt").read_text(encoding="utf-8").lower()
    risky = said.partition("Risky ones")[2].partition("Dangerous functions")[0]
    assert [name for name in re.findall(r"`([\w-]+)`", risky) if f"{name.lower()}==" not in lock] == []
    places = re.findall(r"`((?:galaxy|sandbox|marketplace)/[\w/]+)`", said)
    assert len(places) > 4 and [place for place in places if not (ROOT / place).is_dir()] == []


@pytest.mark.asvs("3.1.1")
def test_browsers():
    said = chapter("Browsers")
    assert "HSTS" in said and "cannot sign in" in said


def test_ends_are_told_before():
    assert ENDING.days == 3 and "three days before" in chapter("Ways to sign in")


def test_what_it_leads_to_is_there():
    links = re.findall(r"\]\(([\w./-]+\.(?:md|csv))[)#]", TEXT)
    assert len(links) > 20 and [link for link in links if not (ROOT / "docs" / link).resolve().is_file()] == []
