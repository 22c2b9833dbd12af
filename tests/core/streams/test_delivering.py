"""The cursor of a sink: nothing is lost, nothing is told twice under another name, and a gap would show."""

import json
import ssl
from datetime import timedelta

import pytest
from django.utils import timezone
from standardwebhooks import Webhook

from galaxy.core.audit.streams import delivering, services
from galaxy.core.audit.streams.delivering import deliver, next_batch, stream_due
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import AuditDetail, AuditEvent, AuditSink, AuditSinkKey, Notification
from galaxy.core.permissions import NotGranted
from galaxy.core.scope import workspace_scope
from sandbox.sandboxd import streams
from sandbox.sandboxd.execution import Ways
from tests.core.streams.conftest import HOST


@pytest.fixture
def sink(webhook):
    return webhook[0]


@pytest.fixture
def syslog(workspace, admin, syslog_receiver, open_way):
    open_way(syslog_receiver.port)
    facts = {"name": "Logs", "kind": AuditSink.Kind.SYSLOG, "address": HOST, "actions": "", "from_start": True}
    return services.create_sink(workspace, actor=admin, **facts)[0]


def send(sink):
    return deliver(sink.workspace_id, sink.pk)


def due_now(sink):
    AuditSink.objects.filter(pk=sink.pk).update(next_at=timezone.now() - timedelta(seconds=1))


@pytest.mark.asvs("16.4.3")
def test_everything_is_sent_in_order_and_once(sink, write, seal, receiver):
    write("box.opened", "box.closed")
    seal()
    sent = send(sink)
    actions = [event["action"] for event in receiver.events()]
    assert actions[-2:] == ["box.opened", "box.closed"]
    assert "audit_sink.created" in actions
    assert [event["sequence"] for event in receiver.events()] == list(range(sent))
    sink.refresh_from_db()
    assert (sink.cursor, sink.holder, sink.failures) == (sent, None, 0)
    assert send(sink) == 0
    write("box.opened")
    seal()
    assert send(sink) == 1
    assert json.loads(receiver.bodies[-1][1])["sequence"] == {"after": sent, "until": sent + 1}


def test_the_receiver_verifies_it_by_the_key_it_was_given(webhook, seal, receiver):
    sink, key = webhook
    seal()
    send(sink)
    headers, body = receiver.bodies[0]
    assert Webhook(key).verify(body, headers)["workspace"] == str(sink.workspace_id)
    assert headers["host"] == HOST


def test_an_event_is_told_with_values_chain_and_leaf(sink, write, seal, receiver, owner):
    write("box.opened")
    seal()
    send(sink)
    event = receiver.events()[-1]
    assert event["actor"] == {"kind": "person", "id": str(owner.pk), "label": str(owner)}
    assert [link["kind"] for link in event["chain"]] == ["person"]
    assert len(bytes.fromhex(event["leaf"])) == 32


def test_a_link_leads_to_a_page_where_galaxy_knows_its_address(sink, write, seal, receiver, settings):
    settings.GALAXY_URL = "https://galaxy.example"
    write("box.opened")
    seal()
    send(sink)
    event = receiver.events()[-1]
    assert event["link"] == f"https://galaxy.example/w/meridian/audit/{event['id']}/"
    settings.GALAXY_URL = ""
    assert {line["link"] for line in next_batch(AuditSink(workspace=sink.workspace)).lines} == {""}


def test_while_it_is_away_nothing_is_lost_and_nothing_doubled(sink, write, seal, receiver, workspace):
    seal()
    receiver.status = 503
    assert send(sink) == 0
    sink.refresh_from_db()
    assert (sink.cursor, sink.failures, sink.last_error) == (0, 1, f"{HOST} answered 503.")
    assert sink.next_at > timezone.now()
    assert send(sink) == 0, "it waits before it tries again"
    assert len(receiver.bodies) == 1
    for _ in range(3):
        due_now(sink)
        write("box.opened")
        seal()
        assert send(sink) == 0
    ids = {json.loads(body)["id"] for _, body in receiver.bodies}
    receiver.status, receiver.bodies = 200, []
    due_now(sink)
    moved = send(sink)
    assert [event["sequence"] for event in receiver.events()] == list(range(moved))
    assert [event["action"] for event in receiver.events()].count("audit_sink.failing") == 1
    sink.refresh_from_db()
    assert (sink.failures, sink.failing_since, sink.last_error) == (0, None, "")
    assert len(ids) > 1, "a batch that grew is another batch"
    assert AuditEvent.objects.in_workspace(workspace).filter(action="audit_sink.healed").count() == 1


