"""Decisions keep the whole question, so that it can be asked again."""

from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, transaction

from policies.engine import Action, Ask, Context, Principal, Resource, Snapshot, Stage
from policies.models import Decision, Effect
from policies.services import decisions
from policies.services.decisions import decide, decide_again
from tests.policies.generated import a_rule

QUESTION = {
    "principal": Principal("person", "1", "Mia", ("member",), holds_read=True),
    "action": Action("hubspot.find_task", "read", ("crm.tasks.read",)),
    "resource": Resource("hubspot", "connector", "i", "d" * 64, scopes_granted=frozenset({"crm.tasks.read", "a.read"})),
    "context": Context("live", data_classes=("email",), now=datetime(2026, 1, 2, 3, 4, tzinfo=UTC), caller="page"),
}


@pytest.mark.asvs("16.3.2")
def test_a_decision_is_stored_with_its_input_and_reasons(workspace):
    decision = decide(workspace, **QUESTION)
    stored = Decision.objects.in_workspace(workspace).get()
    assert (stored, stored.effect, stored.policy_version) == (decision, Effect.ALLOW, 0)
    assert stored.input["resource"]["scopes_granted"] == ["a.read", "crm.tasks.read"]
    assert stored.input["context"]["now"] == "2026-01-02T03:04:00+00:00"
    assert [reason["code"] for reason in stored.reasons] == ["read_allowed"]
    assert stored.obligations == {"redact": {"email": "mask"}}


def test_the_stored_question_can_be_asked_of_other_rules(workspace):
    stored = Decision.objects.get(pk=decide(workspace, **QUESTION).pk)
    assert decide_again(stored, Snapshot()).effect == stored.effect
    closed = a_rule(effect="deny", when={"classes": ["email"]}, what={"scopes": ["crm.**.read"]})
    assert decide_again(stored, Snapshot(1, [closed])).effect == Effect.DENY
    elsewhere = a_rule(effect="deny", what={"scopes": ["mail.**"]})
    assert decide_again(stored, Snapshot(1, [elsewhere])) == decide_again(stored, Snapshot())


def test_a_question_that_was_stored_before_rules_can_still_be_asked(workspace):
    stored = decide(workspace, **QUESTION)
    for name in ("act", "numbers", "new_destination", "pack", "trigger"):
        del stored.input["context"][name]
    assert decide_again(stored, Snapshot()).effect == stored.effect
    for rule in (a_rule(effect="deny", when={"new_destination": True}), a_rule(effect="deny", what={"acts": ["call"]})):
        assert decide_again(stored, Snapshot(1, [rule])).effect == Effect.DENY


def test_what_the_rules_asked_for_is_stored_with_the_decision(workspace, monkeypatch):
    asks = a_rule(9, effect="require_approval", ask={"reviewers": "role:owner", "needed": 2, "expires_h": 8})
    monkeypatch.setattr(decisions, "snapshot_of", lambda workspace: Snapshot(4, [asks]))
    stored = Decision.objects.get(pk=decide(workspace, **QUESTION).pk)
    assert (stored.effect, stored.rules, stored.policy_version) == (Effect.REQUIRE_APPROVAL, [9], 4)
    assert Ask.from_json(stored.ask) == Ask((Stage("role:owner", 2),), expires_s=8 * 3600)
    assert [reason["rule"] for reason in stored.reasons] == [9]


@pytest.mark.asvs("16.5.3")
def test_when_the_engine_fails_the_decision_is_a_stored_deny(workspace, monkeypatch, caplog):
    broken = Snapshot(4)
    monkeypatch.setattr(broken, "speaking", lambda *question: 1 / 0)
    monkeypatch.setattr(decisions, "snapshot_of", lambda workspace: broken)
    decision = decide(workspace, **QUESTION)
    assert (decision.effect, decision.policy_version) == (Effect.DENY, 4)
    assert decision.reasons[0]["code"] == "evaluation_error"
    assert "policy evaluation failed" in caplog.text


def test_a_decision_is_written_once(workspace):
    decision = decide(workspace, **QUESTION)
    with pytest.raises(DatabaseError), transaction.atomic():
        Decision.objects.filter(pk=decision.pk).update(effect=Effect.DENY)
