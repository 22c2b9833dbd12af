"""Recovery codes: long, random, kept as hashes, shown once; and those of an older Galaxy, which go on opening."""

import hashlib
import json
import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.core.cache import cache
from django.urls import reverse

from galaxy.core.recovery_codes import ALPHABET, HASHES, KEPT_S, SIGNS, _place
from tests.core.test_second_factor import RECOVERY_CODE, set_up, sign_in
from tests.core.vault.test_accounts import older_codes

SHOWN, FILE = reverse("mfa_view_recovery_codes"), reverse("mfa_download_recovery_codes")


@pytest.fixture(autouse=True)
def unhurried(settings):
    settings.ACCOUNT_RATE_LIMITS = False


def row_of(user) -> Authenticator:
    return Authenticator.objects.get(user=user, type=Authenticator.Type.RECOVERY_CODES)


@pytest.mark.asvs("6.5.2", "6.5.4")
def test_a_hash_is_all_that_is_kept_of_a_code_that_is_too_long_to_try(member):
    """112 bits make a plain hash enough."""
    codes = RecoveryCodes.activate(member).get_unused_codes()
    assert SIGNS * (len(ALPHABET).bit_length() - 1) >= 112
    signs = [code.replace("-", "") for code in codes]
    assert len(set(codes)) == 10 and {len(one) for one in signs} == {SIGNS}
    assert len({sign for one in signs for sign in one}) > 25, "240 signs of 32"
    data = row_of(member).data
    assert data[HASHES] == [hashlib.sha256(one.encode()).hexdigest() for one in signs]
    assert set(data) == {HASHES, "viewed_at"}
    kept = json.dumps(data) + cache.get(_place(row_of(member)))
    assert not any(part in kept for part in (*codes, *signs))


def test_it_is_taken_however_it_was_typed_off_a_sheet_and_once(member):
    row = RecoveryCodes.activate(member).instance
    codes = row.wrap().get_unused_codes()
    typed = (
        codes[0],
        codes[1].upper(),
        codes[2].replace("-", ""),
        f" {codes[3].replace('-', ' ')} ",
        codes[4].replace("0", "O").replace("1", "l"),
    )
    assert [row.wrap().validate_code(one) for one in typed] == [True] * 5
    assert [row.wrap().validate_code(one) for one in typed] == [False] * 5
    assert [row.wrap().validate_code(one) for one in ("", "000000", codes[5][:-1], f"{codes[5]}0")] == [False] * 4
    assert row_of(member).wrap().get_unused_codes() == codes[5:]


def test_they_are_shown_and_downloaded_for_ten_minutes_and_never_again(member):
    client = sign_in(member)
    set_up(client)
    codes = re.findall(RECOVERY_CODE, client.get(SHOWN).text)
    assert len(codes) == 10 and client.get(FILE).text.split() == codes
    assert KEPT_S == 600 and "for ten minutes" in client.get(SHOWN).text
    cache.delete(_place(row_of(member)))
    later = client.get(SHOWN).text
    assert "10 of 10 are left" in later and "shown when they were made" in later
    assert not re.search(RECOVERY_CODE, later)
    assert client.get(FILE).status_code == 404
    assert row_of(member).wrap().validate_code(codes[0]), "they open all the same"
    assert "The 9 you have now stop working" in client.get(reverse("mfa_generate_recovery_codes")).text
    assert client.post(reverse("mfa_generate_recovery_codes")).status_code == 302
    others = re.findall(RECOVERY_CODE, client.get(SHOWN).text)
    assert len(others) == 10 and not set(others) & set(codes)
    assert not row_of(member).wrap().validate_code(codes[1])


def test_codes_of_an_older_galaxy_open_until_new_ones_are_made(member):
    client = sign_in(member)
    set_up(client)
    row_of(member).delete()
    codes = older_codes(member)
    assert {len(code) for code in codes} == {8}
    assert [row_of(member).wrap().validate_code(code) for code in (codes[0], codes[0], "00000000")] == [
        True,
        False,
        False,
    ]
    assert codes[1] in client.get(SHOWN).text and client.get(FILE).text.split() == codes[1:]
    client.post(reverse("mfa_generate_recovery_codes"))
    assert set(row_of(member).data) == {HASHES, "viewed_at"}
    assert not row_of(member).wrap().validate_code(codes[1])
