"""Passwords: what is refused, what may be, and that they count as they were typed."""

import gzip
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import password_validation
from django.contrib.auth.hashers import get_hasher, make_password
from django.core.exceptions import ValidationError
from django.test import Client

from galaxy.core.models import User
from galaxy.core.passwords import PLACE_WORDS, words_around
from tests.factories import PASSWORD

CHANGE = "/account/password/change/"
GOOD = "tropical-lantern-84"


def refused(password: str, user: User | None = None) -> set[str]:
    try:
        password_validation.validate_password(password, user)
    except ValidationError as error:
        return {one.code for one in error.error_list}
    return set()


def leaked() -> list[str]:
    path = Path(password_validation.__file__).parent / "common-passwords.txt.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return lines.read().split()


@pytest.mark.asvs("6.2.1")
def test_short_ones_are_refused():
    assert "password_too_short" in refused("x9-Qu!z77ab")
    assert refused(GOOD) == set()


@pytest.mark.asvs("6.2.12")
def test_leaked_ones_are_refused():
    assert len(leaked()) > 19_000
    assert [word for word in leaked() if len(word) >= 12 and not refused(word)] == []


@pytest.mark.asvs("6.2.4")
def test_what_people_make_of_the_commonest_is_refused():
    """Of lists of leaked passwords few have twelve signs; those that do are mostly made of shorter ones."""
    words = leaked()[:100]
    padded = [f"{word}{'123456789012'[: max(0, 12 - len(word))]}" for word in words]
    doubled = [(word * 12)[: max(12, 2 * len(word))] for word in words]
    shouted = [f"{word.capitalize()}2026!!!!!!!"[: max(12, len(word) + 5)] for word in words]
    assert [word for word in [*padded, *doubled, *shouted] if not refused(word)] == []


@pytest.mark.asvs("6.2.11")
@pytest.mark.parametrize("word", PLACE_WORDS)
def test_words_of_this_place_are_refused(word):
    assert "place_words" in refused(f"{word}{word}2026!!")
    assert "place_words" in refused(f"{word.upper()}-{PLACE_WORDS[0]}-77")


@pytest.mark.asvs("6.2.11")
def test_so_are_the_names_of_ones_workspaces_and_ones_own(workspace, member):
    assert {"meridian", *member.email.split("@")[0].split("-")} & set(words_around(member))
    assert "place_words" in refused("Meridian-admin-1", member)
    assert "place_words" not in refused("Tidewater-admin-1-harbour", member)
    assert refused(f"{GOOD}-meridian", member) == set(), "a word of this place within a good one does no harm"


@pytest.mark.asvs("6.2.5", "6.2.9")
@pytest.mark.parametrize(
    "password",
    [
        "only small letters stand here",
        "ONLY CAPITALS ARE HERE AS WELL",
        "κωδικός με ελληνικά",
        "🦒🪁🫖🧦🪐🦑🪵🧭🦚🪡🫙🪬",
        "of all that one might say of a lantern in a harbour, the least is that it is lit at dusk by somebody old",
    ],
)
def test_any_signs_and_any_length_will_do(password):
    assert refused(password) == set()


@pytest.mark.asvs("6.2.2", "6.2.3")
def test_it_is_changed_by_whoever_knows_the_old_one(member, settings):
    settings.ACCOUNT_RATE_LIMITS = False
    client = Client()
    client.post("/account/login/", {"login": member.email, "password": PASSWORD})
    new = {"password1": GOOD, "password2": GOOD}
    assert client.post(CHANGE, new).status_code == 200
    assert client.post(CHANGE, new | {"oldpassword": "made up"}).status_code == 200
    member.refresh_from_db()
    assert member.check_password(PASSWORD)
    assert client.post(CHANGE, new | {"oldpassword": PASSWORD}).status_code == 302
    member.refresh_from_db()
    assert member.check_password(GOOD)


@pytest.mark.asvs("6.2.4", "6.2.11")
def test_a_refused_one_is_told_beside_its_field_and_changes_nothing(member, settings):
    settings.ACCOUNT_RATE_LIMITS = False
    client = Client()
    client.post("/account/login/", {"login": member.email, "password": PASSWORD})
    answer = client.post(
        CHANGE, {"oldpassword": PASSWORD, "password1": "galaxy-admin-1", "password2": "galaxy-admin-1"}
    )
    assert answer.status_code == 200 and "made of words that anybody here would try" in answer.text
    member.refresh_from_db()
    assert member.check_password(PASSWORD)


@pytest.mark.asvs("6.2.8", "6.2.9")
def test_it_counts_as_it_was_typed_to_its_last_sign(member, settings):
    settings.ACCOUNT_RATE_LIMITS = False
    long = "Lantern-tropical " * 7 + "end"
    member.set_password(long)
    member.save()
    for wrong in (long.lower(), long[:-1], long[:72], f"{long} ", long.replace(" ", "")):
        answer = Client().post("/account/login/", {"login": member.email, "password": wrong})
        assert answer.status_code == 200, wrong
    assert Client().post("/account/login/", {"login": member.email, "password": long}).status_code == 302


@pytest.mark.asvs("6.2.10")
def test_it_does_not_end_by_itself(member, settings):
    settings.ACCOUNT_RATE_LIMITS = False
    User.objects.filter(pk=member.pk).update(last_login="2016-01-01T00:00:00Z")
    assert Client().post("/account/login/", {"login": member.email, "password": PASSWORD}).status_code == 302
    assert not any("expire" in name.lower() for name in dir(django_settings) if "PASSWORD" in name)


@pytest.mark.asvs("11.4.2")
def test_it_is_stored_by_a_slow_hash(settings):
    from django.conf import global_settings

    settings.PASSWORD_HASHERS = global_settings.PASSWORD_HASHERS  # tests have a quick one
    hasher = get_hasher()
    assert (hasher.algorithm, hasher.iterations >= 600_000) == ("pbkdf2_sha256", True)
    assert len(make_password(GOOD).split("$")[2]) >= 22, "a salt of 128 bits"


def test_nothing_else_stands_in_for_the_hashers_of_django():
    assert "PASSWORD_HASHERS" not in Path("galaxy/settings.py").read_text(encoding="utf-8")
