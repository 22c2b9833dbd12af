"""The OpenAPI document: valid, complete, true of real answers, and its examples are real ones.

``make examples`` records them anew.
"""

import base64
import json
import os
import re
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path
from uuid import UUID

import jsonschema_rs
import pytest
import requests
import schemathesis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from drf_spectacular import validation

from galaxy.core.api.schema import EXAMPLES, document, examples
from galaxy.core.api.views import View
from galaxy.core.audit.exporting import work_on
from galaxy.core.audit.streams.services import create_sink
from galaxy.core.members.asking import ask_for
from galaxy.core.tokens import API_PERMISSIONS
from marketplace.bundles.importing import hand_in
from marketplace.evidence.proving import keep
from marketplace.evidence.testing import perform_test_run
from marketplace.models import VersionDay
from marketplace.services import list_extension
from policies.models import Approval
from policies.services.delegations import delegate
from policies.services.granting import create_auto_approval
from policies.services.groups import create_group
from registry.models import PublisherMember
from registry.publishers.claiming import claim_name
from registry.publishers.naming import make_publisher
from registry.publishers.proving import set_domain
from registry.services.quarantining import stop_versions
from sandbox.metrics.rolling import roll_up
from sandbox.models import Trigger
from sandbox.services import perform
from sandbox.triggers.firing import tend
from sandbox.upgrades.previews import work_on as replay_calls
from tests import sealing
from tests.api.conftest import send, url
from tests.bundling import bytes_of, foreign, trusted
from tests.extensions import PACK, PROBE, installed, publish
from tests.matrix.advice_routes import advice
from tests.matrix.policy_routes import RULE
from tests.matrix.resilience_routes import issue
from tests.matrix.secret_routes import secrets
from tests.matrix.trigger_routes import triggers
from tests.matrix.update_routes import HOURS, updates
from tests.registry.samples import connector
from tests.registry.samples import publish as publish_sample
from tests.sandbox.run_rows import make_outcome, make_run
from tests.sealing import make_sequencer
from tests.submitting import text_of

# What differs from one run to the next, and what stands for it in the document.
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|\+00:00)")
_HEX = re.compile(r"\b(?:[0-9a-f]{64}|[0-9a-f]{32})\b")
_NAME = re.compile(r"\b(Owner|Admin|Approver|Creator|Auditor|Member) \d+\b")
_NAMES = {
    "Owner": "Olga Winter",
    "Admin": "Ada Reyes",
    "Approver": "Paul Okafor",
    "Creator": "Cleo Marsh",
    "Auditor": "Aki Tanaka",
    "Member": "Mia Lund",
}


@pytest.fixture
def seal(workspace, tmp_path, monkeypatch):
    sequencer = make_sequencer(tmp_path, monkeypatch)
    return lambda: sealing.seal(sequencer, workspace)


@pytest.fixture(scope="module")
def kept() -> dict:
    return {}


@pytest.fixture
def exchanges(kept, request):
    """``made_exchanges`` as the first test that asked for them got them: whoever asks reads them alone."""
    if not kept:
        kept |= request.getfixturevalue("made_exchanges")
    return kept


