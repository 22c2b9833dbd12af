"""What stands against a rule before it holds: certain things refuse it, likely mistakes are asked about."""

from datetime import timedelta

import pytest
from django.utils import timezone

from galaxy.core.agents import create_agent, end_agent
from galaxy.core.members.people import change_role
from galaxy.core.members.roles import create_role
from galaxy.core.models import Membership
from policies.known import Known
from policies.models import ApproverGroup, ApproverGroupMember
from policies.rules.checking import findings_of
from tests.extensions import PROBE, installed
from tests.playhouse import staged
from tests.policies.rule_samples import rule

ASK = "require_approval"
WHOLE_WEEK = {"days": [1, 2, 3, 4, 5, 6, 7], "from": "00:00", "to": "24:00", "zone": "UTC"}


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE)[0]


@pytest.fixture
def found(workspace):
    """``found(rule, others)``: {(place, is_refusal): sentence}."""

    def find(one, others=()):
        return {(each.place, each.is_refusal): each.sentence for each in findings_of(one, others, Known(workspace))}

    return find


@pytest.fixture
def group(workspace, owner, approver):
    group = ApproverGroup.objects.create(workspace=workspace, name="Sales-Ops", created_by=owner)
    ApproverGroupMember.objects.create(workspace=workspace, group=group, user=approver, added_by=owner)
    return group


@pytest.fixture
def agent(workspace, creator, admin):
    soon = timezone.now() + timedelta(days=9)
    more = {"scopes": ["things.read"], "grants": [], "calls_per_day": 10, "ends_at": soon, "actor": admin}
    return create_agent(workspace, name="Scheduler", purpose="Schedules.", owner=creator, **more)


SOUND = [
    rule("deny", what={"scopes": ["things.delete"]}),
    rule("deny", what={"actions": ["probe.create"], "extensions": ["probe"], "effects": ["write"]}),
    rule("allow", what={"actions": ["probe.announce"]}, when={"over": 5}),
    rule(ASK, what={"effects": ["write"]}, ask={"needed": 2}),
    rule("deny", what={"acts": ["install"], "kinds": ["connector"]}),
    rule("deny", what={"actions": ["probe.create"], "kinds": ["connector"]}),
    rule("deny", who={"roles": ["member"]}),
]
CREATE, LOOK_UP = ["probe.create"], ["probe.look_up"]
NEVER = {
    "nobody calls a trigger": (rule("deny", what={"kinds": ["trigger"]}), "what.kinds", "nobody calls it"),
    "an action of something else": (
        rule("deny", what={"actions": CREATE, "extensions": ["slack"]}),
        "what.actions",
        "probe.create is not of slack",
    ),
    "an action that does not read": (
        rule("deny", what={"actions": CREATE, "effects": ["read"]}),
        "what.effects",
        "probe.create writes",
    ),
    "an action that is no pack": (
        rule("deny", what={"actions": CREATE, "kinds": ["pack"]}),
        "what.kinds",
        "of the kind connector",
    ),
    "an action without that scope": (
        rule("deny", what={"actions": CREATE, "scopes": ["**.delete"]}),
        "what.scopes",
        "uses no such scope",
    ),
    "an action that can be undone": (
        rule("deny", what={"actions": LOOK_UP}, when={"destructive": True}),
        "when.destructive",
        "is not destructive",
    ),
    "an allowance by a count nobody gives": (
        rule("allow", what={"actions": CREATE}, when={"over": 5}),
        "when.over",
        "does not say how many",
    ),
    "an allowance by a number nobody gives": (
        rule("allow", what={"actions": CREATE}, when={"amount": {"field": "sum", "over": 5}}),
        "when.amount.field",
        "takes no number",
    ),
    "no time at all": (
        rule("deny", when={"hours": WHOLE_WEEK | {"outside": True}}),
        "when.hours",
        "no time outside",
    ),
}


@pytest.mark.parametrize("one", SOUND, ids=lambda one: str(one.what.as_json()))
def test_nothing_stands_against_a_sound_rule(found, probe, one):
    assert found(one) == {}


@pytest.mark.parametrize(("one", "place", "words"), NEVER.values(), ids=NEVER)
def test_a_rule_that_can_match_nothing_is_refused(found, probe, one, place, words):
    sentence = found(one)[place, True]
    assert sentence.startswith("It can match nothing: ")
    assert words in sentence


def test_a_rule_about_an_agent_that_has_ended_matches_nothing(found, agent, admin):
    about = rule("deny", who={"agents": [str(agent.pk)]})
    assert found(about) == {}
    end_agent(agent, actor=admin)
    assert found(about) == {
        ("who.agents", True): "It can match nothing: Scheduler has ended, and calls nothing any more."
    }
    assert found(rule("deny", who={"agents": [str(agent.pk)], "people": True})) == {}


def test_a_denial_of_everything_for_everybody_is_refused(found):
    assert "lock everybody out" in found(rule("deny"))["effect", True]
    assert "lock everybody out" in found(rule("deny", when={"hours": WHOLE_WEEK}))["effect", True]


