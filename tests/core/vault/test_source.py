"""Leased values as the egress broker asks for them: opened once, for their hosts, with one event a secret and run."""

import pytest

from galaxy.core.egress import Refused
from galaxy.core.models import AuditDetail, AuditEvent, SecretLease
from galaxy.core.vault.services import lease, shred_secret, stage_version, switch_version
from galaxy.core.vault.source import LeasedSecrets
from tests.core.vault.conftest import CANARY

HOST = "api.example.com"


def source(secret) -> LeasedSecrets:
    return LeasedSecrets({"TOKEN": leased_for(secret, "r")}, run_id="r", workspace=secret.workspace_id)


def leased_for(secret, run_id) -> str:
    return lease(secret, run_id=run_id, purpose="p", extension="crm 1.0.0", action="crm.read")


def used() -> int:
    return AuditEvent.objects.filter(action="secret.used").count()


def test_a_secret_is_opened_when_it_is_first_sent_and_written_down_once(api_key):
    leased = source(api_key)
    assert (leased.bound_hosts("TOKEN"), leased.places("TOKEN"), used()) == ((HOST,), ("header",), 0)
    assert [leased.open("TOKEN", host=HOST, purpose="http") for _ in range(3)] == [CANARY] * 3
    assert leased.open("TOKEN", host="", purpose="sign") == CANARY
    assert used() == 1
    fields = AuditDetail.objects.get(event_id=AuditEvent.objects.get(action="secret.used").pk).fields
    assert (fields["data.host"], fields["data.use"], fields["data.called"]) == (HOST, "http", "crm.read")


def test_another_host_is_refused_and_opens_nothing(api_key):
    leased = source(api_key)
    with pytest.raises(Refused, match="may not be sent to evil") as told:
        leased.open("TOKEN", host="evil.example", purpose="http")
    assert (told.value.category, used(), SecretLease.objects.get().consumed_at) == ("policy_block", 0, None)


def test_a_name_that_the_run_was_not_given_is_refused(api_key):
    leased = source(api_key)
    for ask in (leased.bound_hosts, leased.places, lambda name: leased.open(name, host=HOST, purpose="http")):
        with pytest.raises(Refused, match="has no secret OTHER"):
            ask("OTHER")


def test_a_switch_to_other_hosts_between_looking_and_opening_is_seen(api_key, admin):
    leased = source(api_key)
    assert leased.bound_hosts("TOKEN") == (HOST,)
    moved = stage_version(api_key, value="next value", hosts=["new.example.com"], places=["header"], actor=admin)
    switch_version(moved, actor=admin)
    with pytest.raises(Refused, match="may not be sent"):
        leased.open("TOKEN", host=HOST, purpose="http")
    assert leased.bound_hosts("TOKEN") == ("new.example.com",)


def test_what_cannot_be_opened_is_an_auth_error_with_a_sentence(api_key, admin, settings):
    closed, shredded = source(api_key), source(api_key)
    assert closed.places("TOKEN") == ("header",)
    root_key, settings.GALAXY_KMS = settings.GALAXY_KMS, ""
    with pytest.raises(Refused, match="could not be opened: The vault is closed") as told:
        closed.open("TOKEN", host=HOST, purpose="http")
    assert told.value.category == "auth_error"
    settings.GALAXY_KMS = root_key
    shred_secret(api_key, actor=admin)
    for ask in (lambda: shredded.bound_hosts("TOKEN"), lambda: shredded.open("TOKEN", host="", purpose="sign")):
        with pytest.raises(Refused, match="no value that is in use"):
            ask()


def test_a_lease_of_another_run_or_workspace_opens_nothing(api_key, other_workspace):
    token = leased_for(api_key, "r")
    for whose in ({"run_id": "s"}, {"run_id": "r", "workspace": other_workspace.pk}):
        leased = LeasedSecrets({"TOKEN": token}, **whose)
        for purpose, host in (("http", HOST), ("sign", "")):
            with pytest.raises(Refused, match="given for another run"):
                leased.open("TOKEN", host=host, purpose=purpose)
    assert used() == 0 and SecretLease.objects.get().consumed_at is None


def test_it_shows_names_alone(api_key):
    leased = source(api_key)
    leased.open("TOKEN", host=HOST, purpose="http")
    assert repr(leased) == "LeasedSecrets(TOKEN)"