@pytest.fixture
def made_exchanges(
    api, token_of, cast, workspace, admin, approver, auditor, probe, tidy, agent, vault, seal, settings, tmp_path
):
    """One real exchange of each operation: {operation id: (status, request, answer as JSON, response)}."""
    settings.GALAXY_EXPORTS_DIR = tmp_path / "exports"
    client, reviewer, reader = (api(token_of(one)) for one in (admin, approver, auditor))
    found = {}

    def note(name, response, request=None):
        found[name] = (response.status_code, request, response.json(), response)
        return response.json()

    def post(name, who, rest, body):
        return note(name, send(who, rest, body), body)

    note("me", client.get("/api/v1/me/"))
    note("listings_list", client.get(url("listings/?limit=1")))
    listing = note("listings_retrieve", client.get(url("listings/probe.tidy/")))
    taken_out = publish(PROBE.replace("version: 1.0.0", "version: 0.8.0"))
    stop_versions([taken_out.pk], "It sends more than it says.")
    note("quarantines_list", client.get(url("quarantines/?limit=1")))
    installation = post("installations_create", client, "installations/", {"digest": listing["version"]["digest"]})
    note("installations_list", client.get(url("installations/?limit=1")))
    note("installations_retrieve", client.get(url(f"installations/{installation['id']}/")))
    run = post(
        "runs_create", client, "runs/", {"target": "probe.remove", "inputs": {"key": "thing-1"}, "mode": "simulated"}
    )
    note("runs_list", client.get(url("runs/?limit=1")))
    note("runs_retrieve", client.get(url(f"runs/{run['id']}/")))
    publisher = make_publisher("Paper Lantern", workspace=workspace, created_by=admin)
    PublisherMember.objects.create(publisher=publisher, user=admin, role="manager")
    for number in ("1.0.0", "1.0.1"):
        released = publish_sample(connector("lantern", number, summary=f"Release {number}."), publisher)
        list_extension(released, level="community", summary="Keeps things.")
    VersionDay.objects.create(
        version=released,
        day=timezone.now().astimezone(UTC).date() - timedelta(days=6),
        good=1_180,
        bad=20,
        callers=41,
        workspaces=7,
        failing=4,
        errors={"transient": 14, "rate_limit": 6},
        buckets=[233, 270],
        counts=[1_000, 200],
    )
    note("publications_list", client.get(url("publications/?limit=1")))
    end = {"ends_on": str(timezone.now().date() + timedelta(days=120)), "reason": "1.0.1 does it better."}
    first = "publications/lantern/versions/1.0.0"
    post("publications_deprecate", client, f"{first}/deprecation/", end | {"successor": "1.0.1"})
    note("publications_retrieve", client.get(url("publications/lantern/")))
    note("publication_telemetry_retrieve", client.get(url("publications/lantern/telemetry/?days=7")))
    post("publications_keep", client, f"{first}/deprecation/end/", {"reason": "It is still needed."})
    post("publications_yank", client, f"{first}/yanking/", {"reason": "It does what it should not."})
    sent = {"manifest": text_of(), "files": {"notes.md": "# Notes"}, "catalogue": "private"}
    submission = post("submissions_create", client, "submissions/", sent)
    note("submissions_list", client.get(url("submissions/?limit=1")))
    note("submissions_retrieve", client.get(url(f"submissions/{submission['id']}/")))
    post("submissions_withdraw", client, f"submissions/{submission['id']}/withdrawal/", {})
    draft = post("drafts_create", client, "drafts/", {"manifest": text_of(), "files": {"notes.md": "# Notes"}})
    note("drafts_list", client.get(url("drafts/?limit=1")))
    note("drafts_retrieve", client.get(url(f"drafts/{draft['id']}/")))
    changed = {"manifest": text_of("1.0.1"), "files": {"notes.md": "# More notes"}, "revision": 1}
    post("drafts_change", client, f"drafts/{draft['id']}/change/", changed)
    asked = post("drafts_test", client, f"drafts/{draft['id']}/tests/", {})
    perform_test_run(asked["id"])
    note("drafts_tests", client.get(url(f"drafts/{draft['id']}/tests/")))
    post(
        "drafts_submit", client, f"drafts/{draft['id']}/submission/", {"catalogue": "private", "changes": "The first."}
    )
    post("drafts_remove", client, f"drafts/{draft['id']}/removal/", {})
    _bundles(note, post, client, workspace, admin, tmp_path)
    started = _delivered(workspace, admin)
    note("triggers_list", client.get(url("triggers/?limit=1")))
    note("triggers_retrieve", client.get(url(f"triggers/{started.pk}/")))
    note("triggers_deliveries_list", client.get(url(f"triggers/{started.pk}/deliveries/?limit=1")))
    post("triggers_off", client, f"triggers/{started.pk}/off/", {"reason": "The shop is closed for a day."})
    issue(probe)
    issues = note("issues_list", reader.get(url("issues/?limit=1&open=true")))
    note("issues_retrieve", reader.get(url(f"issues/{issues['results'][0]['id']}/")))
    told = advice(workspace, probe)["advice"]
    note("advice_list", client.get(url("advice/?limit=1")))
    note("advice_retrieve", client.get(url(f"advice/{told.pk}/")))
    later = (timezone.now() + timedelta(days=7)).isoformat()
    post("advice_snooze", client, f"advice/{told.pk}/snooze/", {"until": later})
    post("advice_act", client, f"advice/{told.pk}/acting/", {})
    post("advice_dismiss", client, f"advice/{told.pk}/dismissal/", {"reason": "It may delete one day."})
    note("approvals_list", reviewer.get(url("approvals/?limit=1")))
    note("approvals_retrieve", reviewer.get(url(f"approvals/{run['approval']}/")))
    note("decisions_list", client.get(url("decisions/?limit=1&effect=require_approval")))
    note("decisions_retrieve", client.get(url(f"decisions/{Approval.objects.get(pk=run['approval']).decision_id}/")))
    post("approvals_remind", client, f"approvals/{run['approval']}/reminder/", {})
    post("approvals_withdraw", client, f"approvals/{run['approval']}/withdrawal/", {})
    rule = post("rules_create", client, "rules/", RULE | {"reason": "Two pairs of eyes", "seen": 0, "confirmed": True})
    note("rules_list", client.get(url("rules/?limit=1&in_force=true")))
    note("rules_retrieve", client.get(url(f"rules/{rule['id']}/")))
    again = RULE | {"title": "Deletes ask somebody", "reason": "A better name", "seen": 1, "confirmed": True}
    post("rules_change", client, f"rules/{rule['id']}/change/", again)
    post("rules_end", client, f"rules/{rule['id']}/ending/", {"reason": "Not needed", "seen": 2})
    note("rule_sets_list", client.get(url("rule-sets/?limit=1")))
    note("rule_sets_retrieve", client.get(url("rule-sets/1/")))
    post("rule_sets_restore", client, "rule-sets/1/restoration/", {"reason": "It was needed", "seen": 3})
    create_group(workspace, name="Sales-Ops", purpose="Looks at what goes to many.", members=[approver], actor=admin)
    note("approver_groups_list", client.get(url("approver-groups/?limit=1")))
    until = timezone.now() + timedelta(days=3)
    delegate(workspace, giver=approver, taker=admin, starts_at=timezone.now(), ends_at=until, reason="Away")
    note("delegations_list", client.get(url("delegations/?limit=1")))
    yes = {"scope": "things.write", "reason": "Nobody ever said no", "budget": 50, "ends_at": until}
    grant = create_auto_approval(workspace, installation=probe, actor=admin, **yes)
    note("auto_approvals_list", client.get(url("auto-approvals/?limit=1&in_force=true")))
    note("auto_approvals_retrieve", client.get(url(f"auto-approvals/{grant.pk}/")))
    post("auto_approvals_revoke", client, f"auto-approvals/{grant.pk}/revocation/", {"reason": "Not needed"})
    other = send(client, "runs/", {"target": "probe.look_up", "inputs": {"key": "thing-1"}}).json()
    post("runs_cancel", client, f"runs/{other['id']}/cancellation/", {})
    _packs(post, client, workspace, admin)
    events = note("events_list", reader.get(url("events/?limit=1&action=run.cancelled")))
    note("events_retrieve", reader.get(url(f"events/{events['results'][0]['id']}/")))
    note("connections_list", client.get(url("connections/?limit=1")))
    connection = probe.connections.get()
    note("connections_retrieve", client.get(url(f"connections/{connection.pk}/")))
    note("installation_health_retrieve", client.get(url(f"installations/{probe.pk}/health/")))
    asked = post("installation_tests_run", client, f"installations/{installation['id']}/tests/", {})
    perform_test_run(UUID(asked["id"]))
    note("installation_tests_retrieve", client.get(url(f"installations/{installation['id']}/tests/")))
    note("installation_grants_retrieve", client.get(url(f"installations/{probe.pk}/grants/")))
    note("roles_list", client.get(url("roles/?limit=1")))
    members = note("members_list", client.get(url("members/?limit=1")))
    note("members_retrieve", client.get(url(f"members/{members['results'][0]['id']}/")))
    ask_for(workspace, perm="core.view_run", kind="core.workspace", id=workspace.pk, actor=cast["member"])
    note("permission_requests_list", client.get(url("permission-requests/?status=pending")))
    note("agents_list", client.get(url("agents/?limit=1")))
    note("agents_retrieve", client.get(url(f"agents/{agent.pk}/")))
    post("agents_suspend", client, f"agents/{agent.pk}/suspension/", {"reason": "Calls too often."})
    tokens = note("tokens_list", client.get(url("tokens/?limit=1")))
    older = publish(PROBE.replace("version: 1.0.0", "version: 0.9.0")).digest
    preview = post("installations_preview", client, f"installations/{probe.pk}/previews/", {"digest": older})
    note("previews_list", client.get(url("previews/?limit=1")))
    replay_calls(preview["id"])
    note("previews_retrieve", client.get(url(f"previews/{preview['id']}/")))
    again = send(client, f"installations/{probe.pk}/previews/", {"digest": older}).json()
    post("previews_stop", client, f"previews/{again['id']}/stopping/", {})
    note("installation_timeline_list", client.get(url(f"installations/{probe.pk}/timeline/?limit=1")))
    note("installation_dependants_retrieve", client.get(url(f"installations/{probe.pk}/dependants/")))
    post("installations_roll_back", client, f"installations/{probe.pk}/rollback/", {"digest": older, "reason": "Slow"})
    post("installations_remove", client, f"installations/{installation['id']}/removal/", {"reason": "No longer used"})
    post("tokens_revoke", client, f"tokens/{tokens['results'][0]['id']}/revocation/", {})
    asking = api(token_of(cast["member"]))
    wanted = {"kind": "install", "digest": listing["version"]["digest"], "reason": "To keep leads tidy"}
    change = post("changes_create", asking, "changes/", wanted)
    note("changes_list", asking.get(url("changes/?limit=1&state=waiting")))
    note("changes_retrieve", asking.get(url(f"changes/{change['id']}/")))
    send(asking, f"approvals/{change['approval']}/withdrawal/", {})
    post("approvals_ask_again", asking, f"approvals/{change['approval']}/repetition/", {})
    create_sink(
        workspace, name="SIEM", kind="syslog", address="logs.example.com", actions="", from_start=True, actor=admin
    )
    streams = note("audit_streams_list", reader.get(url("audit-streams/?limit=1")))
    note("audit_streams_retrieve", reader.get(url(f"audit-streams/{streams['results'][0]['id']}/")))
    seal()
    wanted = {"filters": {"action": "run."}, "left_out": ["emails"]}
    stopped = post("audit_exports_create", reader, "audit-exports/", wanted)
    post("audit_exports_stop", reader, f"audit-exports/{stopped['id']}/stopping/", {})
    export = send(reader, "audit-exports/", wanted).json()
    work_on(export["id"])
    note("audit_exports_list", reader.get(url("audit-exports/?limit=1")))
    note("audit_exports_retrieve", reader.get(url(f"audit-exports/{export['id']}/")))
    file = reader.get(url(f"audit-exports/{export['id']}/file/"))
    data = HttpResponse(b"".join(file.streaming_content), headers=dict(file.items()))
    found["audit_exports_fetch"] = (file.status_code, None, None, data)
    note("checkpoint_retrieve", reader.get(url("checkpoint/")))
    note("event_proof_retrieve", reader.get(url(f"events/{events['results'][0]['id']}/proof/")))
    secrets(workspace, admin, probe)
    note("secrets_list", reader.get(url("secrets/?limit=1")))
    _updates(note, post, api(token_of(admin)), workspace, admin)
    _publishers(note, post, api(token_of(cast["creator"])), workspace, cast["creator"])
    _figures(note, reader, probe, admin)
    return found


