"""F45 and F56: what waits for a yes is tried out first, and its records are shown as they are and as they would be."""

from pathlib import Path

import pytest
from django.urls import reverse
from django.utils import timezone

from galaxy.core.audit.reading import details_of
from galaxy.core.members import grant_on
from galaxy.core.models import AuditEvent
from policies.models import Decision
from policies.reading import request_of
from policies.recommending import Verdict
from policies.subjects import subject_of
from registry.models import Connection
from sandbox.models import Rehearsal, Run, RunPayload
from sandbox.runners import Reply
from sandbox.services import cancel_run, invoke, perform
from tests.extensions import PROBE, installed
from tests.playhouse import staged
from tests.ruling import put_in_force
from tests.sandbox.scripted import Live, connected

PEOPLE = """
connector: people
version: 1.0.0
name: People
summary: A made-up system that knows people.
auth: { type: bearer }
base_url: https://api.people.example
egress: [{ host: api.people.example }]
permissions: { required: [people.read, people.write, people.delete] }
fixtures:
  happy: { status: 200, body: { id: x1 } }
  "401": { status: 401 }
  "429": { status: 429 }
  "5xx": { status: 502 }
actions:
  - id: get
    name: Read a person
    method: GET
    path: /people/{id}
    inputs: { id: string }
    outputs: { id: string, email: email?, city: string?, plan: string? }
    scopes: [people.read]
    simulation: { answer: { id: inputs.id, email: "'old@one.example'", city: "'Rome'" } }
  - id: change
    name: Change a person
    method: PATCH
    path: /people/{id}
    inputs: { id: string, email: email?, city: string?, plan: string? }
    outputs: { id: string }
    scopes: [people.write]
    undo: change
    cost: { unit: call, amount: 0.05, currency: EUR }
    reads: { action: get, with: { id: inputs.id } }
    simulation: { answer: { id: inputs.id } }
  - id: drop
    name: Delete people
    method: POST
    path: /people/drop
    inputs: { ids: "string[]" }
    outputs: { id: string }
    scopes: [people.delete]
    bulk: { field: ids, over: 1 }
    reads: { action: get, each: inputs.ids, with: { id: entry } }
    simulation: { answer: { id: "'d1'" } }
"""
ASKED = {"actions": ["people.change"]}


@pytest.fixture
@staged
def people(workspace, admin):
    found = installed(workspace, admin, PEOPLE)[0]
    put_in_force(workspace, admin, "require_approval", what=ASKED)
    return found


def tried(run: Run) -> Run:
    """The rehearsal of a run that waits, done as a worker does it."""
    return perform(run.rehearsals.get(parent=None).pk)


def panels(run: Run, reader):
    return subject_of(run.approval).show(run.approval, reader)


def changes(record):
    return [(one.field, one.now, one.after) for one in record.changes]


def test_a_change_that_waits_is_compared_field_by_field(workspace, admin, approver, people):
    inputs = {"id": "7", "email": "new@two.example", "city": "Rome", "plan": "gold"}
    run = invoke(workspace, actor=admin, target="people.change", inputs=inputs)
    assert "being tried out" in panels(run, approver).effect_note
    rehearsal = tried(run)
    assert (rehearsal.mode, rehearsal.state, rehearsal.approval) == ("simulated", "succeeded", None)
    shown = panels(run, approver)
    assert dict(shown.effect) == {
        "Would change": "1", "Already so": "0", "Refused": "0", "New fields": "1", "Estimated cost": "0.05 EUR",
    }  # fmt: skip
    assert changes(shown.records[0]) == [
        ("email", "o***@one.example", "n***@two.example"),
        ("plan", None, "gold"),
        ("city", "Rome", "Rome"),
        ("id", "7", "7"),
    ]
    assert (shown.undo, shown.records_note) == ("“Change a person” takes it back, as a call of its own.", "")
    assert "Nothing was reached" in shown.effect_note
    assert not RunPayload.objects.filter(run__rehearses=run).exists()


def test_of_a_bulk_delete_the_first_few_are_read_and_all_are_counted(workspace, admin, approver, people):
    run = invoke(workspace, actor=admin, target="people.drop", inputs={"ids": [str(at) for at in range(8)]})
    tried(run)
    shown = panels(run, approver)
    assert dict(shown.effect)["Would change"] == "5, and up to 3 more that were not looked at"
    assert shown.records_note == "The first 5 of 8 were looked at."
    assert changes(shown.records[0]) == [
        ("city", "Rome", None), ("email", "o***@one.example", None), ("id", "0", None), ("plan", None, None),
    ]  # fmt: skip
    assert dict(shown.facts)["Sample"] == "0, 1, 2 and 5 more"


