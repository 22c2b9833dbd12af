"""Golden flows: packs played on samples each night, held against what was accepted, and told where they are not."""

import json
import socket
from datetime import date, timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import AuditEvent, Notification
from galaxy.core.permissions import NotGranted
from registry.models import Version
from registry.services import install
from registry.services.moving import move_pin
from sandbox.golden import asking, nights
from sandbox.golden.comparing import compare
from sandbox.golden.nights import accept, begin_nights, flow_of, mark, play_night, play_now, top_packs
from sandbox.models import GoldenNight, Issue, Run
from sandbox.runners.simulated import SimulatedRunner
from sandbox.services import invoke, perform
from sandbox.upgrades.replaying import NotReplayed
from tests.extensions import PACK, PROBE, TIDY, installed, publish
from tests.playhouse import staged
from tests.ruling import put_in_force

CATALOG = Path(__file__).parents[3] / "catalog"
NIGHT = date(2026, 11, 27)


def shipped(path):
    return (CATALOG / path / "manifest.yaml").read_text()


@pytest.fixture
@staged
def flow(workspace, admin):
    """The pack of the tests, installed with all it needs."""
    return installed(workspace, admin, PROBE, TIDY, PACK)[-1]


@pytest.fixture
def pack(flow):
    return type(flow).objects.select_related("workspace", "extension", "pin__version", "installed_by").get(pk=flow.pk)


def play(pack, admin):
    return play_night(play_now(pack, actor=admin).pk)


def release(number, *pairs, status=Version.Status.PUBLISHED):
    """Another version of the connector, with parts of its text replaced."""
    text = PROBE.replace("version: 1.0.0", f"version: {number}")
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return publish(text)


def moved_to(version, pack, admin):
    probe = pack.__class__.objects.get(workspace=pack.workspace, extension=version.extension)
    return move_pin(probe, version=version, actor=admin)


def issues():
    return Issue.objects.filter(kind=Issue.Kind.GOLDEN_FAILING)


LINKED = ("fake_id('thing-', inputs.key)\", owner", "fake_id('other-', inputs.key)\", owner")


def test_a_worker_that_was_lost_before_the_clock_was_set_back_holds_no_night(pack, admin):
    """Its lease lies an hour ahead since."""
    night = play_now(pack, actor=admin)
    held = {"state": "playing", "attempt": 1, "lease_until": timezone.now() + timedelta(seconds=15)}
    GoldenNight.objects.filter(pk=night.pk).update(**held)
    assert play_night(night.pk).state == "playing", "somebody has it"
    GoldenNight.objects.filter(pk=night.pk).update(lease_until=timezone.now() + timedelta(hours=1))
    found = play_night(night.pk)
    assert (found.state, found.attempt) == ("done", 2)


# --- Shipped packs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "needs"),
    [
        ("packs/lead.follow-up", ("connectors/hubspot", "connectors/slack", "transforms/leads.clean")),
        (
            "packs/customer.onboarding",
            ("connectors/google-drive", "connectors/notion", "connectors/salesforce", "connectors/gmail",
             "transforms/leads.clean"),
        ),
    ],
)  # fmt: skip
def test_each_shipped_pack_reaches_its_outcome_and_does_so_again(workspace, admin, monkeypatch, path, needs):
    made = installed(workspace, admin, *map(shipped, needs))
    version = publish(shipped(path))
    examples = CATALOG / path / "examples.json"
    monkeypatch.setattr("sandbox.golden.cases.verified_file", lambda digest, name: examples.read_bytes())
    pack = install(workspace, version.extension, version=version, actor=admin)
    assert len(made) == len(needs)
    first = play(pack, admin)
    assert (first.state, first.failure, first.is_first) == ("done", "", True)
    played = first.sides["pinned"]["played"]
    assert len(played) >= len(json.loads(examples.read_text()))
    assert all(one["outcome"]["is_reached"] and not one["fails"] for one in played)
    assert "no sockets by the kernel" in first.content["walls"]
    again = play(pack, admin)
    assert (again.pinned, again.newest, again.is_first) == (0, 0, False)
    assert again.sides["pinned"]["played"] == played
    assert not issues().exists()


