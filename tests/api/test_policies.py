"""Rules, decisions and requests by API: the services of the pages, and nothing that decides."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from galaxy.core.models import AuditEvent, Token
from policies.errors import SelfApproval
from policies.models import Approval, Rule, RuleSet
from policies.services.changes import ask_upgrade, change_decided
from policies.services.voting import decide_approval
from policies.waiting import ENOUGH
from registry.courses import Course
from registry.services import install
from registry.updates.rollouts import start_rollout
from sandbox.models import Run
from sandbox.services import invoke
from tests.api.conftest import send, url
from tests.matrix.policy_routes import REASON, RULE
from tests.registry.samples import connector, publish

MEANT = {"reason": REASON, "seen": 0, "confirmed": True}


def made(client, **changes):
    return send(client, "rules/", RULE | MEANT | changes)


def test_a_rule_is_made_changed_ended_and_restored(api, token_of, admin, probe, workspace):
    client = api(token_of(admin))
    rule = made(client)
    assert rule.status_code == 201, rule.json()
    assert (rule.json()["number"], rule.json()["ended_at"]) == (1, None)
    rest = f"rules/{rule.json()['id']}/"
    changed = send(client, f"{rest}change/", RULE | MEANT | {"seen": 1, "title": "Deletes ask somebody"})
    assert changed.json()["title"] == "Deletes ask somebody"
    ended = send(client, f"{rest}ending/", {"reason": "Not needed", "seen": 2})
    assert ended.json()["ended_at"] is not None
    assert client.get(url("rules/?in_force=true")).json()["results"] == []
    back = send(client, "rule-sets/1/restoration/", {"reason": "It was needed", "seen": 3})
    assert (back.status_code, back.json()["number"], back.json()["restored_from"]) == (201, 4, 1)
    sets = client.get(url("rule-sets/")).json()["results"]
    assert [one["number"] for one in sets] == [4, 3, 2, 1]
    first = client.get(url("rule-sets/1/")).json()
    assert first["sentences"][0]["sentence"].startswith("When anybody wants to delete")
    assert (
        AuditEvent.objects.filter(action__in=["rule.created", "rule.changed", "rule.ended", "policy.restored"]).count()
        == 4
    )


def test_whoever_saves_against_old_rules_is_told_what_changed(api, token_of, admin, probe):
    client = api(token_of(admin))
    made(client)
    late = made(client, title="Another")
    assert (late.status_code, late.json()["code"]) == (409, "rules_changed")
    assert Rule.objects.count() == 1


def test_words_that_no_rule_knows_are_refused_by_place(api, token_of, admin, probe):
    answer = made(api(token_of(admin)), when={"over": "many"})
    assert answer.status_code == 422
    assert "when.over" in answer.json()["fields"]
    assert not RuleSet.objects.exists()


def test_an_unknown_field_is_refused(api, token_of, admin, probe):
    assert made(api(token_of(admin)), number=7).status_code == 422


def test_who_may_not_write_rules_does_not_by_token_either(api, token_of, auditor, member, probe):
    for person in (auditor, member):
        assert made(api(token_of(person))).status_code == 403


def test_a_rule_is_felt_by_the_next_call_and_its_decision_opens(api, token_of, admin, probe):
    client = api(token_of(admin))
    deny = {"effect": "deny", "what": {"effects": ["write"]}, "ask": {}, "title": "No writes"}
    assert made(client, **deny).status_code == 201
    run = send(client, "runs/", {"target": "probe.create", "inputs": {"key": "a"}}).json()
    assert (run["state"], run["error_category"]) == ("failed", "policy_block")
    decision = client.get(url("decisions/?effect=deny")).json()["results"][0]
    assert decision["rules"] == [1]
    opened = client.get(url(f"decisions/{decision['id']}/")).json()
    assert (opened["repeats"], opened["today"], opened["policy_version"]) == (True, "deny", 1)
    assert opened["input"]["action"]["target"] == "probe.create"


def test_an_agent_sees_the_decisions_on_its_own_calls(api, token_of, admin, agent, probe):
    send(api(token_of(admin)), "runs/", {"target": "probe.look_up", "inputs": {"key": "a"}})
    client = api(token_of(admin, agent=agent))
    send(client, "runs/", {"target": "probe.look_up", "inputs": {"key": "b"}})
    found = client.get(url("decisions/")).json()["results"]
    assert len(found) == 1
    assert client.get(url("rules/")).status_code == 403, "an agent reads no rules"


def test_a_request_is_withdrawn_and_asked_again(api, token_of, admin, agent, probe):
    client = api(token_of(admin, agent=agent))
    run = send(client, "runs/", {"target": "probe.remove", "inputs": {"key": "a"}}).json()
    rest = f"approvals/{run['approval']}/"
    assert send(client, f"{rest}repetition/", {}).status_code == 409, "it still waits"
    reminded = send(client, f"{rest}reminder/", {})
    assert reminded.status_code == 200, reminded.json()
    assert send(client, f"{rest}reminder/", {}).status_code == 429, "once an hour"
    gone = send(client, f"{rest}withdrawal/", {})
    assert gone.json()["status"] == "withdrawn"


def test_whoever_waits_is_told_who_is_asked_and_how_long_that_takes_as_the_pages_say(
    api, token_of, client_of, workspace, admin, approver, agent, probe
):
    client = api(token_of(admin, agent=agent))
    wanted = {"target": "probe.remove", "inputs": {"key": "a"}}
    first = send(client, "runs/", wanted).json()["waiting"]
    assert first == {
        "who": "an approver",
        "usual_wait_s": None,
        "sentence": "It waits for an approver. Usual wait: not known yet.",
    }
    for approval in [invoke(workspace, actor=admin, **wanted).approval for _ in range(ENOUGH)]:
        decide_approval(approval, reviewer=approver, decision="rejected", note="No", digest=approval.digest)
    Approval.objects.exclude(decided_at=None).update(requested_at=F("decided_at") - timedelta(minutes=10))
    run = send(client, "runs/", wanted).json()
    said = "It waits for an approver. Usual wait: 10 min, nine in ten within 10 min."
    assert run["waiting"] == {"who": "an approver", "usual_wait_s": 600, "sentence": said}
    asked = f"approvals/{run['approval']}/"
    again = [client.get(url(rest)).json() for rest in (f"runs/{run['id']}/", asked)]
    assert [one["waiting"] for one in (*again, send(client, f"{asked}reminder/", {}).json())] == [run["waiting"]] * 3
    for page in (Run.objects.get(pk=run["id"]), Approval.objects.get(pk=run["approval"])):
        assert said in client_of(admin).get(page.get_absolute_url()).text
    assert send(client, f"runs/{run['id']}/cancellation/", {}).json()["waiting"] is None
    assert client.get(url(asked)).json()["waiting"] is None


def test_an_agent_asks_for_a_change_whatever_its_owner_may_and_none_of_its_own_agrees(
    api, token_of, workspace, admin, owner, approver, agent, tidy
):
    """The owner of the agent may install; whoever holds a key of it could be who asked."""
    client = api(token_of(admin, agent=agent))
    Token.objects.update(created_by=owner)
    wanted = {"kind": "install", "digest": tidy.digest, "reason": "To keep leads tidy"}
    change = send(client, "changes/", wanted).json()
    assert [one["id"] for one in client.get(url("changes/")).json()["results"]] == [change["id"]]
    assert send(client, "changes/", wanted).json()["id"] == change["id"]
    approval = Approval.objects.get(pk=change["approval"])
    assert client.get(url(f"approvals/{approval.pk}/")).json()["facts"]["rule"] == [f"{agent} may not do this alone."]
    for person in (admin, owner):
        with pytest.raises(SelfApproval):
            decide_approval(approval, reviewer=person, decision="approved", digest=approval.digest, note="Mine")
    decide_approval(approval, reviewer=approver, decision="approved", digest=approval.digest, note="Fine")
    change_decided(approval)
    assert client.get(url(f"changes/{change['id']}/")).json()["state"] == "made"
    for action in ("approval.requested", "change.made", "installation.created"):
        assert AuditEvent.objects.filter(action=action).latest("pk").actor_id == str(agent.pk)
    kept = Approval.objects.get(pk=approval.pk)
    assert (kept.agent, kept.bound["agent"]) == (agent, str(agent.pk))


def test_a_roll_out_is_asked_for_with_its_course(api, token_of, workspace, admin, member):
    version = publish(connector("going"))
    there = install(workspace, version.extension, version=version, actor=admin)
    newer, client = publish(connector("going", "1.1.0")), api(token_of(member))
    course = {"stages": [{"percent": 10, "hours": 24}], "least_calls": 50}
    wanted = {"kind": "upgrade", "digest": newer.digest, "installation": str(there.pk), "reason": "Slowly"}
    asked = send(client, "changes/", wanted | {"course": course}).json()
    assert asked["course"] == course | {"packs": [], "tolerance": 2}
    assert send(client, "changes/", wanted).json()["course"] is None
    backwards = {"stages": [{"percent": 50, "hours": 1}, {"percent": 10, "hours": 1}]}
    for body in ({"course": course, "kind": "widen"}, {"course": backwards}, {"course": course | {"speed": 1}}):
        assert send(client, "changes/", wanted | body).status_code == 422
    assert send(client, "changes/", wanted | {"course": {"packs": [str(uuid4())]}}).status_code == 422
    approval = Approval.objects.get(pk=asked["approval"])
    assert approval.bound["course"] == asked["course"]


def test_nothing_of_the_api_decides(api, token_of, admin, approver, probe):
    """Whoever may decide in the console has no address to do it by token."""
    run = send(api(token_of(admin)), "runs/", {"target": "probe.remove", "inputs": {"key": "a"}}).json()
    client = api(token_of(approver))
    for rest in ("decision/", "", "approval/"):
        body = {"decision": "approved", "digest": Approval.objects.get().digest}
        assert send(client, f"approvals/{run['approval']}/{rest}", body).status_code in {404, 405}
    assert Approval.objects.get().status == "pending"


def test_roll_outs_and_changes_are_listed_in_as_many_statements_for_many_as_for_few(
    workspace, admin, member, api, token_of, django_assert_num_queries
):
    client, asking, counts = api(token_of(admin)), api(token_of(member)), []
    places = ((client, url("roll-outs/")), (asking, url("changes/")))
    for number in range(8):
        version = publish(connector(f"going{number}"))
        one = install(workspace, version.extension, version=version, actor=admin)
        newer = publish(connector(f"going{number}", "1.0.1"))
        ask_upgrade(one, newer, actor=member, course=Course() if number % 2 else None)
        start_rollout(one, version=newer, actor=admin, course=Course())
        if number == 1:
            for who, place in places:
                who.get(place)
                with CaptureQueriesContext(connection) as found:
                    assert who.get(place).status_code == 200
                counts.append(len(found))
    for (who, place), count in zip(places, counts, strict=True):
        with django_assert_num_queries(count):
            assert len(who.get(place).json()["results"]) == 8
