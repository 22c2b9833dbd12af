"""The resources: the same rows and the same rules as the pages, for people by session or token, and for agents."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from galaxy.core.agents import change_agent, grants_of, suspend_agent
from galaxy.core.models import AuditEvent
from policies.services.rules import create_rule
from registry.models import Connection, Installation
from sandbox.models import Run
from sandbox.services import invoke
from tests.api.conftest import send, url
from tests.sandbox.run_rows import make_run


def test_a_version_is_installed_by_the_digest_of_its_listing(api, token_of, admin, probe, tidy):
    client = api(token_of(admin))
    listing = client.get(url("listings/probe.tidy/")).json()
    assert (listing["extension"]["slug"], listing["level"], listing["reach"]) == ("probe.tidy", "verified", "nothing")
    made = send(client, "installations/", {"digest": listing["version"]["digest"]})
    assert made.status_code == 201, made.json()
    found = client.get(url(f"installations/{made.json()['id']}/")).json()
    assert found == made.json()
    assert (
        send(client, "installations/", {"digest": listing["version"]["digest"]}).json()["code"] == "already_installed"
    )
    gone = send(client, f"installations/{found['id']}/removal/", {"reason": "Not used"}).json()
    assert (gone["removed_at"] is not None, gone["version"]) == (True, None)
    event = AuditEvent.objects.get(action="installation.removed")
    assert (event.actor_kind, event.actor_id) == ("person", str(admin.pk))


def test_a_digest_that_is_nobodys_installs_nothing(api, token_of, admin):
    response = send(api(token_of(admin)), "installations/", {"digest": "0" * 64})
    assert (response.status_code, response.json()["code"]) == (409, "not_installable")


def test_an_install_that_a_rule_asks_about_is_not_done_and_says_so(api, token_of, workspace, admin, tidy):
    asks = {"reviewers": "approvers", "needed": 1, "expires_h": 24, "second_factor": False}
    rule = {"title": "Installs ask", "effect": "require_approval", "what": {"acts": ["install"]}, "ask": asks}
    rule |= {"who": {}, "when": {}, "obligations": {}}
    create_rule(workspace, actor=admin, values=rule, reason="Test", seen=0, confirmed=True)
    response = send(api(token_of(admin)), "installations/", {"digest": tidy.digest})
    assert (response.status_code, response.json()["code"]) == (409, "approval_needed")
    assert not Installation.objects.filter(extension=tidy.extension).exists()


def test_a_run_is_started_read_and_cancelled(api, token_of, member, probe):
    client = api(token_of(member))
    made = send(client, "runs/", {"target": "probe.look_up", "inputs": {"key": "a"}})
    run = made.json()
    assert (made.status_code, run["state"], run["mode"], run["inputs"]) == (201, "queued", "simulated", {"key": "a"})
    assert [link["kind"] for link in run["chain"]] == ["person", "token"]
    assert client.get(url(f"runs/{run['id']}/")).json() == run
    assert [one["id"] for one in client.get(url("runs/?state=queued&mode=simulated")).json()["results"]] == [run["id"]]
    assert client.get(url("runs/?state=failed")).json()["results"] == []
    assert send(client, f"runs/{run['id']}/cancellation/", {}).json()["state"] == "cancelled"
    again = send(client, f"runs/{run['id']}/cancellation/", {})
    assert (again.status_code, again.json()["code"]) == (409, "not_cancellable")


def test_inputs_that_do_not_fit_are_named(api, token_of, member, probe):
    response = send(api(token_of(member)), "runs/", {"target": "probe.look_up", "inputs": {"kee": "a"}})
    assert response.status_code == 422
    assert set(response.json()["fields"]) == {"key", "kee"}
    assert not Run.objects.exists()


def test_a_run_that_policy_blocks_says_what_would_pass(api, token_of, member, probe):
    run = send(api(token_of(member)), "runs/", {"target": "probe.create", "inputs": {"key": "a"}}).json()
    assert (run["state"], run["error_category"], run["error"]["error_code"]) == (
        "failed",
        "policy_block",
        "write_grant_missing",
    )


def test_an_agent_acts_for_its_owner_and_sees_its_own(api, token_of, workspace, admin, agent, probe):
    invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "the owner's"})
    client = api(token_of(admin, agent=agent))
    assert client.get("/api/v1/me/").json()["agent"] == {"id": str(agent.pk), "name": "Lead agent"}
    run = send(client, "runs/", {"target": "probe.remove", "inputs": {"key": "a"}}).json()
    assert (run["state"], run["agent"]["name"], run["requested_by"]["name"]) == ("waiting", "Lead agent", admin.name)
    assert [link["kind"] for link in run["chain"]] == ["person", "agent", "token"]
    assert [one["id"] for one in client.get(url("runs/")).json()["results"]] == [run["id"]]
    assert [one["id"] for one in client.get(url("approvals/")).json()["results"]] == [run["approval"]]
    assert send(client, f"runs/{run['id']}/cancellation/", {}).json()["state"] == "cancelled"
    cancelled = AuditEvent.objects.get(action="run.cancelled", target_id=run["id"])
    assert (cancelled.actor_kind, cancelled.actor_id) == ("agent", str(agent.pk))


def test_an_agent_sees_the_installations_it_was_given(api, token_of, admin, agent, probe):
    client = api(token_of(admin, agent=agent))
    assert [one["extension"]["slug"] for one in client.get(url("installations/")).json()["results"]] == ["probe"]
    names = ("name", "purpose", "owner", "scopes", "calls_per_day", "ends_at")
    change_agent(agent, **{name: getattr(agent, name) for name in names}, grants=[], actor=admin)
    assert grants_of(agent) == []
    assert client.get(url("installations/")).json()["results"] == []
    assert client.get(url(f"installations/{probe.pk}/")).status_code == 404


def test_an_agent_sees_its_owners_account_and_nobody_elses(api, token_of, workspace, admin, member, agent, probe):
    """Its owner, who manages connections, sees them all."""
    shared = probe.connections.get()
    own, others = (
        Connection.objects.create(workspace=workspace, installation=probe, owner=person, name="Probe")
        for person in (admin, member)
    )
    seen = {one["id"] for one in api(token_of(admin, agent=agent)).get(url("connections/")).json()["results"]}
    assert seen == {str(shared.pk), str(own.pk)}
    assert api(token_of(admin, agent=agent)).get(url(f"connections/{others.pk}/")).status_code == 404
    assert api(token_of(admin)).get(url(f"connections/{others.pk}/")).status_code == 200


def test_a_suspended_agent_is_out_with_its_next_request(api, token_of, admin, agent):
    client = api(token_of(admin, agent=agent))
    assert client.get(url("runs/")).status_code == 200
    suspend_agent(agent, actor=admin)
    refused = client.get(url("runs/"))
    assert (refused.status_code, refused.json()["detail"]) == (401, "Lead agent is suspended.")


@pytest.mark.asvs("10.3.4")
def test_no_token_decides(api, token_of, workspace, admin, approver, agent):
    """Not even where somebody writes the permission of earlier versions into it by hand: there is no such address."""
    from galaxy.core.models import Token

    run = invoke(workspace, actor=admin, agent=agent, target="probe.remove", inputs={"key": "a"})
    clients = api(token_of(admin, agent=agent)), api(token_of(approver))
    Token.objects.update(permissions=["approvals.read", "approvals.decide", "audit.read", "installations.write"])
    body = {"decision": "approved", "digest": run.approval.digest}
    for client in clients:
        assert client.get(url(f"approvals/{run.approval_id}/")).status_code == 200
        refused = send(client, f"approvals/{run.approval_id}/decision/", body)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
    assert clients[0].get(url("events/")).json()["code"] == "token_permission_missing"
    run.approval.refresh_from_db()
    assert run.approval.status == "pending"


@pytest.mark.asvs("3.5.1")
def test_a_session_needs_the_token_against_forgery(cast, member, probe):
    client = Client(enforce_csrf_checks=True)
    client.force_login(member, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get(url("runs/")).status_code == 200
    refused = send(client, "runs/", {"target": "probe.look_up", "inputs": {"key": "a"}})
    assert (refused.status_code, refused["Content-Type"]) == (403, "application/problem+json")
    assert not Run.objects.exists()


def test_reading_the_trail_is_an_event_once(api, token_of, auditor):
    client = api(token_of(auditor))
    for _ in range(3):
        found = client.get(url("events/?action=token.")).json()
    assert [one["action"] for one in found["results"]] == ["token.created"]
    assert AuditEvent.objects.filter(action="audit.viewed", actor_id=str(auditor.pk)).count() == 1
    one = client.get(url(f"events/{found['results'][0]['id']}/")).json()
    assert (one["broken"], one["chain"][0]["label"]) == ([], str(auditor))
    assert set(one["commitments"]) >= {"action", "actor.chain"}
    assert AuditEvent.objects.filter(action="event.viewed").count() == 1


def test_the_steps_of_a_pack_are_read_under_their_run(api, token_of, workspace, admin, probe):
    from sandbox.services import perform
    from tests.extensions import PACK, TIDY, installed

    installed(workspace, admin, TIDY, PACK)
    client = api(token_of(admin))
    run = send(client, "runs/", {"target": "probe.flow", "inputs": {"name": "A", "on": "2026-01-02"}}).json()
    perform(run["id"])
    steps = client.get(url(f"runs/?parent={run['id']}")).json()["results"]
    assert {step["step_id"] for step in steps} == {"tidy", "make", "look"}
    assert [one["id"] for one in client.get(url("runs/")).json()["results"]] == [run["id"]]


def test_checks_of_connections_are_listed_where_they_are_asked_for(api, token_of, admin, workspace, probe):
    asked = make_run(workspace, probe, admin, mode="live")
    check = make_run(workspace, probe, admin, mode="live", is_check=True)
    client = api(token_of(admin))
    for query, run in (("", asked), ("?checks=false", asked), ("?checks=true", check)):
        assert [one["id"] for one in client.get(url(f"runs/{query}")).json()["results"]] == [str(run.pk)], query
    assert client.get(url(f"runs/{check.pk}/")).status_code == 200
    assert client.get(url("runs/?checks=perhaps")).status_code == 422


def test_a_list_is_walked_by_cursor_to_its_end(api, token_of, workspace, admin, probe):
    for key in "abcde":
        invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": key})
    Run.objects.update(created_at=datetime(2026, 1, 1, tzinfo=UTC))  # all at the very same moment
    client = api(token_of(admin))
    seen, address = [], url("runs/?limit=2")
    while address:
        page = client.get(address).json()
        assert len(page["results"]) <= 2
        seen += [run["inputs"]["key"] for run in page["results"]]
        address = page["next"]
    assert sorted(seen) == list("abcde")
    pages = client.get(url("listings/?limit=1")).json()
    assert [one["extension"]["slug"] for one in pages["results"]] == ["probe"]


def test_a_list_asks_a_fixed_number_of_queries(api, token_of, workspace, admin, probe, django_assert_max_num_queries):
    client = api(token_of(admin))
    client.get(url("runs/"))  # last use is written
    for key in map(str, range(12)):
        invoke(workspace, actor=admin, target="probe.remove", inputs={"key": key})
    for rest, most in (("runs/", 8), ("approvals/", 10), ("installations/", 8), ("listings/", 8), ("events/", 14)):
        with django_assert_max_num_queries(most):
            assert client.get(url(rest)).status_code == 200


def test_a_foreign_object_is_not_found(api, token_of, cast, stranger, workspace, admin, probe):
    from galaxy.core.scope import workspace_scope
    from galaxy.core.tokens import create_token

    run = invoke(workspace, actor=admin, target="probe.remove", inputs={"key": "a"})
    with workspace_scope([cast["tidewater"].pk]):
        text = create_token(
            cast["tidewater"], name="T", permissions=["runs.read", "approvals.read"], days=1, actor=stranger
        )[1]
    client = api(text)
    for rest in (f"runs/{run.pk}/", f"approvals/{run.approval_id}/"):
        assert client.get(url(rest)).status_code == 404
        assert client.get(url(rest, "tidewater")).status_code == 404
    assert Installation.objects.get().is_active


def test_a_view_that_goes_says_so():
    from galaxy.core.api.views import Deprecation

    going = Deprecation(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), "/api/v1/docs/")
    assert going.headers == {
        "Deprecation": "@1767225600",
        "Sunset": "Fri, 01 Jan 2027 00:00:00 GMT",
        "Link": '</api/v1/docs/>; rel="deprecation"',
    }


def test_the_headers_of_a_view_that_goes_stand_on_its_answers(api, token_of, member, monkeypatch):
    from galaxy.core.api.me import MeView
    from galaxy.core.api.views import Deprecation

    going = Deprecation(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC), "/api/v1/docs/")
    monkeypatch.setattr(MeView, "deprecation", going)
    assert api(token_of(member)).get("/api/v1/me/")["Deprecation"] == "@1767225600"