def _figures(note, reader, probe, admin):
    """A call that failed and one that reached an outcome, as runs of half a second."""
    live = {"mode": "live", "scenario": "", "target": "probe.put"}
    make_run(probe.workspace, probe, admin, state="failed", **live)
    make_outcome(make_run(probe.workspace, probe, admin, **live))
    roll_up()
    note("metrics_list", reader.get(url("metrics/?limit=1&target=probe.put")))
    note("outcomes_list", reader.get(url("outcomes/?limit=1")))
    note("outcome_weeks_retrieve", reader.get(url("outcome-weeks/")))


def _delivered(workspace, admin) -> Trigger:
    """A webhook at which something came in that started a run."""
    trigger = triggers(workspace, admin)["trigger"]
    Client().post(f"/hooks/{trigger.address}/", {"key": "thing-1"}, content_type="application/json")
    tend(trigger.pk)
    return trigger


def _packs(post, client, workspace, admin) -> None:
    """Packs that failed, that pause, and what a call is taken back by."""
    installed(workspace, admin, PACK)
    flow = {"target": "probe.flow", "inputs": {"name": "Ada", "on": "3 March 2026"}}
    failed = send(client, "runs/", flow | {"scenarios": {"look": "401"}}).json()
    perform(UUID(failed["id"]))
    post("runs_retry", client, f"runs/{failed['id']}/retry/", {})
    assert send(client, "runs/", flow | {"dry": True}).json()["dry"] is True
    paused = send(client, "runs/", flow | {"stepwise": True}).json()
    perform(UUID(paused["id"]))
    post("runs_step", client, f"runs/{paused['id']}/step/", {})
    made = send(client, "runs/", {"target": "probe.create", "inputs": {"key": "thing-1"}}).json()
    perform(UUID(made["id"]))
    post("runs_undo", client, f"runs/{made['id']}/undoing/", {})


