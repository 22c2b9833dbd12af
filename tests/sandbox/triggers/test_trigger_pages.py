"""The pages of triggers: made in two steps, tried, switched on and off with a reason, rotated, deleted."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from galaxy.core.models import AuditEvent
from sandbox.models import Run, Trigger, TriggerDelivery, TriggerKey
from sandbox.triggers.firing import tend
from sandbox.triggers.services import switch_off
from tests.extensions import installed
from tests.sandbox.triggers.sending import another_secret, send

pytestmark = pytest.mark.django_db
TRIGGER = """
trigger: probe.arrived
version: 1.0.0
name: Thing arrived
summary: Starts when a thing arrives.
source: { type: webhook, signature: hmac_sha256, header: X-Probe-Signature, debounce_ms: 1500 }
outputs: { id: string, owner: email? }
fixtures: { happy: { body: { id: t-1, owner: ada@example.com } } }
"""


def url(name, workspace, *args):
    return reverse(f"sandbox:{name}", args=[workspace.slug, *args])


def fields(**more):
    said = {
        "name": "New things", "slug": "", "purpose": "For orders", "signature": "standard_webhooks", "header": "",
        "secret": "", "per_minute": "60", "sample": '{"id": "o-1"}', "quiet_s": "0", "longest_s": "", "uses": "last",
        "debounce_key": "", "watched": "", "every_min": "", "poll_target": "", "input-key": "event.body.id",
        "input-owner": "", "scopes": ["things.write"],
    }  # fmt: skip
    return said | more


def made_at(workspace, kind="webhook", target="probe.create", **more):
    query = "&".join(f"{name}={value}" for name, value in ({"kind": kind, "target": target} | more).items())
    return f"{url('trigger-create', workspace)}?{query}"


def test_an_empty_list_says_what_a_trigger_is_for(client_of, workspace, admin, member, probe):
    page = client_of(admin).get(url("trigger-list", workspace)).text
    assert "No triggers yet" in page and "New trigger" in page
    page = client_of(member).get(url("trigger-list", workspace)).text
    assert "Make triggers, and switch them on and off" in page  # what is missing, and who can give it


def test_a_webhook_is_made_in_two_steps_and_its_secret_shown_once(client_of, workspace, admin, probe, vault):
    client = client_of(admin)
    first = client.get(url("trigger-create", workspace)).text
    assert "probe.create" in first and 'name="kind"' in first
    second = client.get(made_at(workspace)).text
    assert 'name="input-key"' in second and "event.body.key" in second
    answer = client.post(made_at(workspace), fields())
    trigger = Trigger.objects.get()
    key = answer.context["key"]
    assert answer.status_code == 200 and key.startswith("whsec_") and key in answer.text
    assert f"/hooks/{trigger.address}/" in answer.text
    assert (trigger.slug, trigger.owner, trigger.is_on) == ("new-things", admin, False)
    page = client.get(trigger.get_absolute_url()).text
    assert key not in page and f"/hooks/{trigger.address}/" in page
    assert key not in str(list(AuditEvent.objects.values()))
    assert AuditEvent.objects.filter(action="trigger.created").exists()
    assert client.post(url("trigger-on", workspace, trigger.pk)).status_code == 302
    trigger.refresh_from_db()
    assert trigger.is_on
    assert send(trigger, key, {"id": "x"}).status_code == 202


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"slug": "Not So"}, "slug"),
        ({"signature": "hmac_sha256"}, "header"),
        ({"per_minute": "0"}, "per_minute"),
        ({"sample": "{"}, "sample"),
        ({"quiet_s": "9999"}, "quiet_s"),
        ({"quiet_s": "5", "longest_s": "1"}, "longest_s"),
        ({"watched": "declared"}, "every_min"),
        ({"input-key": ""}, "input-key"),
        ({"secret": "short"}, "secret"),
        ({"input-key": "body.id"}, "input-key"),
        ({"input-key": "event.merged"}, "input-key"),
        ({"input-owner": "event.missed"}, "input-owner"),
        ({"input-key": "event.body.missing"}, "input-key"),
        ({"input-owner": "event.body.id"}, "input-owner"),
        ({"debounce_key": "body.id"}, "debounce_key"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field(client_of, workspace, admin, probe, vault, given, field):
    answer = client_of(admin).post(made_at(workspace), fields(**given))
    assert answer.status_code == 422
    assert field in answer.context["form"].errors
    assert not Trigger.objects.exists()


def test_all_that_is_missing_is_said_at_once_and_how_to_mend_it(client_of, workspace, admin, probe):
    given = {"name": "", "cron": "every day", "zone": "UTC", "input-key": ""}
    page = client_of(admin).post(made_at(workspace, kind="schedule"), given).text
    assert "<b>Not saved.</b>" in page
    assert (
        "Give it a name" in page
        and "A cron line has five fields" in page
        and "It is needed. Write it in quotes" in page
    )
    assert "event.body" not in page  # a schedule has none


def test_an_installed_trigger_gives_the_defaults_and_the_classes_of_its_events(
    client_of, workspace, admin, probe, vault
):
    source = installed(workspace, admin, TRIGGER)[-1]
    client = client_of(admin)
    begun = client.get(f"{url('trigger-create', workspace)}?made_from={source.pk}")
    assert begun.status_code == 200 and f'value="{source.pk}" selected' in begun.text
    assert f"?made_from={source.pk}" in client.get(source.get_absolute_url()).text
    wrong = client.get(made_at(workspace, kind="schedule", made_from=source.pk))
    assert (wrong.status_code, wrong.context["form"].errors["made_from"]) == (422, ["Thing arrived is a webhook."])
    address = made_at(workspace, made_from=source.pk)
    form = client.get(address).context["form"]
    assert (form["signature"].value(), form["header"].value()) == ("hmac_sha256", "X-Probe-Signature")
    assert (form["quiet_s"].value(), '"t-1"' in form["sample"].value()) == (1.5, True)
    client.post(
        address, fields(signature="hmac_sha256", header="X-Probe-Signature", **{"input-owner": "event.body.owner"})
    )
    trigger = Trigger.objects.get()
    assert (trigger.made_from, trigger.classes) == (source, {"/owner": "email"})


def test_a_mapping_that_fits_no_more_cannot_be_switched_on(client_of, workspace, admin, webhook):
    trigger, _ = webhook(is_on=False)
    Trigger.objects.update(inputs={"kee": "event.body.id"})  # as after an update that renamed the input
    client = client_of(admin)
    page = client.get(trigger.get_absolute_url()).text
    assert "It cannot be switched on yet" in page
    client.post(url("trigger-on", workspace, trigger.pk))
    trigger.refresh_from_db()
    assert not trigger.is_on


def test_a_field_that_the_target_has_no_more_is_named_when_it_is_saved(client_of, workspace, admin, webhook):
    trigger, _ = webhook(is_on=False)
    Trigger.objects.update(inputs={"kee": "event.body.id"})
    client, address = client_of(admin), url("trigger-change", workspace, trigger.pk)
    page = client.get(address)
    assert 'name="input-kee"' in page.text
    said = fields(slug="new-things", **{"input-kee": "event.body.id"})
    errors = client.post(address, said).context["form"].errors
    assert errors == {"input-kee": ["It takes no input “kee”. Did you mean key?"]}
    assert client.post(address, said | {"input-kee": ""}).status_code == 302
    trigger.refresh_from_db()
    assert trigger.inputs == {"key": "event.body.id"}


def test_a_trial_is_a_simulated_run_with_the_sample(client_of, workspace, admin, webhook):
    trigger, _ = webhook(is_on=False)
    answer = client_of(admin).post(url("trigger-trial", workspace, trigger.pk))
    run = Run.objects.get(trigger=trigger)
    assert (run.mode, run.inputs, answer["Location"]) == ("simulated", {"key": "o-1"}, run.get_absolute_url())


def test_it_is_switched_off_with_a_reason_that_its_page_shows(client_of, workspace, admin, webhook):
    trigger, _ = webhook()
    client = client_of(admin)
    assert client.post(url("trigger-off", workspace, trigger.pk), {"reason": ""}).status_code == 422
    assert client.post(url("trigger-off", workspace, trigger.pk), {"reason": "Moving house"}).status_code == 302
    assert "Moving house" in client.get(trigger.get_absolute_url()).text
    event = AuditEvent.objects.get(action="trigger.switched_off")
    assert event.actor_id == str(admin.pk)


def test_whoever_changes_it_answers_for_it(client_of, workspace, owner, admin, creator, webhook):
    trigger, _ = webhook(actor=owner)
    client = client_of(creator)
    assert "Owner" in client.get(trigger.get_absolute_url()).text
    answer = client.post(url("trigger-change", workspace, trigger.pk), fields(slug="new-things", purpose="Mine"))
    assert answer.status_code == 302
    trigger.refresh_from_db()
    assert (trigger.owner, trigger.purpose) == (creator, "Mine")


def test_only_who_manages_triggers_does(client_of, workspace, member, webhook):
    trigger, _ = webhook()
    client = client_of(member)
    page = client.get(trigger.get_absolute_url())
    assert page.status_code == 200
    assert trigger.address not in page.text  # what is not signed would start in its owner's name
    assert client.get(made_at(workspace)).status_code == 403
    for name in (
        "trigger-on",
        "trigger-off",
        "trigger-trial",
        "trigger-secret",
        "trigger-secret-end",
        "trigger-removal",
    ):
        assert client.post(url(name, workspace, trigger.pk), {"reason": "x"}).status_code == 403
    assert client.get(url("delivery-list", workspace, trigger.pk)).status_code == 403


def test_a_secret_is_rotated_with_overlap_and_the_older_one_ended(client_of, workspace, admin, webhook):
    trigger, _ = webhook()
    client = client_of(admin)
    answer = client.post(url("trigger-secret", workspace, trigger.pk), {"overlap_h": "24", "secret": ""})
    assert answer.context["key"] in answer.text
    assert "signs until" in client.get(trigger.get_absolute_url()).text
    client.post(url("trigger-secret-end", workspace, trigger.pk))
    assert TriggerKey.objects.get().number == 2
    assert client.post(url("trigger-secret", workspace, trigger.pk), {"overlap_h": "5"}).status_code == 422


def test_a_deleted_one_is_gone_with_its_secrets(client_of, workspace, admin, webhook):
    trigger, _ = webhook()
    client = client_of(admin)
    assert client.get(url("trigger-removal", workspace, trigger.pk)).status_code == 200
    client.post(url("trigger-removal", workspace, trigger.pk))
    assert client.get(trigger.get_absolute_url()).status_code == 404
    assert not TriggerKey.objects.exists()
    assert not Trigger.objects.kept().exists()


def test_deliveries_are_listed_filtered_and_say_what_became_of_them(client_of, workspace, admin, webhook, as_htmx):
    trigger, secret = webhook(quiet_ms=60_000, debounce_key="event.body.order")
    client, listed = client_of(admin), url("delivery-list", workspace, trigger.pk)
    assert "Nothing has come in yet" in client.get(listed).text
    for number in range(3):
        send(trigger, secret, {"id": f"o-{number}", "order": 1}, id=f"msg_{number}")
    tend(trigger.pk, now=datetime(2030, 1, 1, tzinfo=UTC))
    send(trigger, secret, {"id": "o-9", "order": 2}, id="msg_9")
    page = client.get(listed).text
    assert "Merged into" in page and "msg_9" in page
    merged = as_htmx(admin).get(listed, {"became": "merged"})
    assert merged.context["page"].paginator.count == 2
    assert client.get(listed, {"id": "msg_9"}).context["page"].paginator.count == 1
    assert "No delivery fits" in client.get(listed, {"id": "nobody"}).text
    assert TriggerDelivery.objects.count() == 4


def test_what_was_not_taken_is_told_with_its_reason(client_of, workspace, admin, webhook):
    trigger, secret = webhook(per_minute=1)
    client, listed = client_of(admin), url("delivery-list", workspace, trigger.pk)
    assert "Everything that came in was taken" in client.get(listed).text
    for number in range(3):
        send(trigger, secret, {"id": f"o-{number}"})
    send(trigger, another_secret(), {"id": "o-4"})
    switch_off(trigger, actor=admin, reason="Moving house")
    send(trigger, secret, {"id": "o-5"})
    answer = client.get(listed)
    told = {one.reason: (one.number, one.status) for one in answer.context["not_taken"]}
    assert told == {"over_budget": (2, 429), "unsigned": (1, 401), "switched_off": (1, 401)}
    assert "Over budget" in answer.text and "Raise the deliveries a minute" in answer.text
    page = client.get(trigger.get_absolute_url()).text
    assert "1 not well signed, 2 over budget, 1 while it was off" in page


def test_the_list_asks_as_much_of_many_as_of_few(client_of, workspace, admin, webhook, django_assert_max_num_queries):
    for number in range(3):
        webhook(is_on=False, slug=f"t{number}")
    client = client_of(admin)
    client.get(url("trigger-list", workspace))
    with CaptureQueriesContext(connection) as few:
        client.get(url("trigger-list", workspace))
    asked = len(few)
    assert 0 < asked <= 16
    for number in range(3, 12):
        webhook(is_on=False, slug=f"t{number}")
    with django_assert_max_num_queries(asked):
        client.get(url("trigger-list", workspace))


def test_deliveries_ask_as_much_of_many_as_of_few(client_of, workspace, admin, webhook, django_assert_max_num_queries):
    trigger, secret = webhook()
    client, listed = client_of(admin), url("delivery-list", workspace, trigger.pk)
    for number in range(2):
        send(trigger, secret, {"id": f"o-{number}"})
    tend(trigger.pk)
    client.get(listed)
    with CaptureQueriesContext(connection) as few:
        client.get(listed)
    asked = len(few)
    assert 0 < asked <= 16
    for number in range(2, 9):
        send(trigger, secret, {"id": f"o-{number}"})
    tend(trigger.pk)
    with django_assert_max_num_queries(asked):
        client.get(listed)


def test_a_secret_of_the_senders_own_waits_in_no_session(client_of, workspace, admin, webhook, settings):
    trigger, _ = webhook()
    settings.ACCOUNT_REAUTHENTICATION_TIMEOUT = 0
    client = client_of(admin)
    asked = client.post(url("trigger-secret", workspace, trigger.pk), {"overlap_h": "0", "secret": ""})
    assert asked.status_code == 302 and TriggerKey.objects.get().number == 1
    own = another_secret()
    client.post(url("trigger-secret", workspace, trigger.pk), {"overlap_h": "0", "secret": own})
    assert send(trigger, own, {"id": "a"}).status_code == 202
    assert own not in str(client.session.items())


def test_runs_are_filtered_by_what_started_them_and_say_so(client_of, workspace, admin, webhook):
    trigger, secret = webhook()
    send(trigger, secret, {"id": "o-1"})
    tend(trigger.pk)
    run = Run.objects.get(trigger=trigger)
    client = client_of(admin)
    found = client.get(url("run-list", workspace), {"trigger": "new-things"})
    assert [one.pk for one in found.context["page"].object_list] == [run.pk]
    assert "by New things" in found.text
    assert not client.get(url("run-list", workspace), {"trigger": "-"}).context["page"].object_list
    assert trigger.get_absolute_url() in client.get(run.get_absolute_url()).text


def test_a_schedule_shows_its_next_three_times(client_of, workspace, admin, schedule):
    trigger = schedule()
    answer = client_of(admin).get(trigger.get_absolute_url())
    assert len(answer.context["page"].next_times) == 3
    assert "0 8 * * *" in answer.text and "Europe/Berlin" in answer.text
    assert client_of(admin).get(url("delivery-list", workspace, trigger.pk)).status_code == 409


def test_a_schedule_is_made_with_its_times_checked(client_of, workspace, admin, probe):
    client, address = client_of(admin), made_at(workspace, kind="schedule", target="probe.look_up")
    said = {
        "name": "Nightly",
        "cron": "0 25 * * *",
        "zone": "Europe/Berlin",
        "input-key": "'all'",
        "scopes": ["things.read"],
    }
    assert "cron" in client.post(address, said).context["form"].errors
    assert "zone" in client.post(address, said | {"cron": "0 2 * * *", "zone": "Mars"}).context["form"].errors
    assert client.post(address, said | {"cron": "0 2 * * *"}).status_code == 302
    assert Trigger.objects.get().slug == "nightly"


def test_another_workspace_sees_none_of_it(client_of, other_workspace, stranger, webhook):
    trigger, _ = webhook()
    client = client_of(stranger)
    assert client.get(url("trigger-detail", other_workspace, trigger.pk)).status_code == 404
    assert "No triggers yet" in client.get(url("trigger-list", other_workspace)).text
