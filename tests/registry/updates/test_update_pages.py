"""The pages about updates: what waits and why, rules, holds, packs, planned moves and roll-outs."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import AuditEvent, Notification
from registry.models import Hold, PackPin, Pin, RollOut, ScheduledMove, UpdateDefaults, UpdateSettings
from registry.services import install
from registry.updates.rules import hold, set_defaults
from registry.updates.scheduling import make_due_moves
from registry.updates.sweeping import take_due_updates
from tests.registry.samples import action, connector, pack, publish
from tests.ruling import put_in_force

WIDE = action() + action(id="drop_thing", scope="things.delete", method="DELETE")
HOURS = {"days": ["0", "1"], "opens_at": "06:00", "closes_at": "08:00", "time_zone": "Europe/Berlin"}
WAITS = {"wait_community": "10", "wait_verified": "7", "wait_enterprise": "3", "wait_own": "0"}


@pytest.fixture
def put(workspace, admin):
    def put(manifest):
        version = publish(manifest)
        return install(workspace, version.extension, version=version, actor=admin)

    return put


@pytest.fixture
def held(put):
    return put(connector("acme", "1.2.0"))


@pytest.fixture
def fix(held):
    return publish(connector("acme", "1.2.1"), security_fix="Reads nothing foreign.", changes="Mends a hole.")


def page(name: str, workspace, *args) -> str:
    return reverse(f"registry:{name}", args=[workspace.slug, *args])


def test_the_list_says_what_waits_and_why(client_of, admin, member, workspace, held, fix):
    set_defaults(workspace, actor=admin, values={"policy": "minor"})
    publish(connector("acme", "1.3.0", WIDE))
    text = client_of(admin).get(page("update-list", workspace)).text
    for words in ("In its 14-day wait", "Mends a hole.", "Security", "1.3.0 is out as well.", "things.delete"):
        assert words in text
    assert "Needs “Move and pin" in client_of(member).get(page("update-list", workspace)).text


def test_everything_at_its_newest_is_no_empty_table(client_of, admin, workspace, held):
    assert "Everything is at its newest release" in client_of(admin).get(page("update-list", workspace)).text


def test_what_a_rule_stops_is_not_told_as_if_it_were_taken(client_of, admin, workspace, held, fix):
    set_defaults(workspace, actor=admin, values={"policy": "minor", **dict.fromkeys(WAITS, 0)})
    text = client_of(admin).get(page("update-list", workspace)).text
    assert "It is taken now." in text and "A rule stops it" not in text
    put_in_force(workspace, admin, "require_approval", what={"acts": ["upgrade"]})
    for address in (page("update-list", workspace), held.get_absolute_url()):
        text = client_of(admin).get(address).text
        assert "A rule stops it" in text and "It is not taken by itself." in text and "It is taken now." not in text
    assert take_due_updates(timezone.now()) == 0


def test_the_list_asks_as_much_for_many_as_for_few(client_of, admin, workspace, put):
    def queries() -> int:
        with CaptureQueriesContext(connection) as found:
            assert client.get(page("update-list", workspace)).status_code == 200
        return len(found)

    set_defaults(workspace, actor=admin, values={"policy": "minor", **dict.fromkeys(WAITS, 0)})
    put_in_force(workspace, admin, "require_approval", what={"acts": ["upgrade"]})
    client = client_of(admin)
    for number in range(2):
        put(connector(f"few{number}", "1.0.0"))
        publish(connector(f"few{number}", "1.0.1"))
    queries()
    few = queries()
    for number in range(6):
        put(connector(f"many{number}", "1.0.0"))
        publish(connector(f"many{number}", "1.0.1"))
        publish(connector(f"many{number}", "1.1.0"))
    queries()  # what is verified once is kept by its digest
    assert queries() == few


def test_the_rules_of_the_workspace_are_set_in_a_form(client_of, admin, member, workspace):
    url = page("update-rules", workspace)
    said = HOURS | WAITS | {"policy": "patch"}
    assert client_of(member).post(url, said).status_code == 403
    wrong = client_of(admin).post(url, said | {"days": [], "closes_at": "06:10"})
    assert wrong.status_code == 422
    assert "Choose at least one day." in wrong.text and "A window is open for at least 30 minutes." in wrong.text
    assert client_of(admin).post(url, said).status_code == 302
    row = UpdateDefaults.objects.get()
    assert (row.policy, row.weekdays, row.time_zone, row.wait_community) == ("patch", 0b11, "Europe/Berlin", 10)
    assert "Monday, Tuesday, 06:00 to 08:00" in client_of(admin).get(page("update-list", workspace)).text


def test_an_installation_says_otherwise_and_then_again_not(client_of, admin, workspace, held):
    url = page("update-settings", workspace, held.pk)
    client = client_of(admin)
    assert client.post(url, HOURS | {"policy": "minor", "own_window": "own", "waiting_days": "2"}).status_code == 302
    row = UpdateSettings.objects.get()
    assert (row.policy, row.weekdays, row.waiting_days) == ("minor", 0b11, 2)
    card = client.get(held.get_absolute_url()).text
    assert "Fixes and additions, never wider" in card and "2 days after a release" in card
    assert client.post(url, HOURS | {"policy": "", "own_window": "", "waiting_days": ""}).status_code == 302
    row.refresh_from_db()
    assert (row.policy, row.weekdays, row.waiting_days) == ("", None, None)


def test_it_is_held_with_a_reason_and_let_go(client_of, admin, member, workspace, held):
    url = page("hold-create", workspace, held.pk)
    client = client_of(admin)
    assert client.post(url, {"reason": " "}).status_code == 422
    assert client_of(member).post(url, {"reason": "No."}).status_code == 403
    client.post(url, {"reason": "Quarter end."})
    assert "“Quarter end.”" in client.get(held.get_absolute_url()).text
    client.post(page("hold-removal", workspace, held.pk))
    assert not Hold.objects.exists()
    assert "Quarter end." not in client.get(held.get_absolute_url()).text


def test_two_people_take_a_fix_without_its_wait(client_of, admin, owner, workspace, held, fix):
    set_defaults(workspace, actor=admin, values={"policy": "patch"})
    url = page("wait-skip", workspace, held.pk)
    assert "Take it without its wait…" in client_of(admin).get(held.get_absolute_url()).text
    assert client_of(admin).post(url, {"to": fix.digest, "reason": ""}).status_code == 422
    client_of(admin).post(url, {"to": fix.digest, "reason": "It is used."})
    assert "You asked for it." in client_of(admin).get(f"{url}?to={fix.digest}").text
    assert "It is used." in client_of(owner).get(f"{url}?to={fix.digest}").text
    client_of(owner).post(url, {"to": fix.digest})
    assert AuditEvent.objects.filter(action="update_wait.skipped").count() == 1
    assert client_of(owner).get(f"{url}?to={'0' * 64}").status_code == 404


def test_a_move_is_planned_made_when_its_time_has_come_and_told(client_of, admin, workspace, held, fix):
    url = page("move-schedule", workspace, held.pk)
    client, soon = client_of(admin), timezone.now() + timedelta(hours=3)
    late = {"to": fix.digest, "at": "2020-01-01T10:00", "zone": "UTC"}
    assert client.post(url, late).status_code == 422
    said = {"to": fix.digest, "at": f"{soon:%Y-%m-%dT%H:%M}", "zone": "UTC"}
    assert client.post(url, said).status_code == 302
    assert client.post(url, said).status_code == 409
    assert make_due_moves(soon - timedelta(hours=1)) == 0
    assert [make_due_moves(soon), make_due_moves(soon)] == [1, 0]
    assert Pin.objects.get(installation=held).version == fix
    assert Notification.objects.filter(kind="move_made", person=admin).exists()


def test_a_move_that_something_stands_in_the_way_of_says_so_and_moves_nothing(client_of, admin, workspace, held, fix):
    soon = timezone.now() + timedelta(hours=3)
    said = {"to": fix.digest, "at": f"{soon:%Y-%m-%dT%H:%M}", "zone": "UTC"}
    client_of(admin).post(page("move-schedule", workspace, held.pk), said)
    hold(held, actor=admin, reason="Quarter end.")
    assert make_due_moves(soon) == 0
    move = ScheduledMove.objects.get()
    assert (move.state, "Quarter end." in move.why) == ("failed", True)
    assert "Quarter end." in Notification.objects.get(kind="move_failed").note


def test_what_asks_for_more_is_planned_by_name_or_not_at_all(client_of, admin, workspace, held):
    wide = publish(connector("acme", "1.3.0", WIDE))
    url, soon = page("move-schedule", workspace, held.pk), timezone.now() + timedelta(hours=3)
    said = {"to": wide.digest, "at": f"{soon:%Y-%m-%dT%H:%M}", "zone": "UTC"}
    assert client_of(admin).post(url, said).status_code == 409
    assert client_of(admin).post(url, said | {"agreed": ["things.delete"]}).status_code == 302
    client_of(admin).post(page("move-removal", workspace, held.pk))
    assert ScheduledMove.objects.get().state == "cancelled"


def test_a_pack_gets_a_version_of_its_own_and_gives_it_back(client_of, admin, workspace, held, put):
    caller = put(pack())
    newer = publish(connector("acme", "1.3.0"))
    url, client = page("pack-pin-list", workspace, held.pk), client_of(admin)
    said = {"pack": str(caller.pk), "version": newer.digest, "reason": "Tried there."}
    assert client.post(url, said | {"reason": ""}).status_code == 422
    assert client.post(url, said).status_code == 302
    assert "Tried there." in client.get(url).text
    assert "calls <code>1.3.0</code>" in client.get(held.get_absolute_url()).text
    client.post(page("pack-pin-removal", workspace, held.pk, PackPin.objects.get().pk))
    assert not PackPin.objects.exists()
    alone = put(connector("alone"))
    assert "No pack here calls it" in client.get(page("pack-pin-list", workspace, alone.pk)).text


def test_a_roll_out_is_begun_stopped_and_taken_back_on_its_page(
    client_of, as_htmx, admin, member, workspace, held, fix
):
    url, client = page("roll-out-create", workspace, held.pk), client_of(admin)
    said = {"to": fix.digest, "way": "percent", "stages": "5 % for 24 h\n50 % for 12 h", "least_calls": "20"}
    said |= {"tolerance": "2", "hours": "24"}
    text = client.get(url, {"to": fix.digest}).text
    assert "No pack here calls it" in text and "Some packs" not in text  # nothing to choose from is no choice
    assert client.post(url, said | {"way": "packs"}).status_code == 422
    assert "is not of the form" in client.post(url, said | {"stages": "half"}).text
    assert "Each stage has more" in client.post(url, said | {"stages": "50 % 1 h\n5 % 1 h"}).text
    answer = client.post(url, said)
    rollout = RollOut.objects.get()
    assert answer.url == rollout.get_absolute_url()
    text = client.get(rollout.get_absolute_url()).text
    assert "5 % of the runs take 1.2.1" in text and "20 more calls were made" in text
    partial = as_htmx(admin).get(rollout.get_absolute_url()).text
    assert partial.lstrip().startswith("<div") and 'hx-trigger="every 15s"' in partial
    decide = page("roll-out-decision", workspace, rollout.pk)
    assert client_of(member).post(decide, {"act": "stop", "reason": "x"}).status_code == 403
    assert client.post(decide, {"act": "stop", "reason": ""}).status_code == 422
    client.post(decide, {"act": "stop", "reason": "Looks odd."})
    stopped = client.get(rollout.get_absolute_url()).text
    assert "Looks odd." in stopped and "Go on" in stopped and "every 15s" not in stopped
    listed = client.get(page("update-list", workspace)).text
    assert "Roll-out stopped" in listed and "is being rolled out" not in listed
    for act in ("resume", "advance"):
        client.post(decide, {"act": act})
    client.post(decide, {"act": "return", "reason": "Not now."})
    rollout.refresh_from_db()
    assert (rollout.state, rollout.stage) == ("returned", 1)
    assert client.post(decide, {"act": "finish"}).status_code == 409
    assert client.post(decide, {"act": "other"}).status_code == 422


def test_a_stranger_finds_nothing_of_it(client_of, stranger, workspace, held, fix, admin):
    for name in ("update-settings", "hold-create", "pack-pin-list", "roll-out-create", "move-schedule", "wait-skip"):
        assert client_of(stranger).get(page(name, workspace, held.pk)).status_code == 404