def _bundles(note, post, client, workspace, admin, folder):
    """The exchanges about bundles; what is handed in is of a Galaxy that is trusted here."""
    first, second = (foreign(folder, connector(name)) for name in ("faraway", "farther"))
    trusted(first)
    note("bundle_sources_list", client.get(url("bundle-sources/?limit=1")))
    sent = {"name": "faraway.galaxy", "content": base64.b64encode(bytes_of(first)).decode()}
    bundle = post("bundles_create", client, "bundles/", sent)
    note("bundles_retrieve", client.get(url(f"bundles/{bundle['id']}/")))
    post("bundles_import", client, f"bundles/{bundle['id']}/import/", {})
    note("bundles_list", client.get(url("bundles/?limit=1")))
    row, _ = hand_in(workspace, content=bytes_of(second), name="farther.galaxy", actor=admin)
    post("bundles_remove", client, f"bundles/{row.pk}/removal/", {})
    post("bundles_export", client, "listings/faraway/bundle/", {"version": "1.0.0"})


def _publishers(note, post, client, workspace, creator):
    """A name with a key, the signature of a version, and the end of the key."""
    publisher = claim_name(workspace, name="Meridian Works", actor=creator)
    set_domain(publisher, domain="meridian.example", actor=creator)
    place = f"publishers/{publisher.pk}"
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public = base64.b64encode(private.public_key().public_bytes_raw()).decode()
    key = post("publisher_keys_create", client, f"{place}/keys/", {"public": public})
    note("publisher_keys_list", client.get(url(f"{place}/keys/?limit=1")))
    version = publish_sample(connector("works"), publisher=publisher)
    text = note("signatures_retrieve", client.get(url("publications/works/versions/1.0.0/signatures/")))["statement"]
    signature = base64.b64encode(private.sign(text.encode())).decode()
    post("signatures_create", client, "publications/works/versions/1.0.0/signatures/", {"signature": signature})
    keep(version.digest, "contract-tests", True, note="Recorded replies: 9 of 9")
    note("evidence_retrieve", client.get(url("listings/works/versions/1.0.0/evidence/")))
    post("publishers_demand_signatures", client, f"{place}/signing/", {"since": timezone.now().date().isoformat()})
    note("publishers_list", client.get(url("publishers/?limit=1")))
    note("publishers_retrieve", client.get(url(f"{place}/")))
    post("publisher_keys_retire", client, f"{place}/keys/{key['id']}/retirement/", {})
    post("publisher_keys_revoke", client, f"{place}/keys/{key['id']}/revocation/", {"reason": "A laptop was stolen."})