def test_it_answers_what_the_gate_answers_in_sim_mode(workspace, admin, pack, monkeypatch):
    monkeypatch.setattr(SimulatedRunner, "_pass_time", lambda self, sample: None)
    inputs = pack.pin.version.parsed.canonical["sample"]["inputs"]
    run = invoke(workspace, actor=admin, target="probe.flow", inputs=inputs, simulate=True)
    Run.objects.filter(pk=run.pk).update(seed=5)
    run = perform(run.pk)
    case = {"id": "sample", "inputs": inputs, "seed": 5, "now": run.created_at.isoformat()}
    _, (played,) = asking.play_cases(workspace.pk, pack.pin.version.parsed, _pinned(pack), [case])
    answered = {step["step"]: step.get("outputs") for step in played["steps"]}
    assert answered == {child.step_id: child.outputs for child in run.steps.all()} | {"drop": None}


def _pinned(pack):
    return nights.pinned_parts(pack, pack.pin.version.parsed)


# --- A planted regression ----------------------------------------------------------------------------------------


def test_a_newest_version_that_answers_otherwise_is_an_issue_by_morning_and_heals(
    workspace, admin, pack, django_capture_on_commit_callbacks
):
    play(pack, admin)
    release("1.1.0", LINKED)
    assert begin_nights(workspace, NIGHT) == 1
    night = play_night(GoldenNight.objects.get(night=NIGHT).pk)
    assert (night.pinned, night.newest > 0) == (0, True)
    (issue,) = issues().open()
    assert issue.owner == admin
    assert "Step “make” answers otherwise in id." in issue.sentence
    assert issue.facts["probe"] == "1.0.0, newest 1.1.0"
    assert Notification.objects.filter(kind="issue_opened", target_id=issue.pk, person=admin).exists()
    release("1.2.0")
    assert play(pack, admin).is_well
    issue.refresh_from_db()
    assert issue.closed_at is not None
    assert "again" in issue.closed_because


def test_what_a_moved_pin_changes_is_found(workspace, admin, pack):
    play(pack, admin)
    moved_to(release("1.1.0", LINKED), pack, admin)
    night = play(pack, admin)
    found = night.sides["pinned"]["findings"]
    assert {one["kind"] for one in found} == {"differs"}
    assert found[0]["fields"] == ["id"]
    assert issues().open().count() == 1


STEP = {"step": "make", "item": 0, "use": "probe.create", "inputs": {}, "outputs": {"id": "a"}, "fails": ""}
STEP |= {"hosts": ["a.example"], "scopes": ["things.write"], "classes": ["email"], "effect": "allow"}


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        ({"hosts": ["a.example", "b.example"]}, "new_host", "b.example"),
        ({"hosts": ["a.example", "{connection.host}"]}, "new_host", "the host of its connection"),
        ({"scopes": ["things.delete", "things.write"]}, "new_scope", "things.delete"),
        ({"classes": ["email", "phone"]}, "new_class", "phone"),
        ({"effect": "require_approval"}, "asks", "a person’s yes"),
        ({"effect": "deny"}, "refused", "refused by the rules"),
        ({"outputs": {"id": "b"}}, "differs", "in id"),
        ({"is_left_out": True}, "steps", "left out now"),
        ({"step": "other"}, "steps", "is new"),
    ],
)
def test_each_kind_of_finding_is_told_by_its_own_words(change, kind, words):
    def played(step):
        outcome = {"name": "made", "is_reached": True}
        return [{"id": "sample", "steps": [step], "outcome": outcome, "fails": ""}]

    found = compare(played(STEP), played(STEP | change))
    assert found[0].kind == kind
    assert words in found[0].text
    assert compare(played(STEP), played(dict(STEP))) == []
    assert {one.kind for one in compare([], played(STEP | change))} == set()  # nothing to hold it against yet


