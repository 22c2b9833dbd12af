"""The rules in force are loaded once, by number, and never used where they cannot be believed."""

from datetime import UTC, datetime

import pytest
from django.db import transaction

from policies.engine import Action, Context, Principal, Resource
from policies.models import Decision, Effect, RuleSet
from policies.rules import snapshots
from policies.rules.snapshots import snapshot_of
from policies.rules.vocabulary import digest_of
from policies.services.decisions import decide
from tests.policies.generated import a_rule

QUESTION = {
    "principal": Principal("person", "1", "Mia", ("member",), holds_read=True),
    "action": Action("hubspot.find_task", "read", ("crm.tasks.read",)),
    "resource": Resource("hubspot", "connector", "i", "d" * 64, scopes_granted=("crm.tasks.read",)),
    "context": Context("live", now=datetime(2026, 1, 2, tzinfo=UTC)),
}


@pytest.fixture(autouse=True)
def nothing_kept():
    snapshots._kept.clear()
    yield
    snapshots._kept.clear()


@pytest.fixture
def save(workspace, owner):
    """``save(*rules, …)``: puts these rules in force under the next number."""

    def saved(*rules, **fields):
        content = [rule.as_json() for rule in rules]
        workspace.policy_version += 1
        workspace.save(update_fields=["policy_version"])
        values = {"content": content, "digest": digest_of(content), "change": "Test", "author": owner}
        return RuleSet.objects.create(workspace=workspace, number=workspace.policy_version, **(values | fields))

    return saved


def test_a_workspace_without_rules_asks_nothing_of_the_database(workspace, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert (snapshot_of(workspace).version, len(snapshot_of(workspace))) == (0, 0)


def test_the_rules_in_force_decide_and_their_number_is_stored(workspace, save):
    save(a_rule(3, effect="deny", what={"scopes": ["crm.**"]}))
    decision = decide(workspace, **QUESTION)
    assert (decision.effect, decision.policy_version, decision.rules) == (Effect.DENY, 1, [3])
    save()
    assert decide(workspace, **QUESTION).effect == Effect.ALLOW


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"digest": "0" * 64}, "altered"),
        ({"content": [], "digest": digest_of([1])}, "altered"),
        ({"content": [{"effect": "allow"}], "digest": digest_of([{"effect": "allow"}])}, "cannot be read"),
        ({"content": {}, "digest": digest_of({})}, "cannot be read"),
    ],
)
def test_rules_that_cannot_be_believed_deny_everything(workspace, save, fields, why, caplog):
    save(a_rule(effect="allow"), **fields)
    decision = decide(workspace, **QUESTION)
    assert (decision.effect, decision.reasons[0]["code"]) == (Effect.DENY, "evaluation_error")
    assert why in decision.reasons[0]["text"] and why in caplog.text
    assert Decision.objects.in_workspace(workspace).get().effect == Effect.DENY


def test_rules_that_are_not_there_deny_everything(workspace):
    workspace.policy_version = 8
    assert decide(workspace, **QUESTION).reasons[0]["text"].count("policy 8 is not there") == 1


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_committed_rules_are_loaded_once_and_those_that_may_yet_be_rolled_back_each_time(
    workspace, save, owner, django_assert_num_queries
):
    with transaction.atomic(), transaction.atomic():  # the row is of a transaction within the transaction
        save(a_rule(effect="deny"))
        assert len(snapshot_of(workspace)) == 1
        transaction.set_rollback(True)
    workspace.policy_version = 0
    save(a_rule(1, effect="deny"), a_rule(2, effect="deny"))
    with transaction.atomic():
        owner.save(update_fields=["name"])  # a transaction that writes sees what was committed before it
        first = snapshot_of(workspace)
    assert (first.version, len(first)) == (1, 2)
    with django_assert_num_queries(0):
        assert snapshot_of(workspace) is first


def test_the_rules_asked_for_longest_ago_are_forgotten_first(workspace, monkeypatch):
    monkeypatch.setattr(snapshots, "MAX_RULES_KEPT", 5)
    for number in range(1, 4):
        snapshots._keep((workspace.pk, number), snapshots.Snapshot(number, [a_rule(effect="deny")]))
    assert [number for _, number in snapshots._kept] == [2, 3]
    snapshots._keep((workspace.pk, 9), snapshots.Snapshot(9, [a_rule(n, effect="deny") for n in range(1, 20)]))
    assert [number for _, number in snapshots._kept] == [9]


def test_another_workspace_has_other_rules(workspace, other_workspace, save):
    save(a_rule(effect="deny"))
    assert len(snapshot_of(workspace)) == 1
    assert snapshot_of(other_workspace).version == 0