def _updates(note, post, client, workspace, admin):
    """The exchanges about updates, with what the matrix asks about."""
    things = updates(workspace, admin)
    going, fix = things["going"], things["fix"]
    place, soon = f"installations/{going.pk}", timezone.now() + timedelta(days=1)
    said = {"policy": "patch", "window": HOURS, "wait_verified": 5}
    post("update_rules_change", client, "update-rules/", said)
    note("update_rules_retrieve", client.get(url("update-rules/")))
    note("updates_list", client.get(url("updates/?limit=1")))
    note("installation_updates_retrieve", client.get(url(f"{place}/updates/")))
    post("installation_updates_change", client, f"{place}/updates/", {"policy": "minor", "waiting_days": 2})
    post("installations_skip_wait", client, f"{place}/wait/", {"digest": fix.digest, "reason": "It is being used"})
    planned = {"digest": fix.digest, "at": soon.isoformat()}
    post("installations_plan_move", client, f"{place}/planned-move/", planned)
    post("installations_call_off_move", client, f"{place}/planned-move/removal/", {})
    post("installations_hold", client, f"{place}/hold/", {"reason": "Quarter end"})
    post("installations_release", client, f"{place}/hold/removal/", {})
    own = {"pack": str(things["caller"].pk), "digest": fix.digest, "reason": "Tried there first"}
    pin = post("pack_pins_create", client, f"{place}/pack-pins/", own)
    post("pack_pins_remove", client, f"{place}/pack-pins/{pin['id']}/removal/", {})
    course = {"installation": str(going.pk), "digest": fix.digest, "stages": [{"percent": 5, "hours": 24}]}
    begun = post("roll_outs_create", client, "roll-outs/", course)
    note("roll_outs_list", client.get(url("roll-outs/?limit=1&state=running")))
    note("roll_outs_retrieve", client.get(url(f"roll-outs/{begun['id']}/")))
    post("roll_outs_decide", client, f"roll-outs/{begun['id']}/decision/", {"act": "stop", "reason": "A look at it"})


