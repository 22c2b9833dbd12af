"""The address of a webhook: what the official library signs is taken, and nothing else."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from sandbox.models import Run, TriggerDelivery, TriggerFiring, TriggerKey
from sandbox.triggers.counting import counted
from sandbox.triggers.firing import tend
from sandbox.triggers.receiving import _from
from sandbox.triggers.services import end_older_secrets, remove_trigger, rotate_secret, switch_off
from tests.sandbox.triggers.sending import ago, another_secret, hmac_of, post, send, signed

pytestmark = pytest.mark.django_db


def figures(trigger) -> dict[str, int]:
    return {name: number for name, number in counted(trigger, datetime(2020, 1, 1, tzinfo=UTC)).items() if number}


def runs(trigger):
    tend(trigger.pk)
    return Run.objects.filter(trigger=trigger, rehearses=None)


def test_what_the_official_library_signs_is_stored_answered_and_starts_one_run(webhook):
    trigger, secret = webhook()
    answer = send(trigger, secret, {"id": "o-7"}, id="msg_1")
    assert (answer.status_code, answer.json()) == (202, {"status": "accepted", "id": "msg_1"})
    delivery = TriggerDelivery.objects.get()
    assert (delivery.event_id, delivery.firing.state) == ("msg_1", "waiting")
    run = runs(trigger).get()
    assert (run.target, run.inputs) == ("probe.create", {"key": "o-7"})
    firing = TriggerFiring.objects.get()
    assert (firing.state, firing.run, firing.events) == ("started", run, None)
    assert figures(trigger) == {"accepted": 1}


def test_the_same_delivery_twice_starts_one_run_and_is_answered_alike(webhook):
    trigger, secret = webhook()
    assert send(trigger, secret, {"id": "o-7"}, id="msg_1").json()["status"] == "accepted"
    again = send(trigger, secret, {"id": "o-7"}, id="msg_1")
    assert (again.status_code, again.json()["status"]) == (202, "repeated")
    assert runs(trigger).count() == 1
    assert send(trigger, secret, {"id": "o-7"}, id="msg_1").json()["status"] == "repeated"
    assert runs(trigger).count() == 1
    assert figures(trigger) == {"accepted": 1, "repeated": 2}


def test_strangers_hear_the_same_whatever_it_is_that_they_lack(webhook):
    trigger, secret = webhook()
    body = json.dumps({"id": "o-7"})
    headers = signed(secret, body)
    answers = [
        post("A" * 32, body, headers),
        post("none", body, headers),
        post(trigger.address, body),
        post(trigger.address, body, signed(another_secret(), body)),
        post(trigger.address, body + " ", headers),
        post(trigger.address, body, headers | {"webhook-id": "msg_other"}),
        post(trigger.address, body, headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}),
        post(trigger.address, body, signed(secret, body, at=ago(301))),
        post(trigger.address, body, signed(secret, body, at=ago(-302))),
        post(trigger.address, body, headers | {"webhook-signature": headers["webhook-signature"][3:]}),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert len({tuple(sorted(set(answer.headers) - {"X-Request-ID"})) for answer in answers}) == 1
    assert not TriggerDelivery.objects.exists()
    assert figures(trigger) == {"unsigned": 6, "late": 2}


def test_what_is_five_minutes_off_is_still_taken(webhook):
    trigger, secret = webhook()
    assert send(trigger, secret, {"id": "a"}, at=ago(295)).status_code == 202
    assert send(trigger, secret, {"id": "b"}, at=ago(-295)).status_code == 202


def test_two_secrets_are_in_force_until_the_older_one_ends(webhook, admin):
    trigger, old = webhook()
    new = rotate_secret(trigger, actor=admin, overlap_h=24)
    assert new != old
    assert send(trigger, old, {"id": "a"}).status_code == 202
    assert send(trigger, new, {"id": "b"}).status_code == 202
    assert send(trigger, another_secret(), {"id": "c"}, and_by=new).status_code == 202  # several signatures in a row
    ending = TriggerKey.objects.get(trigger=trigger, number=1)
    assert timedelta(hours=23) < ending.ends_at - datetime.now(UTC) <= timedelta(hours=24)
    TriggerKey.objects.filter(pk=ending.pk).update(ends_at=ago(1))
    assert send(trigger, old, {"id": "d"}).status_code == 401
    assert send(trigger, new, {"id": "e"}).status_code == 202


def test_a_secret_ends_at_once_where_that_is_asked_for(webhook, admin):
    trigger, old = webhook()
    new = rotate_secret(trigger, actor=admin, overlap_h=1)
    assert end_older_secrets(trigger, actor=admin) == 1
    assert send(trigger, old, {"id": "a"}).status_code == 401
    newest = rotate_secret(trigger, actor=admin, overlap_h=0)
    assert send(trigger, new, {"id": "b"}).status_code == 401
    assert send(trigger, newest, {"id": "c"}).status_code == 202


def test_what_is_off_or_deleted_answers_as_if_it_were_not_there(webhook, admin):
    trigger, secret = webhook()
    switch_off(trigger, actor=admin, reason="For now")
    assert send(trigger, secret, {"id": "a"}).status_code == 401
    assert post(trigger.address, "{").status_code == 401  # whoever sends it: nothing is looked at
    remove_trigger(trigger, actor=admin)
    assert send(trigger, secret, {"id": "a"}).status_code == 401
    assert not TriggerDelivery.objects.exists()
    assert figures(trigger) == {"switched_off": 2}  # and nothing is kept of them


def test_the_header_of_other_vendors_is_checked_and_its_body_known_again(webhook):
    trigger, secret = webhook(signature="hmac_sha256", header="X-Hub-Signature-256", secret="brought-by-the-sender")
    assert secret == "brought-by-the-sender"
    body = json.dumps({"id": "o-9"})
    headers = {"X-Hub-Signature-256": hmac_of(secret, body)}
    assert post(trigger.address, body, headers).status_code == 202
    # An id that nobody signed makes no new event of it.
    assert post(trigger.address, body, headers | {"webhook-id": "another"}).json()["status"] == "repeated"
    assert post(trigger.address, body, {"X-Hub-Signature-256": hmac_of("other", body)}).status_code == 401
    assert post(trigger.address, body).status_code == 401


def test_only_what_is_an_event_is_taken(webhook, settings):
    trigger, secret = webhook()

    def sent(text, kind="application/json"):
        return post(trigger.address, text, signed(secret, text), kind)

    assert sent("{").json()["error"] == "not_an_event"
    assert sent('{"a": "\\u0000"}').status_code == 422
    assert sent('{"a": NaN}').status_code == 422
    assert sent("[" * 5000 + "]" * 5000).status_code == 422
    assert sent("<a/>", "text/xml").json()["error"] == "content_type"
    assert sent("id=o-1&text=a+b", "application/x-www-form-urlencoded").status_code == 202
    assert sent('{"id": "o-2"}', "application/vnd.made.up+json; charset=utf-8").status_code == 202
    assert figures(trigger) == {"unreadable": 5, "accepted": 2}


def test_a_body_beyond_the_cap_is_refused_whoever_sends_it(webhook, settings):
    settings.GALAXY_HOOK_BODY_BYTES = 1024
    trigger, secret = webhook()
    assert send(trigger, secret, {"id": "x" * 2000}).status_code == 413
    assert post("A" * 32, "x" * 2000).status_code == 413
    assert not TriggerDelivery.objects.exists()
    assert figures(trigger) == {"too_large": 1}


def test_beyond_its_budget_it_is_told_when_to_come_again_and_that_is_counted(webhook):
    trigger, secret = webhook(per_minute=2)
    answers = [send(trigger, secret, {"id": str(n)}) for n in range(4)]
    assert [answer.status_code for answer in answers] == [202, 202, 429, 429]
    assert 1 <= int(answers[2]["Retry-After"]) <= 60
    assert figures(trigger) == {"accepted": 2, "over_budget": 2}


def test_one_address_sends_no_flood_to_any_webhook(webhook, settings):
    settings.GALAXY_HOOK_SOURCE_RATE = 2
    trigger, secret = webhook()
    answers = [post("A" * 32, "{}").status_code, post(trigger.address, "{}").status_code]
    answers += [send(trigger, secret, {"id": "a"}).status_code, post("A" * 32, "{}").status_code]
    assert answers == [401, 401, 429, 429]
    assert figures(trigger) == {"unsigned": 1, "over_budget": 1}


def test_only_a_post_is_answered_and_nothing_is_told_of_what_is_there(webhook, client):
    trigger, _ = webhook()
    for address in (trigger.address, "A" * 32):
        assert client.get(f"/hooks/{address}/").status_code == 405


def test_without_sandboxd_nothing_is_taken_and_the_sender_comes_again(webhook, settings):
    trigger, secret = webhook()
    settings.GALAXY_KMS = ""
    settings.SANDBOXD_SOCKET = settings.SANDBOXD_SOCKET.with_name("nobody.sock")
    answer = send(trigger, secret, {"id": "a"})
    assert (answer.status_code, answer["Retry-After"]) == (503, "30")
    assert not TriggerDelivery.objects.exists()


def test_what_is_personal_in_an_event_is_hidden_once_it_has_started(webhook):
    trigger, secret = webhook()
    send(trigger, secret, {"id": "o-1", "who": "ada@example.com"})
    assert "ada@example.com" in json.dumps(TriggerFiring.objects.get().events)
    runs(trigger)
    assert TriggerFiring.objects.get().events is None
    shown = json.dumps(TriggerDelivery.objects.get().shown)
    assert "o-1" in shown and "ada@example.com" not in shown


def test_all_addresses_of_one_network_of_ipv6_are_one_source():
    one, neighbour, other = (_from(source).key for source in ("2001:db8::1", "2001:db8::2:3", "2001:db8:0:1::1"))
    assert one == neighbour != other
    assert _from("192.0.2.1").key != _from("192.0.2.2").key
    assert _from("fe80::1%eth0").key and _from("unknown").key
