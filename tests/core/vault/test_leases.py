"""Leases: once, for a minute at most, one event for each use, and only in the process that has a root key."""

import copy
import json
import pickle
import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from galaxy.core.audit import Actor
from galaxy.core.models import AuditDetail, AuditEvent, SecretLease
from galaxy.core.scope import workspace_scope
from galaxy.core.vault.errors import LeaseRefused
from galaxy.core.vault.services import create_secret, lease, open_lease, stage_version
from galaxy.core.vault.services.leases import terms_of
from tests.core.vault.conftest import CANARY, HOSTS, PLACES

WHAT = {"run_id": "run-1", "purpose": "Create a task", "extension": "crm 1.2.0", "action": "crm.create_task"}


def test_a_lease_opens_once_and_says_who_used_it_for_what(api_key, admin):
    chain = Actor.of(admin).through("version", "d1", "crm 1.2.0").through("call", "run-1", "crm.create_task")
    token = lease(api_key, **WHAT, actor=chain)
    assert terms_of(token) == ("crm-key", ("api.example.com",), ("header",), api_key.workspace_id, "run-1")
    found = open_lease(token, host="api.example.com", use="http")
    assert (found.value, found.name, found.version, found.hosts) == (CANARY, "crm-key", 1, ("api.example.com",))
    with pytest.raises(LeaseRefused, match="used already"):
        open_lease(token)
    with pytest.raises(LeaseRefused, match="used already"):
        terms_of(token)
    event = AuditEvent.objects.get(action="secret.used")
    fields = AuditDetail.objects.get(event_id=event.pk).fields
    assert (event.actor_id, event.target_id) == (str(admin.pk), str(api_key.pk))
    assert fields["actor.chain"] == chain.as_list()
    assert {name[5:]: value for name, value in fields.items() if name.startswith("data.")} == {
        "version": 1,
        "extension": "crm 1.2.0",
        "called": "crm.create_task",
        "run": "run-1",
        "purpose": "Create a task",
        "host": "api.example.com",
        "use": "http",
    }
    assert SecretLease.objects.get().version.number == 1


@pytest.mark.asvs("11.7.2")
def test_an_old_lease_opens_nothing(api_key):
    token = lease(api_key, **WHAT, lasts=timedelta(0))
    for look in (open_lease, terms_of):
        with pytest.raises(LeaseRefused, match="is over"):
            look(token)
    assert SecretLease.objects.get().consumed_at is None


def test_a_lease_lasts_a_minute_at_most(api_key):
    lease(api_key, **WHAT, lasts=timedelta(hours=1))
    found = SecretLease.objects.get()
    assert found.expires_at - found.issued_at == timedelta(seconds=60)
    with pytest.raises(IntegrityError), transaction.atomic():
        SecretLease.objects.create(
            workspace=api_key.workspace,
            secret=api_key,
            digest="d",
            chain=[],
            expires_at=timezone.now() + timedelta(hours=1),
        )


@pytest.mark.parametrize("token", ["", "x", "0" * 32, f"{'0' * 32}.made-up", "\0", "é" * 40])
def test_a_made_up_lease_is_not_known(vault, workspace, token):
    with pytest.raises(LeaseRefused, match="not known"):
        open_lease(token)


def test_a_lease_is_kept_as_a_hash_and_names_only_its_own_workspace(api_key, other_workspace):
    token = lease(api_key, **WHAT)
    assert token not in json.dumps(list(SecretLease.objects.values()), default=str)
    moved = f"{other_workspace.pk.hex}.{token.partition('.')[2]}"
    with pytest.raises(LeaseRefused, match="not known"):
        open_lease(moved)
    with workspace_scope():  # sandboxd has no scope of its own: the lease opens the one it names
        assert open_lease(token).value == CANARY


def test_a_staged_value_is_leased_by_name_and_does_not_replace_the_current_one(api_key, admin):
    staged = stage_version(api_key, value="next value", hosts=HOSTS, places=PLACES, actor=admin)
    assert open_lease(lease(api_key, **WHAT, version=staged)).value == "next value"
    assert open_lease(lease(api_key, **WHAT)).value == CANARY


@pytest.mark.asvs("11.7.2")
def test_an_open_secret_neither_shows_itself_nor_travels(api_key):
    found = open_lease(lease(api_key, **WHAT))
    assert repr(found) == str(found) == "OpenSecret(crm-key v1)"
    for send in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError):
            send(found)


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_of_many_who_try_at_once_one_gets_it(vault, cast):
    meridian = cast["meridian"]
    with workspace_scope([meridian.pk]):
        secret = create_secret(
            meridian, name="k", purpose="p", value=CANARY, hosts=HOSTS, places=PLACES, actor=cast["admin"]
        )
        token = lease(secret, **WHAT)
    found, start = [], threading.Barrier(8)

    def attempt():
        start.wait()
        try:
            found.append(open_lease(token).value)
        except LeaseRefused:
            found.append(None)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found, key=str) == [None] * 7 + [CANARY]
    with workspace_scope([meridian.pk]):
        assert AuditEvent.objects.filter(action="secret.used").count() == 1
