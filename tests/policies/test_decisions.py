"""Decisions keep the whole question, so that it can be asked again."""

from datetime import UTC, datetime

import pytest
from django.db import DatabaseError, transaction

from policies.engine import Action, Context, Principal, Reason, Resource, Snapshot, Verdict
from policies.models import Decision, Effect
from policies.services import decisions
from policies.services.decisions import decide, decide_again

QUESTION = {
    "principal": Principal("person", "1", "Mia", ("member",), holds_read=True),
    "action": Action("hubspot.find_task", "read", ("crm.tasks.read",)),
    "resource": Resource("hubspot", "connector", "i", "d" * 64, scopes_granted=frozenset({"crm.tasks.read", "a.read"})),
    "context": Context("live", data_classes=("email",), now=datetime(2026, 1, 2, 3, 4, tzinfo=UTC), caller="page"),
}


def test_a_decision_is_stored_with_its_input_and_reasons(workspace):
    decision = decide(workspace, **QUESTION)
    stored = Decision.objects.in_workspace(workspace).get()
    assert (stored, stored.effect, stored.policy_version) == (decision, Effect.ALLOW, 0)
    assert stored.input["resource"]["scopes_granted"] == ["a.read", "crm.tasks.read"]
    assert stored.input["context"]["now"] == "2026-01-02T03:04:00+00:00"
    assert [reason["code"] for reason in stored.reasons] == ["read_allowed"]
    assert stored.obligations == {"redact": ["email"]}


def test_the_stored_question_can_be_asked_of_other_rules(workspace):
    stored = Decision.objects.get(pk=decide(workspace, **QUESTION).pk)
    assert decide_again(stored, Snapshot()).effect == stored.effect
    closed = Verdict(Effect.DENY, Reason("closed", "Closed for now."))
    seen = []

    def rule(*question):
        seen.append(question)
        return closed

    assert decide_again(stored, Snapshot(1, (rule,))).effect == Effect.DENY
    principal, action, resource, context = seen[0]
    assert (principal, action, context) == (QUESTION["principal"], QUESTION["action"], QUESTION["context"])
    assert set(resource.scopes_granted) == QUESTION["resource"].scopes_granted


def test_when_the_engine_fails_the_decision_is_a_stored_deny(workspace, monkeypatch, caplog):
    def broken(*question):
        raise RuntimeError("boom")

    monkeypatch.setattr(decisions, "snapshot_of", lambda workspace: Snapshot(4, (broken,)))
    decision = decide(workspace, **QUESTION)
    assert (decision.effect, decision.policy_version) == (Effect.DENY, 4)
    assert decision.reasons[0]["code"] == "evaluation_error"
    assert "policy evaluation failed" in caplog.text


def test_a_decision_is_written_once(workspace):
    decision = decide(workspace, **QUESTION)
    with pytest.raises(DatabaseError), transaction.atomic():
        Decision.objects.filter(pk=decision.pk).update(effect=Effect.DENY)
