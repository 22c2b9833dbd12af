"""Second factors at rest: sealed, opened only with their key, and what older versions stored is sealed on migrating."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

from galaxy.core.vault.accounts import PREFIX, MFAAdapter, seal_stored_factors
from galaxy.core.vault.errors import CannotOpen

SEED = "JBSWY3DPEHPK3PXP"


@pytest.fixture
def factors(member):
    """The secret of the app and the recovery codes of a member, as allauth stores them."""
    secret = generate_totp_secret()
    TOTP.activate(member, secret)
    return secret, older_codes(member)


def older_codes(user) -> list[str]:
    """As Galaxy had them before it kept hashes alone: worked out by allauth from a seed."""
    data = {"seed": MFAAdapter().encrypt(RecoveryCodes.generate_seed()), "used_mask": 0}
    row = Authenticator.objects.create(user=user, type=Authenticator.Type.RECOVERY_CODES, data=data)
    return row.wrap().get_unused_codes()


def stored(user) -> str:
    return " ".join(str(row.data) for row in Authenticator.objects.filter(user=user))


@pytest.mark.asvs("13.3.1")
def test_neither_the_seed_nor_a_code_lies_in_the_clear(member, factors):
    secret, codes = factors
    assert secret not in stored(member)
    assert not any(code in stored(member) for code in codes)
    app = Authenticator.objects.get(user=member, type="totp")
    assert MFAAdapter().decrypt(app.data["secret"]) == secret
    codes_again = Authenticator.objects.get(user=member, type="recovery_codes").wrap().get_unused_codes()
    assert codes_again == codes


def test_the_same_seed_is_sealed_differently_each_time():
    assert MFAAdapter().encrypt(SEED) != MFAAdapter().encrypt(SEED)


@pytest.mark.parametrize("text", [SEED, "", PREFIX, f"{PREFIX}AAAA", f"{PREFIX}%%%", f"{PREFIX}{'A' * 80}"])
def test_what_was_not_sealed_is_no_factor(text):
    """So that whoever can write rows cannot give somebody an app of their own."""
    with pytest.raises(CannotOpen):
        MFAAdapter().decrypt(text)


def test_a_changed_text_does_not_open():
    sealed = MFAAdapter().encrypt(SEED)
    for place in (len(PREFIX) + 20, len(sealed) - 6):
        other = "A" if sealed[place] != "A" else "B"
        with pytest.raises(CannotOpen):
            MFAAdapter().decrypt(sealed[:place] + other + sealed[place + 1 :])


def test_a_key_of_its_own_seals_from_then_on_and_older_ones_still_open(settings):
    with_secret_key = MFAAdapter().encrypt(SEED)
    settings.GALAXY_ACCOUNTS_KEY = "a key of its own"
    with_own_key = MFAAdapter().encrypt(SEED)
    assert MFAAdapter().decrypt(with_secret_key) == MFAAdapter().decrypt(with_own_key) == SEED
    old, settings.SECRET_KEY = settings.SECRET_KEY, "another"
    with pytest.raises(CannotOpen, match="not set any more"):
        MFAAdapter().decrypt(with_secret_key)
    settings.SECRET_KEY_FALLBACKS = [old]
    assert MFAAdapter().decrypt(with_secret_key) == SEED
    settings.GALAXY_ACCOUNTS_KEY = ""
    with pytest.raises(CannotOpen, match="not set any more"):
        MFAAdapter().decrypt(with_own_key)


def test_migrating_seals_what_lay_in_the_clear_and_moves_to_a_new_key(member, factors, settings):
    secret, codes = factors
    adapter = MFAAdapter()
    for row in Authenticator.objects.filter(user=member):
        name = {"totp": "secret", "recovery_codes": "seed"}[row.type]
        row.data[name] = adapter.decrypt(row.data[name])
        Authenticator.objects.filter(pk=row.pk).update(data=row.data)
    assert secret in stored(member)
    assert seal_stored_factors("default") == 2
    assert secret not in stored(member)
    assert seal_stored_factors("default") == 0
    settings.GALAXY_ACCOUNTS_KEY = "a key of its own"
    assert seal_stored_factors("default") == 2
    settings.SECRET_KEY = "another"
    row = Authenticator.objects.get(user=member, type="recovery_codes")
    assert row.wrap().get_unused_codes() == codes


def test_a_factor_that_does_not_open_keeps_nobody_from_migrating(member, factors, settings, caplog):
    _, codes = factors
    app = Authenticator.objects.get(user=member, type="totp")
    for broken in (f"{PREFIX}A", f"{PREFIX}AAAA", MFAAdapter().encrypt(SEED)[:-6] + "AAAAA="):
        Authenticator.objects.filter(pk=app.pk).update(data={"secret": broken})
        settings.GALAXY_ACCOUNTS_KEY += "a key of its own"
        assert seal_stored_factors("default") == 1
        app.refresh_from_db()
        assert app.data == {"secret": broken}
        assert "second factor does not open" in caplog.text and broken not in caplog.text
        caplog.clear()
        settings.SECRET_KEY_FALLBACKS = [settings.GALAXY_ACCOUNTS_KEY, *settings.SECRET_KEY_FALLBACKS]
    row = Authenticator.objects.get(user=member, type="recovery_codes")
    assert row.wrap().get_unused_codes() == codes