def test_down_for_an_hour_it_is_asked_every_five_minutes_and_then_sent_everything_once(sink, write, seal, receiver):
    seal()
    receiver.status, waited, delays = 503, timedelta(), []
    while waited < timedelta(hours=1):
        assert send(sink) == 0
        sink.refresh_from_db()
        delays.append(sink.next_at - timezone.now())
        waited += delays[-1]
        due_now(sink)
        write("box.opened")
        seal()
    assert max(delays) <= timedelta(minutes=5) and min(delays[-5:]) > timedelta(minutes=2), "later and later"
    assert 12 < len(receiver.bodies) < 40
    receiver.status, receiver.bodies = 200, []
    moved = send(sink)
    assert [event["sequence"] for event in receiver.events()] == list(range(moved))
    assert [event["action"] for event in receiver.events()].count("box.opened") == len(delays)


def test_a_batch_whose_answer_was_lost_comes_again_under_the_same_id(sink, seal, receiver, monkeypatch):
    seal()
    real = delivering.send_now

    def lost(batch):
        real(batch)
        return {"accepted": False, "code": "connection_broken", "sentence": "The connection broke off."}

    monkeypatch.setattr(delivering, "send_now", lost)
    send(sink)
    monkeypatch.setattr(delivering, "send_now", real)
    due_now(sink)
    send(sink)
    first, second = (headers["webhook-id"] for headers, _ in receiver.bodies[:2])
    assert first == second


def test_admins_are_told_after_ten_minutes_and_once(sink, seal, receiver, admin):
    seal()
    receiver.status = 500
    send(sink)
    assert not Notification.objects.of(admin).filter(kind="sink_failing").exists()
    AuditSink.objects.filter(pk=sink.pk).update(failing_since=timezone.now() - timedelta(minutes=11))
    for _ in range(2):
        due_now(sink)
        send(sink)
    assert Notification.objects.of(admin).unread().filter(kind="sink_failing").count() == 1
    receiver.status = 204
    due_now(sink)
    send(sink)
    assert not Notification.objects.of(admin).unread().filter(kind="sink_failing").exists()


def test_gone_pauses_it(sink, seal, receiver):
    seal()
    receiver.status = 410
    send(sink)
    sink.refresh_from_db()
    assert sink.state == "paused"
    assert AuditEvent.objects.filter(action="audit_sink.paused", actor_kind="system", target_id=sink.pk).count() == 1
    assert (sink.workspace_id, sink.pk) not in stream_due()


def test_a_filter_leaves_out_and_the_cursor_moves_on(sink, write, seal, receiver):
    AuditSink.objects.filter(pk=sink.pk).update(actions="box.")
    write("box.opened")
    seal()
    moved = send(sink)
    assert [event["action"] for event in receiver.events()] == ["box.opened"]
    sent = json.loads(receiver.bodies[0][1])
    assert sent["sequence"] == {"after": 0, "until": moved}


def test_a_narrowed_stream_tells_of_every_leaf_though_it_is_silent_for_long(
    sink, write, seal, receiver, admin, monkeypatch
):
    """``after`` of each message is ``until`` of the one before: else its receiver would see gaps, or miss real ones."""
    monkeypatch.setattr(delivering, "LEAVES", 2)
    AuditSink.objects.filter(pk=sink.pk).update(actions="box.")
    moved = 0
    for others in (5, 0, 7):
        write(*["crate.opened"] * others, "box.opened")
        seal()
        moved += send(sink)
    write(*["crate.opened"] * 5)
    seal()
    moved += send(sink)
    told = [json.loads(body)["sequence"] for _, body in receiver.bodies]
    assert len(told) == 3 and told[0]["after"] == 0
    assert [one["after"] for one in told[1:]] == [one["until"] for one in told[:-1]]
    sink.refresh_from_db()
    assert (sink.cursor, sink.quiet_from) == (moved, told[-1]["until"])
    services.replay_sink(sink, cursor=3, actor=admin)
    assert next_batch(AuditSink.objects.get(pk=sink.pk)).after == 3


