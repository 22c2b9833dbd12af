"""News by a person's own webhook: signed, once, what its reader may see, and never to where it must not go."""

import json
from contextlib import nullcontext
from datetime import timedelta

import pytest
from django.utils import timezone
from standardwebhooks import Webhook

from galaxy.core.members.people import remove_member
from galaxy.core.models import AuditEvent, NewsHook, NewsHookKey, Notification
from galaxy.core.notifications import notify
from galaxy.core.notifications.choosing import choose_in
from galaxy.core.notifications.hooks import delivering, services
from galaxy.core.notifications.hooks.delivering import deliver, hooks_due
from galaxy.core.scope import workspace_scope
from sandbox.sandboxd import news
from sandbox.sandboxd.execution import Ways
from sandbox.sandboxd.orders import BadOrder
from sandbox.sandboxd.service import Service
from tests.core.streams.conftest import HOST

KIND = "agent_suspended"
URL = "/w/meridian/notifications/webhook/"


@pytest.fixture
def way(open_way, receiver, monkeypatch):
    """sandboxd's own operation, in this process, with ``HOST`` on this machine."""
    open_way(receiver.port)
    monkeypatch.setattr(news, "briefly", nullcontext)
    before, service = list(delivering._senders), Service(None)

    def send(message):
        body = {name: getattr(message, name) for name in ("workspace", "hook", "id", "content")}
        return service._operations["news.send"](body)

    delivering.register_sender(send)
    yield
    delivering._senders[:] = before


@pytest.fixture
def hooked(workspace, member, way):
    """(hook, key) of the member."""
    return services.create_hook(workspace, address=f"https://{HOST}/in?token=hush", actor=member)


@pytest.fixture
def hook(hooked):
    return hooked[0]


def send(hook):
    return deliver(hook.workspace_id, hook.pk)


def tell(workspace, person, kind=KIND, **more):
    notify(workspace, [person], kind, workspace, **more)


def due_now(hook, **more):
    NewsHook.objects.filter(pk=hook.pk).update(next_at=timezone.now() - timedelta(seconds=1), **more)


def test_news_arrives_once_and_is_verified_by_the_key(workspace, member, hooked, receiver):
    hook, key = hooked
    tell(workspace, member, note="Ticket 7")
    assert hooks_due() == [(workspace.pk, hook.pk)]
    assert (send(hook), send(hook)) == (1, 0)
    ((headers, body),) = receiver.bodies
    content = Webhook(key).verify(body, headers)
    assert headers["webhook-id"] == content["id"]
    assert (content["kind"], content["title"], content["note"]) == (KIND, "Your agent is suspended", "Ticket 7")
    assert content["subject"] == {"label": "Meridian", "url": "", "simulated": False}
    assert hooks_due() == []


def test_a_name_that_its_reader_may_not_see_is_not_sent(workspace, member, hook, receiver):
    tell(workspace, member, note="A secret reason")
    Notification.objects.update(target_kind="core.agent")
    send(hook)
    content = json.loads(receiver.bodies[0][1])
    assert (content["subject"], content["note"]) == (None, "")


def test_what_is_not_taken_is_tried_again_under_the_same_id(workspace, member, hook, receiver):
    receiver.status = 503
    tell(workspace, member)
    assert send(hook) == 0
    hook.refresh_from_db()
    assert (hook.failures, hook.state, hook.last_error) == (1, "failing", f"{HOST} answered 503.")
    assert hook.next_at > timezone.now()
    assert (hooks_due(), send(hook)) == ([], 0)  # it has to wait
    receiver.status = 200
    due_now(hook)
    assert send(hook) == 1
    first, second = (headers["webhook-id"] for headers, _ in receiver.bodies)
    assert first == second
    hook.refresh_from_db()
    assert (hook.failures, hook.state) == (0, "active")


def test_what_comes_up_again_is_a_message_of_its_own(workspace, member, hook, receiver):
    for _ in range(2):
        tell(workspace, member)
        send(hook)
    assert len({headers["webhook-id"] for headers, _ in receiver.bodies}) == 2