SIGNED = "galaxy…\n1042\n…\n\n— galaxy… …\n"  # stands for a signed note, whose root and signature are never the same


def shortened(answer, most: int = 2):
    """The same with at most ``most`` entries in each list: an example is read by people."""
    if isinstance(answer, dict):
        return {
            name: SIGNED if name == "note" and "\n\n—" in str(inner) else shortened(inner)
            for name, inner in answer.items()
        }
    return [shortened(inner) for inner in answer[:most]] if isinstance(answer, list) else answer


def recorded(exchanges) -> dict:
    """The exchanges as the document shows them: what is never the same twice is replaced, alike for alike."""
    known: dict[str, dict[str, str]] = {"uuid": {}, "hex": {}}

    def stand_in(kind, shape):
        return lambda match: known[kind].setdefault(match[0], shape(len(known[kind]) + 1, match[0]))

    text = json.dumps(
        {name: {"status": s, "request": q, "response": shortened(a)} for name, (s, q, a, _) in exchanges.items()}
    )
    text = _UUID.sub(stand_in("uuid", lambda number, _: f"00000000-0000-4000-8000-{number:012x}"), text)
    text = _HEX.sub(stand_in("hex", lambda number, word: f"{number:x}".rjust(len(word), "0")), text)
    text = re.sub(r'"\d{4}-\d\d-\d\d"', '"2026-05-05"', text)
    text = _MOMENT.sub("2026-01-05T09:30:00.000000Z", text)
    text = re.sub(r"gxy_[\w-]{6}", "gxy_k3Jw9Q", text)
    text = _NAME.sub(lambda match: _NAMES[match[1]], text)
    text = re.sub(r"cursor=[\w%.:-]+", "cursor=WyIyMDI2LTAxLTA1VDA5", text)
    text = re.sub(r'"id": \d+', '"id": 1042', text)
    text = re.sub(r'"key_id": "[0-9a-f]{12}"', '"key_id": "000000000001"', text)
    text = re.sub(r"\(([0-9a-f]{12})\)", "(000000000001)", text)
    text = re.sub(r'"(key|signed_by|id)": "[0-9a-f]{12}"', r'"\1": "000000000001"', text)
    text = re.sub(r'"public": "[\w+/]{43}="', f'"public": "{"A" * 43}="', text)
    text = re.sub(r'"content": "UEsDB[^"]+"', '"content": "UEsDB…"', text)
    text = re.sub(r'"size_bytes": [1-9]\d*', '"size_bytes": 4096', text)
    text = re.sub(r'"signature": "[A-Za-z0-9+/]{86}=="', f'"signature": "{"A" * 86}=="', text)
    text = re.sub(r"galaxy-publisher=[\w-]+", "galaxy-publisher=Qm9yZGVyIGNvbGxpZSBydW5zIGZhc3Q", text)
    text = re.sub(r'"since": "[\d-]{10}"', '"since": "2026-01-05"', text)
    text = re.sub(r'"took_ms": \d+', '"took_ms": 12', text)
    text = re.sub(r'"bytes": [1-9]\d*', '"bytes": 24576', text)
    return json.loads(text.replace("http://testserver", "https://galaxy.example"))