def test_values_that_retention_deleted_are_left_out(sink, write, seal, owner):
    write("box.opened")
    seal()
    batch = next_batch(sink)
    assert batch.lines[-1]["actor"]["label"] == str(owner)
    line = delivering.line_of(0, b"\0" * 32, AuditEvent.objects.order_by("pk").last(), None)
    assert (line["actor"]["label"], line["chain"], line["after"]) == ("", [], {})
    assert AuditDetail.objects.exists()


def test_one_worker_at_a_time(sink, seal, receiver):
    seal()
    AuditSink.objects.filter(pk=sink.pk).update(lease_until=timezone.now() + timedelta(seconds=30))
    assert send(sink) == 0
    AuditSink.objects.filter(pk=sink.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert send(sink) > 0, "a lease that is over is no hindrance"


@pytest.mark.parametrize("field", ["lease_until", "next_at"])
def test_a_clock_that_was_set_back_stops_no_stream(sink, seal, workspace, field):
    """What was written before lies an hour ahead since. Two workers cannot be at it: the cursor moves once."""
    seal()
    AuditSink.objects.update(**{field: timezone.now() + timedelta(seconds=45)})
    assert (stream_due(), send(sink)) == ([], 0), "somebody holds it, or it failed just now"
    AuditSink.objects.update(**{field: timezone.now() + timedelta(hours=1)})
    assert stream_due() == [(workspace.pk, sink.pk)]
    assert send(sink) > 0


def test_the_sweep_knows_ids_and_only_of_what_has_news(sink, seal, workspace):
    with workspace_scope([]):
        assert stream_due() == []
    seal()
    with workspace_scope([]):
        assert stream_due() == [(workspace.pk, sink.pk)]
        assert not AuditSink.objects.exists()


def test_syslog_is_handed_over_and_closed_in_good_order(syslog, write, seal, syslog_receiver):
    write("box.opened")
    seal()
    moved = send(syslog)
    messages = syslog_receiver.messages()
    assert len(messages) == moved
    assert [json.loads(one.partition("\ufeff")[2])["sequence"] for one in messages] == list(range(moved))


def test_what_was_refused_is_a_warning_in_syslog(syslog, write, seal, syslog_receiver):
    write("approval.rejected", "approval.approved")
    seal()
    send(syslog)
    refused, approved = syslog_receiver.messages()[-2:]
    assert (refused[:6], approved[:6]) == ("<108>1", "<109>1"), "log audit: warning, notice"
    assert json.loads(refused.partition("\ufeff")[2])["outcome"] == "refused"


def test_syslog_that_breaks_off_was_not_taken(syslog, seal, syslog_receiver):
    seal()
    syslog_receiver.breaks = True
    assert send(syslog) == 0
    syslog.refresh_from_db()
    assert "broke off" in syslog.last_error
    syslog_receiver.breaks = False
    due_now(syslog)
    assert send(syslog) > 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda one: one.name)
@pytest.mark.parametrize("words", ["greeting", "reply", "farewell"])
def test_a_syslog_receiver_may_say_something(syslog, write, seal, syslog_receiver, words, version):
    syslog_receiver._context.maximum_version = version
    setattr(syslog_receiver, words, b"OK\n" * 20_000)
    write("box.opened")
    seal()
    moved = send(syslog)
    syslog.refresh_from_db()
    assert (len(syslog_receiver.messages()), syslog.last_error, syslog.cursor) == (moved, "", moved)
    assert moved > 0


@pytest.mark.asvs("12.3.2", "16.4.3")
def test_a_certificate_that_nobody_signed_gets_nothing(sink, seal, receiver, authority):
    receiver._context = authority.context("elsewhere.example.test")
    seal()
    assert send(sink) == 0
    sink.refresh_from_db()
    assert "certificate" in sink.last_error
    assert receiver.bodies == []


