"""Rules made, changed, ended and restored: one set after the other, each whole, in the trail, and felt at once."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import AuditDetail, Workspace
from galaxy.core.permissions import NotGranted
from policies.models import ApproverGroup, ApproverGroupMember, Effect, Rule, RuleSet
from policies.rules.reading import BadRule
from policies.rules.vocabulary import digest_of
from policies.services import rules as services
from policies.services.decisions import decide
from policies.services.rules import (
    RuleEnded,
    StaleRules,
    Unconfirmed,
    change_rule,
    create_rule,
    end_rule,
    restore,
    rules_in_force,
)
from tests.policies.rule_samples import values
from tests.policies.test_decisions import QUESTION

NO_READS = {"what": {"effects": ["read"]}}
ASK = "require_approval"


@pytest.fixture
def make(workspace, admin):
    """``make(effect, …)``: a rule made by the admin against the rules as they are."""

    def made(effect="deny", title="Nothing is read", reason="To be safe", **parts):
        more = {"reason": reason, "seen": workspace.policy_version, "confirmed": True}
        return create_rule(workspace, actor=admin, values=values(effect, title, **(parts or NO_READS)), **more)

    return made


def fields_of_last(workspace, action):
    rows = AuditDetail.objects.in_workspace(workspace).filter(fields__action=action)
    return rows.order_by("-event_id").first().fields


def test_a_rule_that_is_made_holds_at_once_and_stands_in_the_trail(workspace, admin, make, trail):
    assert decide(workspace, **QUESTION).effect == Effect.ALLOW
    rule = make()
    decision = decide(Workspace.objects.get(pk=workspace.pk), **QUESTION)
    assert (decision.effect, decision.policy_version, decision.rules) == (Effect.DENY, 1, [1])
    found = RuleSet.objects.in_workspace(workspace).get()
    assert (found.number, found.author, found.reason) == (1, admin, "To be safe")
    assert found.change == "Rule 1, Nothing is read, made."
    assert found.content == [rule_json(rule)]
    assert found.digest == digest_of(found.content)
    assert (rule.owner, rule.reason, rule.ended_at) == (admin, "To be safe", None)
    assert trail("rule.") == ["rule.created"]
    fields = fields_of_last(workspace, "rule.created")
    assert (fields["after.title"], fields["after.what"], fields["data.reason"]) == (
        "Nothing is read",
        {"acts": ["call"], "effects": ["read"]},
        "To be safe",
    )


def rule_json(rule):
    parts = ("title", "effect", "who", "what", "when", "ask", "obligations")
    return {"id": str(rule.pk), "number": rule.number} | {name: getattr(rule, name) for name in parts}


def test_a_change_is_a_new_set_and_the_old_one_stays(workspace, admin, owner, make):
    rule = make()
    old = RuleSet.objects.in_workspace(workspace).get(number=1).content
    more = {"reason": "Too much", "seen": 1, "owner": owner}
    changed = change_rule(rule, actor=admin, values=values(what={"effects": ["delete"]}), **more)
    assert (changed.number, changed.what["effects"], changed.owner) == (1, ["delete"], owner)
    assert workspace.policy_version == 2
    assert RuleSet.objects.in_workspace(workspace).get(number=1).content == old
    now = RuleSet.objects.in_workspace(workspace).get(number=2)
    assert now.change == "Rule 1, Nothing is deleted, changed: name, what."
    fields = fields_of_last(workspace, "rule.changed")
    assert (fields["before.what"]["effects"], fields["after.what"]["effects"]) == (["read"], ["delete"])
    assert (fields["before.owner"], fields["after.owner"]) == (str(admin.pk), str(owner.pk))


def test_a_rule_that_ended_holds_no_more_and_its_number_is_not_given_again(workspace, admin, make, trail):
    rule = make()
    ended = end_rule(rule, actor=admin, reason="Not needed", seen=1)
    assert ended.ended_at is not None
    assert rules_in_force(workspace) == ()
    assert decide(Workspace.objects.get(pk=workspace.pk), **QUESTION).effect == Effect.ALLOW
    assert make(what={"effects": ["write"]}).number == 2
    assert trail("rule.") == ["rule.created", "rule.ended", "rule.created"]
    with pytest.raises(RuleEnded, match="Rule 1 has ended"):
        end_rule(rule, actor=admin, reason="Again", seen=3)
    with pytest.raises(RuleEnded):
        change_rule(rule, actor=admin, values=values(), reason="Back", seen=3)


def test_an_earlier_set_is_restored_as_a_new_one_and_the_rows_follow(workspace, admin, make, trail):
    first, second = make(), make(title="Writes wait", effect=ASK, what={"effects": ["write"]}, ask={"expires_h": 8})
    change_rule(first, actor=admin, values=values(what={"effects": ["delete"]}), reason="Less", seen=2)
    end_rule(second, actor=admin, reason="Gone", seen=3)
    third = make(title="New", what={"acts": ["install"]})
    new = restore(workspace, actor=admin, number=2, reason="It was better", seen=5)
    assert (new.number, new.restored_from, workspace.policy_version) == (6, 2, 6)
    assert new.content == RuleSet.objects.in_workspace(workspace).get(number=2).content
    for row in (first, second, third):
        row.refresh_from_db()
    assert (first.what["effects"], first.title, first.ended_at) == (["read"], "Nothing is read", None)
    assert (second.ended_at, third.ended_at is not None) == (None, True)
    assert new.content == [rule_json(first), rule_json(second)]
    assert trail("policy.") == ["policy.restored"]
    fields = fields_of_last(workspace, "policy.restored")
    assert (fields["before.policy_version"], fields["after.policy_version"], fields["data.number"]) == (5, 6, 2)
    assert decide(Workspace.objects.get(pk=workspace.pk), **QUESTION).effect == Effect.DENY


def test_what_holds_already_is_not_restored(workspace, admin, make):
    make()
    with pytest.raises(Conflict, match="hold already"):
        restore(workspace, actor=admin, number=1, reason="Back", seen=1)
    with pytest.raises(Invalid, match="never was a policy 9"):
        restore(workspace, actor=admin, number=9, reason="Back", seen=1)


def test_rules_whose_people_are_gone_are_not_restored(workspace, admin, approver, make):
    group = ApproverGroup.objects.create(workspace=workspace, name="Sales-Ops", created_by=admin)
    ApproverGroupMember.objects.create(workspace=workspace, group=group, user=approver, added_by=admin)
    rule = make(effect=ASK, what={"effects": ["write"]}, ask={"reviewers": f"group:{group.pk}"})
    end_rule(rule, actor=admin, reason="Not now", seen=1)
    ApproverGroupMember.objects.filter(group=group).delete()
    with pytest.raises(Invalid, match="Rule 1: Sales-Ops: nobody could answer"):
        restore(workspace, actor=admin, number=1, reason="Back", seen=2)
    assert workspace.policy_version == 2


def test_whoever_saves_second_is_told_what_the_first_one_did(workspace, admin, owner, make):
    rule = make()
    change_rule(rule, actor=owner, values=values(what={"effects": ["delete"]}), reason="Mine", seen=1)
    stale = values(what={"effects": ["write"]})
    for act in (
        lambda: change_rule(rule, actor=admin, values=stale, reason="Also", seen=1),
        lambda: create_rule(workspace, actor=admin, values=stale, reason="Also", seen=1),
        lambda: end_rule(rule, actor=admin, reason="Also", seen=1),
        lambda: restore(workspace, actor=admin, number=1, reason="Also", seen=1),
    ):
        with pytest.raises(StaleRules, match=f"Rule 1, Nothing is deleted, changed: name, what. \\({owner}\\)") as told:
            act()
        assert [one.number for one in told.value.since] == [2]
    assert RuleSet.objects.in_workspace(workspace).count() == 2


def test_saving_locks_the_workspace_without_stopping_calls(workspace, make):
    with CaptureQueriesContext(connection) as queries:
        make()
    locks = [one["sql"] for one in queries if "core_workspace" in one["sql"] and "FOR" in one["sql"]]
    assert len(locks) == 1
    assert "FOR NO KEY UPDATE" in locks[0]


@pytest.mark.parametrize("who", ["approver", "creator", "auditor", "member", "stranger"])
def test_only_who_writes_rules_writes_them(workspace, cast, make, who):
    rule = make()
    for act in (
        lambda user: create_rule(workspace, actor=user, values=values(), reason="x", seen=1),
        lambda user: change_rule(rule, actor=user, values=values(), reason="x", seen=1),
        lambda user: end_rule(rule, actor=user, reason="x", seen=1),
        lambda user: restore(workspace, actor=user, number=1, reason="x", seen=1),
    ):
        with pytest.raises(NotGranted):
            act(cast[who])
    assert RuleSet.objects.in_workspace(workspace).count() == 1


def test_everything_needs_a_reason(workspace, admin, make):
    rule = make()
    for act in (
        lambda: create_rule(workspace, actor=admin, values=values(), reason=" \n ", seen=1),
        lambda: change_rule(rule, actor=admin, values=values(), reason="", seen=1),
        lambda: end_rule(rule, actor=admin, reason="", seen=1),
        lambda: restore(workspace, actor=admin, number=1, reason="", seen=1),
    ):
        with pytest.raises(Invalid) as refused:
            act()
        assert set(refused.value.fields) == {"reason"}


def test_what_is_no_rule_or_shuts_everybody_out_is_refused_at_its_place(workspace, admin):
    def fields_of(error, **parts):
        with pytest.raises(error) as refused:
            create_rule(workspace, actor=admin, values=values(**parts), reason="x", seen=0, confirmed=True)
        return refused.value.fields

    assert set(fields_of(BadRule, when={"over": -1})) == {"when.over"}
    assert set(fields_of(Invalid)) == {"effect"}
    assert set(fields_of(Invalid, effect=ASK, ask={"needed": 5, "reviewers": "role:owner"})) == {"ask.needed"}
    assert RuleSet.objects.in_workspace(workspace).count() == Rule.objects.in_workspace(workspace).count() == 0


def test_likely_mistakes_are_saved_once_they_are_confirmed(workspace, admin):
    unknown = values(what={"extensions": ["nowhere"]})
    with pytest.raises(Unconfirmed, match="nowhere is not installed here") as asked:
        create_rule(workspace, actor=admin, values=unknown, reason="x", seen=0)
    assert [one.place for one in asked.value.warnings] == ["what.extensions"]
    create_rule(workspace, actor=admin, values=unknown, reason="x", seen=0, confirmed=True)
    assert workspace.policy_version == 1


def test_saving_what_is_not_changed_is_refused(admin, make):
    rule = make(title="Same")
    with pytest.raises(Invalid, match="Nothing is changed"):
        change_rule(rule, actor=admin, values=values(title="Same", **NO_READS), reason="x", seen=1)


def test_the_owner_of_a_rule_may_write_rules(workspace, admin, member):
    with pytest.raises(Invalid) as refused:
        create_rule(workspace, actor=admin, values=values(**NO_READS), reason="x", seen=0, owner=member)
    assert set(refused.value.fields) == {"owner"}


def test_a_failure_on_the_way_leaves_everything_as_it_was(workspace, admin, make, monkeypatch):
    make()
    monkeypatch.setattr(services.audit, "record", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        make(what={"effects": ["write"]})
    assert Workspace.objects.get(pk=workspace.pk).policy_version == 1
    assert Rule.objects.in_workspace(workspace).count() == RuleSet.objects.in_workspace(workspace).count() == 1