def test_a_rehearsal_asks_nobody_counts_nowhere_and_is_listed_nowhere(workspace, admin, people):
    run = invoke(workspace, actor=admin, target="people.change", inputs={"id": "7"})
    tried(run)
    trials = Run.objects.filter(rehearses=run)
    assert {one.decision.effect for one in trials} == {"require_approval", "allow"}
    assert not trials.exclude(approval=None).exists()
    assert list(Run.objects.top_level()) == [run]
    assert Decision.objects.count() >= Run.objects.count()


def test_the_trail_tells_a_rehearsal_from_the_run_it_tries(client_of, workspace, admin, people):
    run = invoke(workspace, actor=admin, target="people.change", inputs={"id": "7"})
    trial = tried(run)
    events = AuditEvent.objects.filter(target_kind="run", action__startswith="run.")
    told = {(row.event.action, row.event.target_id == str(run.pk)): row.words for row in details_of(events, workspace)}
    assert told == {
        ("run.requested", True): "Run requested",
        ("run.requested", False): "Run requested, rehearsed",
        ("run.succeeded", False): "Run succeeded, rehearsed",
    }
    client = client_of(admin)
    lines = client.get(reverse("core:audit-list", args=[workspace.slug]), {"target": str(trial.pk)}).text
    assert "Run requested, rehearsed</a>" in lines and "Run succeeded, rehearsed</a>" in lines
    for subject, is_rehearsed in ((run, False), (trial, True)):
        event = AuditEvent.objects.get(action="run.requested", target_id=str(subject.pk))
        page = client.get(reverse("core:audit-detail", args=[workspace.slug, event.pk])).text
        assert ("<h1>Run requested, rehearsed</h1>" in page) == ("This was a rehearsal." in page) == is_rehearsed


def test_whose_read_is_refused_shows_why_and_nothing_more(workspace, admin, member, approver, people):
    grant_on(people, perm="registry.write_installation", user=member, actor=admin)
    put_in_force(workspace, admin, "deny", what={"actions": ["people.get"]})
    run = invoke(workspace, actor=member, target="people.change", inputs={"id": "7"})
    tried(run)
    shown = panels(run, approver)
    assert (shown.records, dict(shown.effect)["Would change"]) == ((), "1")
    assert shown.records_note.startswith("What is there now could not be read. ")


def test_a_simulation_that_fails_speaks_against_the_call(workspace, admin, approver):
    answers = "simulation: { answer: { id: inputs.id } }"
    installed(workspace, admin, PEOPLE.replace(answers, "simulation: { answer: { id: inputs.plan } }"))
    put_in_force(workspace, admin, "require_approval", what=ASKED)
    run = invoke(workspace, actor=admin, target="people.change", inputs={"id": "7"})
    assert panels(run, approver).has_failed is None
    assert request_of(run.approval, approver).recommendation.verdict == Verdict.APPROVE
    assert tried(run).state == "failed"
    said = request_of(run.approval, approver).recommendation
    assert (panels(run, approver).has_failed, said.verdict) == (True, Verdict.REJECT)
    assert said.reasons == ("Its simulation failed, so it would most likely fail for real.",)


class AtTheVendor:
    """Live calls of ``people.get`` answer with what stands in ``known``."""

    def __init__(self, workspace, actor, monkeypatch):
        self.live = Live(workspace, actor, monkeypatch)

    def knows(self, body, status=200):
        self.runner = self.live.answers(Reply(status, body, outputs=body, has_acted=False))


def test_of_a_live_call_the_records_are_read_live_with_the_rights_of_whoever_asks(
    workspace, admin, approver, people, monkeypatch
):
    connected(people)
    vendor = AtTheVendor(workspace, admin, monkeypatch)
    run = vendor.live.asked("people.change", {"id": "7", "email": "new@two.example"})
    assert (run.mode, run.state) == ("live", "waiting")
    vendor.knows({"id": "7", "email": "real@three.example"})
    tried(run)
    read = Run.objects.get(rehearses=run, target="people.get")
    assert (read.mode, read.requested_by, read.decision.effect) == ("live", admin, "allow")
    assert ("email", "r***@three.example", "n***@two.example") in changes(panels(run, approver).records[0])