@pytest.mark.parametrize("address", ["https://127.0.0.1/x", "http://siem.example.test/", "https://siem/", "ftp://a.b/"])
def test_an_address_that_is_none_is_refused_as_it_is_typed(workspace, admin, vault, address):
    facts = {"name": "x", "kind": "webhook", "address": address, "actions": "", "from_start": False}
    with pytest.raises(Invalid) as refused:
        services.create_sink(workspace, actor=admin, **facts)
    assert "address" in refused.value.fields


def test_a_private_address_is_reached_only_where_the_operator_named_it(sink, seal, settings, receiver):
    class Names:
        def resolve(self, host, seconds):
            return ["127.0.0.1"]

    seal()
    batch = next_batch(sink)
    body = {"workspace": batch.workspace, "sink": batch.sink, "after": 0, "until": 1, "lines": list(batch.lines[:1])}
    ways = Ways(Names(), None, frozenset())
    answer = streams.send(body, ways)
    assert (answer["accepted"], answer["code"]) == (False, "address_not_public")
    AuditSink.objects.filter(pk=sink.pk).update(address=f"https://{HOST}:{receiver.port}/in")
    settings.GALAXY_INNER_HOSTS = {HOST}
    settings.GALAXY_INNER_CA_FILE = settings.GALAXY_LOOPBACK_CA_FILE
    assert streams.send(body, ways)["accepted"]


def test_a_key_of_another_sink_opens_nothing(sink, workspace, admin, seal):
    """Rows changed places in the database: what was sealed for one place does not open in another."""
    facts = {"name": "Other", "kind": "webhook", "address": f"https://{HOST}/other", "actions": "", "from_start": True}
    other, _ = services.create_sink(workspace, actor=admin, **facts)
    mine = AuditSinkKey.objects.get(sink=sink)
    AuditSinkKey.objects.filter(sink=other).update(wrapped_key=mine.wrapped_key, ciphertext=mine.ciphertext)
    seal()
    assert send(other) == 0
    other.refresh_from_db()
    assert other.failures == 1


def test_rotation_signs_with_both_for_a_day(webhook, admin, seal, receiver):
    sink, old = webhook
    new = services.rotate_key(sink, actor=admin)
    seal()
    send(sink)
    headers, body = receiver.bodies[0]
    assert Webhook(new).verify(body, headers) == Webhook(old).verify(body, headers)
    AuditSinkKey.objects.filter(sink=sink, number=1).update(ends_at=timezone.now() - timedelta(seconds=1))
    services.replay_sink(sink, cursor=0, actor=admin)
    send(sink)
    headers, body = receiver.bodies[-1]
    assert len(headers["webhook-signature"].split()) == 1
    Webhook(new).verify(body, headers)


def test_send_again_goes_back_and_no_further_than_there_is(sink, admin, seal, receiver):
    seal()
    moved = send(sink)
    services.replay_sink(sink, cursor=0, actor=admin)
    seal()
    assert send(sink) == moved + 1
    with pytest.raises(Invalid):
        services.replay_sink(sink, cursor=10**9, actor=admin)


def test_removed_is_over_and_its_keys_are_gone(sink, admin):
    services.remove_sink(sink, actor=admin)
    assert not AuditSinkKey.objects.filter(sink=sink).exists()
    with pytest.raises(Conflict):
        services.resume_sink(sink, actor=admin)


def test_a_trial_is_a_message_without_events(sink, admin, receiver):
    services.try_sink(sink, actor=admin)
    assert json.loads(receiver.bodies[0][1])["events"] == []
    receiver.status = 404
    with pytest.raises(services.NotTaken, match="answered 404"):
        services.try_sink(sink, actor=admin)


def test_only_who_may_set_up_records_does(workspace, auditor, sink):
    facts = {"name": "x", "kind": "syslog", "address": HOST, "actions": "", "from_start": False}
    with pytest.raises(NotGranted):
        services.create_sink(workspace, actor=auditor, **facts)
    for act in (services.pause_sink, services.remove_sink, services.rotate_key, services.try_sink):
        with pytest.raises(NotGranted):
            act(sink, actor=auditor)