def test_two_workers_send_it_once(workspace, member, hook, receiver):
    tell(workspace, member)
    inner = []
    original = delivering._senders[0]

    def slow(message):
        inner.append(send(hook))  # another worker, while the first one sends
        return original(message)

    delivering.register_sender(slow)
    assert (send(hook), inner) == (1, [0])
    assert len(receiver.bodies) == 1


@pytest.mark.parametrize(
    ("field", "held"), [("lease_until", timedelta(seconds=45)), ("next_at", timedelta(minutes=59))]
)
def test_a_clock_that_was_set_back_holds_no_news_back(workspace, member, hook, receiver, field, held):
    """What was written before lies hours ahead since."""
    tell(workspace, member)
    NewsHook.objects.update(**{field: timezone.now() + held})
    assert (hooks_due(), send(hook)) == ([], 0), "somebody sends, or it failed just now"
    NewsHook.objects.update(**{field: timezone.now() + timedelta(hours=3)})
    assert hooks_due() == [(workspace.pk, hook.pk)]
    assert send(hook) == 1


def test_nor_what_happened_at_a_time_that_is_still_to_come(workspace, member, hook, receiver):
    tell(workspace, member)
    ahead = timezone.now() + timedelta(hours=1)
    Notification.objects.update(hook_at=ahead)
    assert (hooks_due(), send(hook)) == ([], 0), "it is put off, by quiet hours"
    Notification.objects.update(occurred_at=ahead)
    assert hooks_due() == [(workspace.pk, hook.pk)]
    assert send(hook) == 1


def test_what_is_read_muted_or_not_chosen_is_not_sent(workspace, member, hook, receiver):
    tell(workspace, member)
    Notification.objects.update(read_at=timezone.now())
    assert send(hook) == 0
    choose_in(workspace, member, mails={}, hooks={KIND: False, "run_failed": True})
    tell(workspace, member)
    assert send(hook) == 0
    tell(workspace, member, "run_failed")
    assert send(hook) == 1
    assert not Notification.objects.filter(hook_at__isnull=False).exists()


def test_news_waits_for_the_end_of_quiet_hours(workspace, member, hook, receiver):
    hour = timezone.now().hour
    member.quiet_from, member.quiet_until = hour, (hour + 2) % 24
    member.save()
    tell(workspace, member)
    assert send(hook) == 0
    assert Notification.objects.get().hook_at > timezone.now()
    assert receiver.bodies == []


def test_long_failure_switches_it_off_and_tells_its_person(workspace, member, hook, receiver, settings):
    receiver.status = 500
    tell(workspace, member)
    send(hook)
    due_now(hook, failing_since=timezone.now() - timedelta(hours=settings.GALAXY_NEWS_HOOK_HOURS + 1))
    send(hook)
    hook.refresh_from_db()
    assert hook.state == "off"
    assert "Nothing was taken for 72 hours." in hook.off_because
    told = Notification.objects.get(kind="hook_off")
    assert (told.person, told.hook_at) == (member, None)
    assert AuditEvent.objects.filter(action="news_hook.switched_off", target_id=str(hook.pk)).exists()
    assert hooks_due() == []
    services.switch_on(hook, actor=member)
    assert not Notification.objects.filter(kind="hook_off").unread().exists()
    receiver.status = 410
    tell(workspace, member)
    send(hook)
    hook.refresh_from_db()
    assert hook.off_because == f"{HOST} answered 410."


def test_nobody_is_switched_off_because_our_sandbox_is_away(workspace, member, hook):
    delivering._senders[:] = []
    tell(workspace, member)
    send(hook)
    hook.refresh_from_db()
    assert (hook.failing_since, hook.failures) == (None, 0)
    assert Notification.objects.get().hook_at is not None


def test_after_a_rotation_both_keys_sign(workspace, member, hooked, receiver):
    hook, first = hooked
    second = services.rotate_key(hook, actor=member)
    tell(workspace, member)
    send(hook)
    headers, body = receiver.bodies[0]
    for key in (first, second):
        Webhook(key).verify(body, headers)