def test_denials_that_lock_everybody_out_together_are_refused(found):
    others = [rule("deny", 2, who={"people": True})]
    sentence = found(rule("deny", who={"agents": ["any"]}), others)["effect", True]
    assert sentence.startswith("Together with other rules, this would lock everybody out")
    assert found(rule("deny", who={"agents": ["any"]})) == {}


def test_the_same_rule_twice_is_refused(found):
    first = rule("deny", 7, "No deletes", what={"effects": ["delete"]})
    again = rule("deny", 8, "No deletes at all", what={"effects": ["delete"]})
    assert found(again, [first]) == {("", True): "Rule 7, No deletes, says the same already: change that one instead."}
    assert found(rule("deny", 8, what={"effects": ["delete"]}, when={"over": 2}), [first]) == {}


def test_an_ask_that_nobody_could_answer_is_refused(found, group, workspace):
    gone = rule(ASK, ask={"reviewers": "group:7b2c9d8e-0000-4000-8000-000000000000"})
    assert "nobody could answer" in found(gone)["ask.reviewers", True]
    ours = rule(ASK, ask={"reviewers": f"group:{group.pk}"})
    assert ("ask.reviewers", True) not in found(ours)
    ApproverGroup.objects.filter(pk=group.pk).update(ended_at=timezone.now())
    assert found(ours)["ask.reviewers", True].startswith("Sales-Ops: nobody could answer")


def test_a_role_of_the_workspaces_own_answers(found, workspace, owner, creator):
    desk = create_role(workspace, name="Desk", permissions={"run_installation"}, actor=owner)
    ours = rule(ASK, ask={"reviewers": f"role:{desk.pk}"})
    assert found(ours)["ask.reviewers", True].startswith("Role Desk: nobody could answer")
    change_role(Membership.objects.get(user=creator), to=desk, actor=owner)
    assert ("ask.reviewers", True) not in found(ours)


def test_an_ask_of_more_people_than_there_are_is_refused(found, group):
    two = rule(ASK, ask={"reviewers": f"group:{group.pk}", "needed": 2})
    assert found(two)["ask.needed", True] == "Sales-Ops are 1 person, and 2 are asked for."


def test_a_step_that_leads_to_nobody_is_refused(found, stranger):
    up = rule(ASK, ask={"escalate": [{"after_h": 2, "to": f"person:{stranger.pk}"}]})
    assert "nobody to ask" in found(up)["ask.escalate", True]


def test_an_ask_that_only_the_asker_could_answer_is_refused(found, agent, creator, owner):
    """An owner asks for what their agent does, and nobody answers their own question."""
    of_agent = rule(ASK, who={"agents": [str(agent.pk)]}, ask={"reviewers": f"person:{creator.pk}"})
    assert found(of_agent)["ask.reviewers", True] == (
        f"Only {creator} could ask, and nobody answers their own question: name somebody else as well."
    )
    of_role = rule(ASK, who={"roles": ["owner"]}, ask={"reviewers": "role:owner"})
    assert ("ask.reviewers", True) in found(of_role)
    of_all = found(rule(ASK, ask={"reviewers": f"person:{owner.pk}"}))
    assert of_all["ask.reviewers", False].startswith(f"Where {owner} asks, too few others")


NOBODYS = "7b2c9d8e-0000-4000-8000-000000000000"
LIKELY = [
    (rule("deny", what={"extensions": ["prob"]}), "what.extensions", "prob is not installed here. Did you mean probe?"),
    (rule("deny", what={"actions": ["probe.creat"]}), "what.actions", "Did you mean probe.create?"),
    (rule("deny", what={"scopes": ["thing.write"]}), "what.scopes", "Nothing that is installed uses thing.write."),
    (rule("deny", who={"packs": ["lead.chase"]}), "who.packs", "lead.chase is not installed here."),
    (rule("deny", who={"triggers": ["any"]}), "who.triggers", "There is no trigger here"),
    (rule("deny", who={"agents": [NOBODYS]}), "who.agents", "There is no agent"),
    (rule("deny", who={"roles": [NOBODYS]}), "who.roles", "There is no role"),
    (rule("deny", what={"effects": ["read"], "scopes": ["things.write"]}), "what.actions", "fits all of this at once"),
    (rule("deny", what={"effects": ["read"]}, when={"over": 3}), "when.over", "the rule holds for every call"),
    (rule("allow", what={"effects": ["read"]}, when={"over": 3}), "when.over", "the rule never holds"),
    (
        rule("deny", what={"effects": ["write"]}, when={"over": 3}),
        "when.over",
        "a call of probe.create or probe.put is",
    ),
    (rule("deny", when={"amount": {"field": "total", "over": 3}}), "when.amount.field", "a number called total"),
]


@pytest.mark.parametrize(("one", "place", "words"), LIKELY)
def test_what_looks_like_a_mistake_is_asked_about(found, probe, one, place, words):
    findings = found(one)
    assert words in findings[place, False]
    assert not any(is_refusal for _, is_refusal in findings)
