"""One refresh at a time, whatever the provider does: what is saved, what is not, and what becomes of the connection."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connections
from django.utils import timezone

from galaxy.core.models import AuditEvent, Membership
from galaxy.core.scope import workspace_scope
from registry.models import Connection, ConnectionCredential
from sandbox.connections.renewing import due_connections, renew_ahead
from sandbox.connections.services import register_app as enter_app
from sandbox.models import Issue
from sandbox.sandboxd import refreshing
from sandbox.sandboxd.credentials import NotAuthorised, authorised
from tests.connections import Vendor, register_app, seal_for, vendor
from tests.extensions import installed

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])
TOKEN, REFRESH = "access-token-0123456789", "refresh-token-0123456789"
BUNDLE = {"access_token": TOKEN, "refresh_token": REFRESH}


@pytest.fixture
def connection(vault, workspace, admin):
    """Connected, with a token whose time is over."""
    installation = installed(workspace, admin, vendor())[0]
    register_app(installation, admin)
    found = Connection.objects.select_related("installation__workspace", "workspace").get()
    past = timezone.now() - timedelta(minutes=1)
    return seal_for(found, BUNDLE, expires_at=past, refreshed_at=past - timedelta(hours=1), next_refresh_at=past)


def ask(connection, peer, seconds=10.0):
    manifest = connection.installation.pin.version.parsed
    return authorised(connection, manifest, seconds=seconds, ways=peer.ways)


def row():
    return Connection.objects.get()


class Rotating:
    """A provider that takes each refresh token once, after ``latency`` seconds; another use ends the family."""

    def __init__(self, latency=0.0):
        self.latency, self.current, self.given, self.refused = latency, REFRESH, 0, 0
        self._lock = threading.Lock()

    def __call__(self, host, target, form):
        time.sleep(self.latency)
        with self._lock:
            if form["refresh_token"] != self.current:
                self.refused += 1
                return (400, {}, '{"error": "invalid_grant"}')
            self.given += 1
            self.current = f"rotated-refresh-{self.given}-0123456789"
            return {"access_token": f"fresh-access-{self.given}-0123456789", "refresh_token": self.current}


@pytest.mark.parametrize("latency", [0.0, 0.7])
def test_twenty_callers_come_to_one_refresh_and_twenty_tokens(connection, workspace, latency):
    provider = Rotating(latency)
    peer, start = Vendor(provider), threading.Barrier(20)

    def one(_):
        try:
            with workspace_scope([workspace.pk]):
                start.wait(20)
                return ask(connection, peer, 20).headers["Authorization"][1]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(20) as threads:
        found = list(threads.map(one, range(20)))
    assert (set(found), len(found)) == ({"fresh-access-1-0123456789"}, 20)
    assert (provider.given, provider.refused) == (1, 0)
    assert AuditEvent.objects.filter(action="connection.refreshed").count() == 1


def test_no_connection_to_the_database_is_held_while_the_provider_answers(connection):
    held = []

    def answer(host, target, form):
        held.append(connections["default"].connection is not None)
        return {"access_token": "fresh-access-0123456789"}

    ask(connection, Vendor(answer))
    assert held == [False]


def test_a_refresh_outlives_the_run_it_was_begun_for(connection):
    """A run with little time gives up; what the provider then answers is not lost, rotated token and all."""
    provider = Rotating(0.8)
    peer = Vendor(provider)
    with pytest.raises(NotAuthorised) as refused:
        ask(connection, peer, 0.1)
    assert (refused.value.code, refused.value.category) == ("refresh_slow", "transient")
    assert ask(connection, peer, 10).headers["Authorization"][1] == "fresh-access-1-0123456789"
    assert provider.given == 1


def test_a_holder_that_died_is_followed_when_its_lease_is_over(connection):
    provider = Rotating()
    Connection.objects.update(refresh_holder=uuid4(), refresh_lease_until=timezone.now() + timedelta(seconds=0.6))
    began = time.monotonic()
    assert ask(connection, Vendor(provider)).headers["Authorization"][1] == "fresh-access-1-0123456789"
    assert time.monotonic() - began >= 0.4
    assert (provider.given, row().refresh_holder) == (1, None)


def test_a_holder_lives_as_long_as_it_shows_signs_of_life(connection, monkeypatch):
    """The provider takes longer than the lease: still nobody else asks."""
    monkeypatch.setattr(refreshing, "LEASE", timedelta(seconds=0.5))
    monkeypatch.setattr(refreshing, "BEAT_S", 0.1)
    provider = Rotating(1.5)
    peer = Vendor(provider)
    with pytest.raises(NotAuthorised):
        ask(connection, peer, 0.05)
    assert ask(connection, peer).headers["Authorization"][1] == "fresh-access-1-0123456789"
    assert (provider.given, provider.refused) == (1, 0)


def test_a_host_whose_clock_is_ahead_takes_no_refresh_that_somebody_does(connection, monkeypatch):
    """Two at once end the family of a strict provider."""
    lease = timezone.now() + timedelta(seconds=30)
    Connection.objects.update(refresh_holder=uuid4(), refresh_lease_until=lease)
    peer, ahead = Vendor(), timezone.now() + timedelta(hours=1)
    monkeypatch.setattr(timezone, "now", lambda: ahead)
    with pytest.raises(NotAuthorised) as refused:
        ask(connection, peer, 0.3)
    assert (refused.value.code, peer.asked) == ("refresh_slow", [])


def test_a_rotated_token_outlives_a_database_that_is_away_for_a_moment(connection):
    """The provider has used up the old one, so what came exists nowhere else."""
    owner, provider = connections["owner"], Rotating()
    owner.ensure_connection()
    change, tried = owner.connection.execute, []

    def let_in(most):
        change(f'ALTER DATABASE "{owner.settings_dict["NAME"]}" CONNECTION LIMIT {most}')

    def answer(host, target, form):
        tried.append(form)
        let_in(0)
        threading.Timer(0.7, let_in, [-1]).start()
        return provider(host, target, form)

    assert ask(connection, Vendor(answer)).headers["Authorization"][1] == "fresh-access-1-0123456789"
    assert (provider.given, len(tried), row().status) == (1, 1, "authenticated")


def test_a_holder_given_up_for_dead_does_not_write_over_its_successor(connection, workspace, monkeypatch):
    """It comes back with a token after somebody else has stored one: theirs stands."""
    entered, go_on = threading.Event(), threading.Event()
    answers = iter(["slow", "quick"])

    def answer(host, target, form):
        if next(answers) == "slow":
            entered.set()
            go_on.wait(20)
            return {"access_token": "late-access-0123456789", "refresh_token": "late-refresh-0123456789"}
        return {"access_token": "quick-access-0123456789", "refresh_token": "quick-refresh-0123456789"}

    monkeypatch.setattr(refreshing, "BEAT_S", 60.0)  # it shows no sign of life
    peer = Vendor(answer)
    with pytest.raises(NotAuthorised):
        ask(connection, peer, 0.01)
    assert entered.wait(20)
    Connection.objects.update(refresh_lease_until=timezone.now() - timedelta(seconds=1))
    assert ask(connection, peer).headers["Authorization"][1] == "quick-access-0123456789"
    generation = row().token_generation
    go_on.set()
    for thread in threading.enumerate():
        if thread.name == "refresh":
            thread.join(20)
    assert row().token_generation == generation
    assert ask(connection, peer).headers["Authorization"][1] == "quick-access-0123456789"


def test_a_refused_token_that_somebody_renewed_meanwhile_marks_nothing(connection):
    """invalid_grant in a race: read again before anything is called broken."""

    def answer(host, target, form):
        fresh = Connection.objects.select_related("installation__workspace", "workspace").get()
        seal_for(fresh, {"access_token": "theirs-0123456789", "refresh_token": "theirs-refresh-0123"}, expires_at=None)
        return (400, {}, '{"error": "invalid_grant"}')

    def outside(host, target, form):
        with workspace_scope([connection.workspace_id]):
            try:
                return answer(host, target, form)
            finally:
                connections.close_all()

    assert ask(connection, Vendor(outside)).headers["Authorization"][1] == "theirs-0123456789"
    assert (row().status, row().refresh_failures) == ("authenticated", 0)


def test_a_refused_grant_exhausts_it_and_tells_a_person_what_to_do(connection):
    peer = Vendor(lambda host, target, form: (400, {}, '{"error": "invalid_grant"}'))
    for _ in range(2):
        with pytest.raises(NotAuthorised) as refused:
            ask(connection, peer)
        assert (refused.value.code, refused.value.category) == ("connection_exhausted", "auth_error")
    assert len(peer.asked) == 1
    assert (row().status, row().next_refresh_at) == ("exhausted", None)
    issue = Issue.objects.get()
    assert (issue.kind, issue.is_open, "Reconnect" in issue.next_step) == ("connection_exhausted", True, True)
    assert due_connections() == []


def test_a_refresh_cut_off_halfway_says_so_when_its_token_is_not_taken_again(connection):
    """The holder died after the provider rotated and before we stored: nothing here can bring that token back."""
    Connection.objects.update(refresh_holder=uuid4(), refresh_lease_until=timezone.now())
    with pytest.raises(NotAuthorised, match="cut off"):
        ask(connection, Vendor(lambda host, target, form: (400, {}, '{"error": "invalid_grant"}')))
    assert (row().status, row().last_error_code) == ("exhausted", "refresh_cut_off")


@pytest.mark.parametrize(
    ("answer", "code", "category"),
    [
        ((500, {}, "oops"), "token_endpoint_down", "transient"),
        ((503, {}, '{"error": "temporarily_unavailable"}'), "token_endpoint_down", "transient"),
        ((429, {"Retry-After": "120"}, ""), "token_endpoint_busy", "rate_limit"),
        (  # two minutes by the clock of whoever wrote it
            (503, {"Retry-After": "Thu, 01 Jan 1970 00:02:00 GMT", "Date": "Thu, 01 Jan 1970 00:00:00 GMT"}, ""),
            "token_endpoint_down",
            "transient",
        ),
        ((200, {}, "<html>sign in</html>"), "token_answer_unreadable", "tool_error"),
        ((200, {}, "[]"), "token_answer_unreadable", "tool_error"),
        ((200, {}, '{"access_token": 7}'), "token_answer_unreadable", "tool_error"),
        ((200, {}, '{"access_token": "short"}'), "token_answer_unreadable", "tool_error"),
        ((200, {}, '{"access_token": "with\\nline-0123456789"}'), "token_answer_unreadable", "tool_error"),
        (
            (200, {}, '{"access_token": "dpop-0123456789", "token_type": "DPoP"}'),
            "token_answer_unreadable",
            "tool_error",
        ),
        ((200, {}, '{"ok": false, "error": "ratelimited"}'), "token_endpoint_busy", "rate_limit"),
        ((400, {}, '{"error": "something_new"}'), "token_refused", "auth_error"),
        ((404, {}, "nothing"), "token_answer_unreadable", "tool_error"),
        ((302, {"Location": "https://evil.example/"}, ""), "token_answer_unreadable", "tool_error"),
    ],
)
def test_a_token_endpoint_that_fails_is_one_category_a_sentence_and_a_cooldown(connection, answer, code, category):
    peer = Vendor(lambda host, target, form: answer)
    with pytest.raises(NotAuthorised) as refused:
        ask(connection, peer)
    assert (refused.value.code, refused.value.category) == (code, category)
    assert refused.value.sentence
    assert refused.value.next_step
    found = row()
    assert (found.status, found.refresh_failures, found.last_error_code) == ("authenticated", 1, code)
    wait_s = (found.cooldown_until - timezone.now()).total_seconds()
    assert 20 < wait_s < 130
    assert (wait_s > 60) == ("Retry-After" in answer[1])
    with pytest.raises(NotAuthorised) as again:  # the others are told the same, without asking the provider
        ask(connection, peer)
    assert (again.value.code, len(peer.asked)) == (code, 1)
    assert ConnectionCredential.objects.get().generation == found.token_generation


def test_after_many_failures_it_is_exhausted_and_a_person_may_try_again(connection, monkeypatch):
    peer = Vendor(lambda host, target, form: (500, {}, ""))
    for number in range(1, refreshing.MOST_FAILURES + 1):
        Connection.objects.update(cooldown_until=None)
        with pytest.raises(NotAuthorised) as refused:
            ask(connection, peer)
        assert row().refresh_failures == number
        assert ("again by itself" in refused.value.next_step) == (number < refreshing.MOST_FAILURES)
    assert row().status == "exhausted"
    with pytest.raises(NotAuthorised) as refused:
        ask(connection, peer)
    assert refused.value.next_step == Issue.objects.get().next_step
    assert "try again on its page, or reconnect it" in Issue.objects.get().next_step
    seen = refreshing.open_bundle(connection.workspace_id, connection.pk, connection.installation.pin.version.parsed)
    manifest = connection.installation.pin.version.parsed
    generation = row().generation
    peer.answer = Rotating()
    refreshing.renew(seen, manifest, ways=peer.ways, seconds=5, force=True)
    assert (row().status, row().refresh_failures, row().generation) == ("authenticated", 0, generation)
    assert Issue.objects.get().is_open is False


def test_a_token_still_in_time_is_used_while_the_provider_is_down(connection):
    now = timezone.now()
    Connection.objects.update(expires_at=now + timedelta(seconds=30), refreshed_at=now - timedelta(hours=1))
    peer = Vendor(lambda host, target, form: (500, {}, ""))
    assert ask(connection, peer).headers["Authorization"][1] == TOKEN
    assert len(peer.asked) == 1


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        (3600, 3600),
        ("3600", 3600),
        (None, None),
        (0, None),
        (-5, None),
        ("soon", None),
        (10**12, 366 * 86400),
        (True, None),
    ],
)
def test_odd_lives_of_tokens_are_read_as_what_they_can_mean(connection, said, seconds):
    answer = {"access_token": "fresh-access-0123456789"} | ({} if said is None else {"expires_in": said})
    peer = Vendor(lambda host, target, form: answer)
    ask(connection, peer)
    found = row()
    life = found.expires_at and round((found.expires_at - found.refreshed_at).total_seconds())
    assert life == seconds
    assert found.next_refresh_at <= found.refreshed_at + timedelta(days=1)
    ask(connection, peer)
    assert len(peer.asked) == 1  # a token that says nothing of its life is not renewed for every call


def test_a_token_that_nothing_renews_is_over_when_it_is_over(connection):
    seal_for(connection, {"access_token": TOKEN}, expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(NotAuthorised) as refused:
        ask(connection, Vendor())
    assert refused.value.code == "connection_exhausted"
    assert (row().status, row().last_error_code) == ("exhausted", "token_expired")


def test_the_new_secret_of_an_app_is_enough(connection, admin, sandboxd):
    """A client secret changed at the vendor: refused, entered anew, and nobody signs in again."""
    sandboxd.answer = lambda host, target, form: (401, {}, '{"error": "invalid_client"}')
    with pytest.raises(NotAuthorised):
        ask(connection, sandboxd)
    assert (row().status, row().last_error_code) == ("exhausted", "client_refused")
    generation = row().generation
    sandboxd.answer = lambda host, target, form: (
        {"access_token": "fresh-access-0123456789"}
        if form["client_secret"] == "the-new-secret-0123456789"
        else (401, {}, '{"error": "invalid_client"}')
    )
    enter_app(connection.installation, client_id="client-one", secret="the-new-secret-0123456789", actor=admin)
    deadline = time.monotonic() + 10
    while row().status != "authenticated" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert (row().status, row().generation) == ("authenticated", generation)
    enter_app(connection.installation, client_id="client-two", secret="another-secret-0123456789", actor=admin)
    assert row().status == "exhausted"


def test_beat_renews_what_is_due_and_shows_when_the_next_one_comes(connection, sandboxd):
    sandboxd.answer = lambda host, target, form: {"access_token": "fresh-access-0123456789", "expires_in": 3600}
    due = due_connections()
    assert due == [(connection.workspace_id, connection.pk)]
    assert renew_ahead(connection.pk) == "renewed"
    assert (renew_ahead(connection.pk), due_connections()) == ("not_due", [])
    left = row().expires_at - row().next_refresh_at
    assert timedelta(minutes=10) < left < timedelta(minutes=20)
    assert due_connections(row().next_refresh_at) == due


def test_what_beat_could_not_renew_waits_for_its_cooldown(connection, sandboxd):
    sandboxd.answer = lambda host, target, form: (500, {}, "")
    assert renew_ahead(connection.pk) == "failed"
    assert due_connections() == []
    assert len(due_connections(timezone.now() + timedelta(minutes=2))) == 1


@pytest.mark.parametrize("field", ["refresh_lease_until", "cooldown_until"])
def test_a_clock_that_was_set_back_keeps_no_token_from_being_renewed(connection, sandboxd, field):
    """A holder that was lost, or a failure, from before lies hours ahead since."""
    held = {"refresh_holder": uuid4()} if field == "refresh_lease_until" else {}
    Connection.objects.update(**held, **{field: timezone.now() + timedelta(seconds=5)})
    assert due_connections() == [], "somebody is at it, or it failed just now"
    Connection.objects.update(**{field: timezone.now() + timedelta(hours=3)})
    assert due_connections() == [(connection.workspace_id, connection.pk)]
    sandboxd.answer = lambda host, target, form: {"access_token": "fresh-access-0123456789", "expires_in": 3600}
    assert renew_ahead(connection.pk) == "renewed"


def test_the_own_account_of_somebody_who_cannot_sign_in_is_not_renewed(connection, member):
    """Nobody could use it, or end it, meanwhile."""
    Connection.objects.update(owner=member)
    assert len(due_connections()) == 1
    member.is_active = False
    member.save()
    assert due_connections() == []
    member.is_active = True
    member.save()
    assert len(due_connections()) == 1
    Membership.objects.filter(user=member).delete()
    assert due_connections() == []