def test_a_record_that_is_not_there_would_be_refused(workspace, admin, approver, people, monkeypatch):
    connected(people)
    vendor = AtTheVendor(workspace, admin, monkeypatch)
    run = vendor.live.asked("people.change", {"id": "7", "email": "new@two.example"})
    vendor.knows({}, status=404)
    tried(run)
    shown = panels(run, approver)
    assert (dict(shown.effect)["Refused"], shown.records[0].name) == ("1", "7, which is not there")


def test_what_is_called_off_is_not_tried_any_more(workspace, admin, people):
    run = invoke(workspace, actor=admin, target="people.change", inputs={"id": "7"})
    cancel_run(run, actor=admin)
    assert run.rehearsals.get().state == "cancelled"
    assert not RunPayload.objects.exists()


def test_only_the_newest_trial_of_what_still_waits_is_kept(workspace, admin, people):
    run = invoke(workspace, actor=admin, target="people.change", inputs={"id": "7"})
    trial = run.rehearsals.get()
    Run.objects.filter(pk=run.pk).update(state="cancelled", finished_at=timezone.now())
    perform(trial.pk)
    assert not Rehearsal.objects.exists()


def test_an_action_that_declares_no_reading_says_so(workspace, admin, approver):
    installed(workspace, admin, PROBE)
    run = invoke(workspace, actor=admin, target="probe.announce", inputs={"to": ["a@x.example", "b", "c"]})
    tried(run)
    shown = panels(run, approver)
    assert dict(shown.effect) == {"Would change": "3"}
    assert shown.records_note == "probe.announce does not say how the records it changes are read."
    assert dict(shown.facts)["Sample"] == "a***@x.example, b, c"
    assert Connection.objects.get().status == "unauthenticated"


@pytest.mark.parametrize(
    ("target", "inputs", "told"),
    [
        (
            "hubspot.update_contact",
            {"id": "512", "company": "Analytical Engines"},
            ("company", None, "Analytical Engines"),
        ),
        ("hubspot.delete_contacts", {"ids": ["512", "513"]}, ("first_name", "S***", None)),
        (
            "salesforce.update_record",
            {"object": "Lead", "id": "00Q5g00000ABCDEEA5", "fields": {"Company": "Acme"}},
            ("record.Company", None, "Acme"),
        ),
        (
            "salesforce.update_records",
            {"records": [{"attributes": {"type": "Lead"}, "id": "00Q5g00000ABCDEEA5", "Company": "Acme"}]},
            ("record.Company", None, "Acme"),
        ),
        ("notion.update_page", {"page_id": "p1", "properties": {"Stage": "Won"}}, ("properties.Stage", None, "Won")),
        ("notion.archive_page", {"page_id": "p1"}, ("url", "https://www.notion.so/p1", None)),
        ("notion.restore_page", {"page_id": "p1"}, ("in_trash", "false", "false")),
        ("google-drive.trash_file", {"id": "f1"}, ("name", "Sample file f1", None)),
        ("gmail.trash_message", {"id": "m1"}, ("subject", "Sample message m1", None)),
    ],
)
def test_the_shipped_connectors_show_their_records(workspace, admin, approver, target, inputs, told):
    slug = target.partition(".")[0]
    text = (Path(__file__).parents[2] / f"catalog/connectors/{slug}/manifest.yaml").read_text(encoding="utf-8")
    installed(workspace, admin, text)
    put_in_force(workspace, admin, "require_approval", what={"effects": ["write"]})
    run = invoke(workspace, actor=admin, target=target, inputs=inputs)
    tried(run)
    shown = panels(run, approver)
    found = changes(shown.records[0])
    assert told in found, shown.records_note
    if target == "salesforce.update_records":
        assert "record.id" not in {name for name, _, _ in found}, "which is no field of it"


def test_its_page_says_what_it_tries_out(client_of, workspace, admin, people):
    run = invoke(workspace, actor=admin, target="people.change", inputs={"id": "7"})
    page = client_of(admin).get(tried(run).get_absolute_url()).content.decode()
    assert "It tries out" in page
    assert run.get_absolute_url() in page