def test_a_rule_that_asks_now_is_found(workspace, admin, pack):
    play(pack, admin)
    put_in_force(workspace, admin, "require_approval", what={"actions": ["probe.create"]})
    night = play(pack, admin)
    kinds = {(one["kind"], one["step"]) for one in night.sides["pinned"]["findings"]}
    assert ("asks", "make") in kinds


def test_a_lost_outcome_is_found(workspace, admin, pack):
    play(pack, admin)
    broken = PACK.replace("version: 1.0.0", "version: 1.1.0").replace(
        "success: steps.look.id", "success: steps.look.nothing"
    )
    move_pin(pack, version=publish(broken), actor=admin, agrees=True)
    pack.refresh_from_db()
    night = play(type(pack).objects.select_related("workspace", "extension").get(pk=pack.pk), admin)
    assert "outcome" in {one["kind"] for one in night.sides["pinned"]["findings"]}


def test_an_issue_quotes_no_value(workspace, admin, pack):
    play(pack, admin)
    release("1.1.0", LINKED)
    play(pack, admin)
    issue = issues().get()
    assert "other-" not in issue.sentence + json.dumps(issue.facts)


# --- Accepting ---------------------------------------------------------------------------------------------------


def test_a_person_accepts_the_new_behaviour_with_a_reason(workspace, admin, member, pack):
    play(pack, admin)
    moved_to(release("1.1.0", LINKED), pack, admin)
    night = play(pack, admin)
    with pytest.raises(Invalid):
        accept(night, side="pinned", reason=" ", actor=admin)
    with pytest.raises(NotGranted):
        accept(night, side="pinned", reason="Fine", actor=member)
    accept(night, side="pinned", reason="The vendor names them otherwise now.", actor=admin)
    event = AuditEvent.objects.filter(action="golden_flow.accepted").latest("id")
    assert event.target_id == str(pack.pk)
    assert play(pack, admin).is_well
    assert not issues().open().exists()
    with pytest.raises(Conflict):
        accept(night, side="pinned", reason="Once more", actor=admin)


def test_what_was_accepted_as_newest_is_fine_once_pins_are_there(workspace, admin, pack):
    play(pack, admin)
    version = release("1.1.0", LINKED)
    accept(play(pack, admin), side="newest", reason="Coming with the update.", actor=admin)
    assert play(pack, admin).is_well
    moved_to(version, pack, admin)
    assert play(pack, admin).is_well


# --- Nights ------------------------------------------------------------------------------------------------------


def test_a_night_is_played_once_however_often_the_task_comes(workspace, admin, pack):
    assert begin_nights(workspace, NIGHT) == 1
    assert begin_nights(workspace, NIGHT) == 1  # not played yet, so it is called for again
    row = GoldenNight.objects.get()
    done = play_night(row.pk)
    assert play_night(row.pk).finished_at == done.finished_at
    assert begin_nights(workspace, NIGHT) == 0
    assert GoldenNight.objects.count() == 1
    assert nights.workspaces_with_packs() == [workspace.pk]


def test_nothing_leaves_while_it_is_played(workspace, admin, pack, monkeypatch):
    def refused(*args, **kwargs):
        raise AssertionError("A golden flow reached out.")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr("sandbox.sandboxd.client.socket.socket", refused)
    night = play(pack, admin)
    assert (night.state, night.is_first) == ("done", True)
    assert not Run.objects.exists()


def test_what_cannot_be_played_says_so_and_blames_no_pack(workspace, admin, pack, monkeypatch):
    def away(*args, **kwargs):
        raise NotReplayed("A transform in Python was not replayed.")

    monkeypatch.setattr(nights, "play_cases", away)
    night = play(pack, admin)
    assert (night.state, night.failure) == ("failed", "A transform in Python was not replayed.")
    assert not issues().exists()