def test_the_examples_of_the_document_are_real_answers(exchanges):
    found = recorded(exchanges)
    if os.environ.get("GALAXY_WRITE_EXAMPLES"):
        EXAMPLES.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    assert found == examples()


def test_every_operation_has_an_example_and_only_those(exchanges):
    operations = {one["operationId"] for one in _operations()}
    assert set(exchanges) == operations == set(examples())


def test_real_answers_are_what_the_document_says(exchanges):
    """Each answer is held against the document by schemathesis: status, media type and every field."""
    schema = schemathesis.openapi.from_dict(document())
    by_id = {operation.ok().definition.raw["operationId"]: operation.ok() for operation in schema.get_all_operations()}
    for name, (_, _, _, response) in exchanges.items():
        by_id[name].validate_response(_as_seen_by_schemathesis(response))


def _as_seen_by_schemathesis(response):
    return schemathesis.Response(
        status_code=response.status_code,
        headers={name: [value] for name, value in response.items()},
        content=response.content,
        request=requests.Request("GET", "http://testserver/").prepare(),
        elapsed=0.1,
        verify=False,
    )


def test_the_document_is_valid_openapi(client, db):
    """By the schema of OpenAPI 3.1 that drf-spectacular has, which takes its own validator some seconds."""
    response = client.get("/api/v1/schema/")
    assert (response.status_code, response["Content-Type"]) == (200, "application/vnd.oai.openapi+json")
    assert response.json()["openapi"].startswith("3.1")
    schema = json.loads(Path(validation.__file__).with_name("openapi_3_1_schema.json").read_text(encoding="utf-8"))
    jsonschema_rs.validator_for(schema).validate(response.json())


def test_every_operation_says_how_it_refuses():
    for operation in _operations():
        refusals = {status for status in operation["responses"] if status >= "400"}
        assert {"400", "401", "403", "404", "406", "422", "429"} <= refusals
        assert operation["summary"]
        assert operation["description"]
        assert operation["security"]


@pytest.mark.asvs("15.3.3")
def test_every_body_is_closed_to_unknown_fields():
    shapes = {name: shape for name, shape in document()["components"]["schemas"].items() if name.endswith("Request")}
    assert len(shapes) >= 4
    assert all(shape["additionalProperties"] is False for shape in shapes.values())


def test_every_view_of_a_workspace_says_what_a_token_needs():
    from galaxy.api_urls import of_workspace

    for pattern in of_workspace:
        view = pattern.callback.cls
        assert issubclass(view, View)
        taken = {name.upper() for name in view.http_method_names if hasattr(view, name)} - {"HEAD"}
        assert taken == set(view.opens), pattern
        assert set(view.opens.values()) <= set(API_PERMISSIONS)


@pytest.mark.asvs("8.2.3", "15.3.1")
def test_no_answer_names_a_secret_field():
    words = json.dumps(document()["components"]["schemas"])
    for name in ("password", "salt", "token_hash", "is_superuser"):
        assert name not in words


def test_the_answer_in_the_documentation_is_a_real_one():
    text = (Path(settings.BASE_DIR) / "docs" / "api.md").read_text(encoding="utf-8")
    answer = text.partition("```json\n")[2].partition("```")[0]
    assert json.loads(answer) == examples()["listings_list"]["response"]


def test_the_documentation_names_every_resource_and_what_opens_it():
    text = (Path(settings.BASE_DIR) / "docs" / "api.md").read_text(encoding="utf-8")
    table = text.partition("| resource |")[2].partition("\n\n")[0]
    resources = {path.split("/")[5] for path in document()["paths"] if "{workspace}" in path}
    assert {name for name in resources if f"`{name}/`" not in table} == set()
    assert {name for name in API_PERMISSIONS if f"`{name}`" not in table} == set()


def test_the_page_lists_every_operation(client_of, member):
    page = client_of(member).get("/api/v1/docs/").content.decode()
    for operation in _operations():
        assert f'id="{operation["operationId"]}"' in page
    assert "<script src=" not in page.replace('<script src="/static/', "")


def _operations() -> Iterator[dict]:
    for path in document()["paths"].values():
        yield from path.values()
