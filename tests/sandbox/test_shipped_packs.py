"""The shipped catalogue through the gate: packs reach their outcome, and each sample ends as it should."""

import json
from pathlib import Path

import pytest
from django.db import connection

from sandbox.models import Outcome, Run
from sandbox.runners.simulated import SimulatedRunner
from sandbox.services import invoke, perform
from tests.extensions import installed
from tests.playhouse import staged
from tests.sandbox.packs.flows import say_yes

CATALOG = Path(__file__).parents[2] / "catalog"
LEAD = {"lead": {"name": "ada   LOVELACE", "phone": "(415) 555-0132", "created": "3 Jan 2026 4pm"}}


def shipped(path):
    return (CATALOG / path / "manifest.yaml").read_text()


@pytest.fixture(autouse=True)
def without_waiting(monkeypatch):
    """A sample's latency is for people who watch; no test needs it."""
    monkeypatch.setattr(SimulatedRunner, "_pass_time", lambda self, sample: None)


@pytest.fixture
@staged
def follow_up(workspace, admin):
    paths = ("connectors/hubspot", "connectors/slack", "transforms/leads.clean", "packs/lead.follow-up")
    return installed(workspace, admin, *map(shipped, paths))[-1]


def ran(workspace, actor, target, inputs, scenario="happy"):
    run = invoke(workspace, actor=actor, target=target, inputs=inputs, simulate=True, scenario=scenario)
    return perform(run.pk) or run


@pytest.mark.parametrize("scenario", ["happy", "empty", "429", "5xx"])
def test_a_lead_is_followed_up_whatever_the_weather(workspace, admin, follow_up, scenario):
    run = ran(workspace, admin, "lead.follow-up", LEAD, scenario)
    assert (run.state, run.error) == (Run.State.SUCCEEDED, None)
    assert set(run.outputs) == {"clean", "task", "tell"}
    outcome = Outcome.objects.get(run=run)
    assert (outcome.name, outcome.is_success, outcome.is_simulated) == ("lead_followed_up", True, True)


def test_every_example_gives_other_values_at_every_step(workspace, admin, follow_up):
    examples = json.loads((CATALOG / "packs/lead.follow-up/examples.json").read_text())
    runs = [ran(workspace, admin, "lead.follow-up", example["inputs"]) for example in examples]
    for step in ("clean", "task", "tell"):
        assert len({json.dumps(run.outputs[step], sort_keys=True) for run in runs}) == len(examples)


@pytest.mark.parametrize("target", ["slack.post_message", "hubspot.create_task"])
def test_a_refused_token_is_an_authentication_error_whatever_the_status(workspace, admin, follow_up, target):
    inputs = {"subject": "Call"} if target.startswith("hubspot") else {"channel": "#sales", "text": "Hello"}
    run = ran(workspace, admin, target, inputs, "401")
    assert (run.state, run.error_category) == (Run.State.FAILED, "auth_error")


def test_an_empty_sample_comes_through_the_vendors_mapping(workspace, admin, follow_up):
    run = ran(workspace, admin, "slack.read_messages", {"channel": "C1"}, "empty")
    assert (run.state, run.outputs) == (Run.State.SUCCEEDED, {"messages": [], "has_more": False})


def test_a_policy_sees_the_classes_that_a_pack_carries_into_a_call(workspace, admin, follow_up):
    run = ran(workspace, admin, "lead.follow-up", LEAD)
    seen = {child.step_id: child.decision.input["context"]["data_classes"] for child in run.steps.all()}
    assert seen == {"clean": ["name", "phone"], "task": ["name", "phone"], "tell": ["name"]}


def test_nothing_personal_of_a_lead_stays_anywhere_once_the_pack_is_over(workspace, admin, follow_up):
    lead = {"name": "grace  WINTERBOURNE", "phone": "(415) 555-0187", "created": "3 Jan 2026"}
    assert ran(workspace, admin, "lead.follow-up", {"lead": lead}).state == Run.State.SUCCEEDED
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute("SELECT has_table_privilege(%s, 'SELECT')", [table])
            if cursor.fetchone()[0]:
                cursor.execute(f'SELECT to_jsonb(r)::text FROM "{table}" r')
                text = "".join(row for (row,) in cursor.fetchall()).lower()
                assert not [word for word in ("winterbourne", "5550187", "555-0187") if word in text], table


def test_a_lead_whose_date_is_ambiguous_stops_with_the_field(workspace, admin, follow_up):
    run = ran(workspace, admin, "lead.follow-up", {"lead": {"name": "Ada", "created": "01/02/2026"}})
    assert (run.state, run.error["error_code"], run.error["field"]) == (Run.State.FAILED, "ambiguous_date", "created")


def test_a_customer_is_onboarded(workspace, admin):
    connectors = (f"connectors/{name}" for name in ("google-drive", "notion", "salesforce", "gmail"))
    pack = installed(
        workspace, admin, *map(shipped, (*connectors, "transforms/leads.clean", "packs/customer.onboarding"))
    )[-1]
    inputs = pack.pin.version.parsed.canonical["sample"]["inputs"]
    run = ran(workspace, admin, "customer.onboarding", inputs)
    assert (run.state, Outcome.objects.get(run=run).is_success) == (Run.State.SUCCEEDED, True)


def with_each_yes(run, approver):
    """The run once somebody agreed to each of its calls that waits, one after the other."""
    for _ in range(10):
        if run.state != Run.State.WAITING:
            break
        run = say_yes(run, approver)
    return run


def test_invoices_are_chased_one_by_one_and_what_fails_takes_the_others_back(workspace, admin, approver):
    connectors = (f"connectors/{name}" for name in ("gmail", "hubspot", "slack"))
    pack = installed(workspace, admin, *map(shipped, (*connectors, "packs/invoice.chase")))[-1]
    inputs = pack.pin.version.parsed.canonical["sample"]["inputs"]
    run = ran(workspace, admin, "invoice.chase", inputs)
    assert (run.state, Outcome.objects.get(run=run).is_success) == (Run.State.SUCCEEDED, True)
    assert len(run.outputs["remind"]) == len(run.outputs["task"]) == len(inputs["invoices"])
    quiet = invoke(
        workspace, actor=admin, target="invoice.chase", inputs=inputs, simulate=True, scenarios={"tell": "401"}
    )
    quiet = perform(quiet.pk)
    assert (quiet.state, quiet.outputs["tell"]) == (Run.State.SUCCEEDED, None)
    refused = invoke(
        workspace, actor=admin, target="invoice.chase", inputs=inputs, simulate=True, scenarios={"task": "401"}
    )
    refused = with_each_yes(perform(refused.pk), approver)  # a draft is deleted for good, so somebody agrees to each
    assert refused.state == Run.State.FAILED
    assert refused.steps.filter(undoes__isnull=False, target="gmail.delete_draft").count() == len(inputs["invoices"])


def test_old_files_go_to_the_bin_once_somebody_agreed(workspace, admin, approver):
    connectors = (f"connectors/{name}" for name in ("google-drive", "slack"))
    pack = installed(workspace, admin, *map(shipped, (*connectors, "packs/weekly.cleanup")))[-1]
    inputs = pack.pin.version.parsed.canonical["sample"]["inputs"]
    run = ran(workspace, admin, "weekly.cleanup", inputs)
    assert run.state == Run.State.WAITING
    run = with_each_yes(run, approver)
    assert (run.state, run.error) == (Run.State.SUCCEEDED, None)
    assert Outcome.objects.get(run=run).is_success