def test_marked_packs_come_first(workspace, admin, pack, settings):
    other = PACK.replace("probe.flow", "a.flow").replace("Probe flow", "Another")
    installed(workspace, admin, other)
    settings.GALAXY_GOLDEN_PACKS = 1
    assert [one.extension.slug for one in top_packs(workspace)] == ["a.flow"]
    mark(pack, is_marked=True, actor=admin)
    assert [one.extension.slug for one in top_packs(workspace)] == ["probe.flow"]


def test_recorded_calls_are_played_as_they_were_kept(client_of, workspace, admin, member, pack, monkeypatch):
    monkeypatch.setattr(SimulatedRunner, "_pass_time", lambda self, sample: None)
    run = invoke(workspace, actor=admin, target="probe.flow", inputs={"name": "B", "on": "2026-02-03"}, simulate=True)
    perform(run.pk)
    night = play(pack, admin)
    titles = [case["title"] for case in night.content["cases"]]
    assert any(title.startswith("Recorded, simulated") for title in titles)
    assert night.is_first
    case = night.content["cases"][-1]["id"]
    address = f"/w/meridian/installed/{pack.pk}/golden/?side=pinned&case={case}"
    assert "2026-02-03" in client_of(admin).get(address).text
    page = client_of(member).get(address).text  # what somebody's run was given is shown as that run is
    assert "2026-02-03" not in page and "may see every run" in page


def test_a_recording_that_fails_by_what_is_hidden_in_it_is_left_out(workspace, admin, pack, monkeypatch):
    hidden = [("run-1", "Recorded, live: r_1", {"name": "B", "on": "hidden"})]
    monkeypatch.setattr("sandbox.golden.cases._recorded", lambda installation: hidden)
    night = play(pack, admin)
    assert [case["id"] for case in night.content["cases"]] == ["sample"]
    assert night.is_first


# --- The page ----------------------------------------------------------------------------------------------------


def test_the_page_plays_shows_and_accepts(client_of, workspace, admin, member, pack):
    url = f"/w/meridian/installed/{pack.pk}/golden/"
    assert f'href="{url}"' in client_of(admin).get(pack.get_absolute_url()).content.decode()
    assert "Not played yet" in client_of(admin).get(url).content.decode()
    answer = client_of(admin).post(f"{url}play/")
    night = GoldenNight.objects.get()
    assert answer["Location"] == f"{url}?night={night.pk}"
    partial = client_of(admin, **{"HX-Request": "true"}).get(f"/w/meridian/golden-nights/{night.pk}/").content.decode()
    assert 'hx-trigger="every 1s"' in partial
    play_night(night.pk)
    release("1.1.0", LINKED)
    night = play(pack, admin)
    page = client_of(admin).get(f"{url}?night={night.pk}&side=newest&case=sample").content.decode()
    assert "<title>[Sim] " in page
    assert 'class="simband"' in page
    assert "Answers otherwise" in page
    assert "With the newest versions" in page
    assert 'id="case"' in page
    acceptance = f"/w/meridian/golden-nights/{night.pk}/acceptance/"
    assert client_of(admin).post(acceptance, {"side": "newest", "reason": ""}).status_code == 422
    assert client_of(member).post(acceptance, {"side": "newest", "reason": "Fine"}).status_code == 403
    assert client_of(admin).post(acceptance, {"side": "newest", "reason": "It is right"}).status_code == 302
    assert flow_of(pack).reason == "It is right"
    assert client_of(admin).post(f"{url}mark/", {"mark": "on"}).status_code == 302
    assert flow_of(pack).is_marked


def test_only_packs_have_one(client_of, workspace, admin, pack):
    probe = type(pack).objects.get(workspace=workspace, extension__slug="probe")
    assert client_of(admin).get(f"/w/meridian/installed/{probe.pk}/golden/").status_code == 404


def test_the_page_asks_a_fixed_number_of_queries(client_of, workspace, admin, pack, django_assert_max_num_queries):
    for _ in range(6):
        play(pack, admin)
    client = client_of(admin)
    client.get(f"/w/meridian/installed/{pack.pk}/golden/")
    with django_assert_max_num_queries(40):
        client.get(f"/w/meridian/installed/{pack.pk}/golden/")