@pytest.mark.parametrize("address", ["10.0.0.8", "127.0.0.1", "169.254.169.254"])
def test_a_private_address_is_never_reached(workspace, member, hook, receiver, address, settings):
    class Inside:
        def resolve(self, host, seconds):
            return [address]

    settings.GALAXY_INNER_HOSTS = frozenset({HOST})  # for audit streams, and for nothing else
    ways = Ways(Inside(), None, ())
    content = {"type": "notification"}
    body = {"workspace": str(workspace.pk), "hook": str(hook.pk), "id": "one", "content": content}
    answer = news.send(body, ways)
    assert not answer["accepted"]
    assert receiver.bodies == []


def test_sandboxd_sends_to_the_address_of_the_row_and_no_other(workspace, other_workspace, member, hook):
    body = {"workspace": str(other_workspace.pk), "hook": str(hook.pk), "id": "one", "content": {}}
    with pytest.raises(BadOrder):
        news.send(body, Ways(None, None, ()))
    body |= {"workspace": str(workspace.pk), "content": {"text": "x" * 20_000}}
    with pytest.raises(BadOrder):
        news.send(body, Ways(None, None, ()))


# --- The page --------------------------------------------------------------------------------------------------


def test_the_key_is_shown_once_and_the_page_does_the_rest(client_of, workspace, member, way, receiver):
    client = client_of(member)
    page = client.post(URL, {"address": f"https://{HOST}/in?token=hush"}).content.decode()
    assert 'value="whsec_' in page
    settings_page = client.get("/w/meridian/notifications/settings/").content.decode()
    assert "whsec_" not in settings_page
    assert 'name="hook_run_failed"' in settings_page
    client.post(f"{URL}trial/")
    assert json.loads(receiver.bodies[0][1])["type"] == "notification.trial"
    assert 'value="whsec_' in client.post(f"{URL}key/").content.decode()
    client.post(f"{URL}state/", {"state": "off"})
    assert NewsHook.objects.get().state == "off"
    client.post(f"{URL}state/", {"state": "on"})
    assert client.post(URL, {"address": f"https://{HOST}/other"}).status_code == 409
    client.post(f"{URL}removal/")
    assert not NewsHook.objects.exists()
    assert not NewsHookKey.objects.exists()
    trail = AuditEvent.objects.filter(action__startswith="news_hook.").order_by("id").values_list("action", flat=True)
    assert list(trail) == [
        "news_hook.created",
        "news_hook.tried",
        "news_hook.key_rotated",
        "news_hook.switched_off",
        "news_hook.switched_on",
        "news_hook.removed",
    ]


@pytest.mark.parametrize(
    "address", ["http://hooks.example.com/", "https://u:p@hooks.example.com/", "ftp://x", "nothing"]
)
def test_an_address_that_is_none_is_said_beside_its_field(client_of, member, vault, address):
    response = client_of(member).post(URL, {"address": address})
    assert response.status_code == 422
    assert not NewsHook.objects.exists()


def test_nobody_meets_the_webhook_of_another(client_of, workspace, admin, hook):
    assert client_of(admin).post(f"{URL}removal/").status_code == 404
    assert HOST not in client_of(admin).get("/w/meridian/notifications/settings/").content.decode()


def test_who_leaves_takes_their_webhook_along(workspace, other_workspace, member, hook):
    remove_member(member.memberships.select_related("workspace", "user").get(workspace=workspace), actor=member)
    assert not NewsHook.objects.exists()


def test_the_sweep_reads_ids_and_nothing_else(workspace, other_workspace, member, hook):
    tell(workspace, member)
    with workspace_scope([]):
        assert hooks_due() == [(workspace.pk, hook.pk)]
        assert not NewsHook.objects.exists()
    with workspace_scope([other_workspace.pk]):
        assert not NewsHook.objects.exists()
