"""Each rule is one sentence, whose parts are the slots of the editor."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from galaxy.core.agents import create_agent
from policies.models import ApproverGroup
from policies.rules.sentences import names_of, plain, sentence
from tests.policies.generated import a_rule

GROUP, AGENT, MIA = (str(UUID(int=number)) for number in (70, 71, 72))
NAMES = {
    f"group:{GROUP}": "Sales-Ops",
    f"agent:{AGENT}": "Outreach agent",
    f"person:{MIA}": "Mia",
    "extension:hubspot": "HubSpot",
    "extension:salesforce": "Salesforce",
    "extension:lead.follow-up": "Lead follow-up",
}
WEEK = {"days": [1, 2, 3, 4, 5], "from": "09:00", "to": "18:00", "zone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"effect": "deny"}, "When anybody wants to do anything, deny it."),
        (
            {
                "effect": "require_approval",
                "who": {"agents": ["any"], "packs": ["any"]},
                "what": {"effects": ["write", "delete"], "extensions": ["hubspot", "salesforce"]},
                "when": {"over": 10},
                "ask": {"reviewers": f"group:{GROUP}", "needed": 2, "second_factor": True},
                "obligations": {"redact": {"email": "mask", "phone": "mask"}},
            },
            "When any agent or pack wants to write or delete in HubSpot or Salesforce and touches more than 10 "
            "records, ask 2 of Sales-Ops within 24 hours, with a second factor, and mask email and phone.",
        ),
        (
            {"effect": "allow", "who": {"agents": [AGENT], "roles": ["creator"]}, "what": {"scopes": ["crm.**.write"]}},
            "When somebody with the role creator or Outreach agent wants to do anything using crm.**.write, allow it.",
        ),
        (
            {
                "effect": "allow",
                "who": {"people": True, "packs": ["lead.follow-up"]},
                "what": {"actions": ["gmail.send", "hubspot.create_task"]},
                "when": {"classes": ["birth_date", "email"], "amount": {"field": "total", "over": 1500}},
                "obligations": {"redact": {"email": "drop", "name": "hash"}, "rate": {"count": 20, "per": "hour"}},
            },
            "When a person or the pack Lead follow-up wants to call gmail.send or hubspot.create_task, has more than "
            "1,500 in total and carries birth date or email, allow it, hash name, drop email, and let no more than 20 "
            "an hour through.",
        ),
        (
            {
                "effect": "require_approval",
                "what": {"acts": ["install", "upgrade"], "kinds": ["connector"], "levels": ["community"]},
                "ask": {
                    "reviewers": "role:owner",
                    "expires_h": 72,
                    "escalate": [{"after_h": 8, "to": f"person:{MIA}"}],
                },
            },
            "When anybody wants to install or upgrade any community connector, ask an owner within 3 days, and after 8 "
            "hours Mia too.",
        ),
        (
            {"effect": "deny", "what": {"acts": ["widen"], "scopes": ["*.delete"]}},
            "When anybody wants to widen the scopes of any extension for *.delete, deny it.",
        ),
        (
            {
                "effect": "deny",
                "who": {"triggers": ["any"]},
                "when": {
                    "destructive": True,
                    "new_destination": True,
                    "mode": "live",
                    "hours": WEEK | {"outside": True},
                },
            },
            "When any trigger wants to do anything, deletes something, goes somewhere new, is live and asks outside "
            "Monday to Friday, 09:00 to 18:00 in Europe/Berlin, deny it.",
        ),
        (
            {"effect": "require_approval", "ask": {"expires_h": 0.5, "business_hours": WEEK}},
            "When anybody wants to do anything, ask an approver within 30 minutes of Monday to Friday, 09:00 to 18:00 "
            "in Europe/Berlin.",
        ),
    ],
)
def test_a_rule_reads_as_one_sentence(said, text):
    assert plain(a_rule(**said), NAMES) == text


def test_slots_say_what_each_part_is_about():
    parts = sentence(a_rule(effect="deny", when={"over": 1}))
    assert [(part.text, part.slot) for part in parts if part.slot] == [
        ("anybody", "who"),
        ("do anything", "what"),
        ("touches more than 1 record", "over"),
        ("deny it", "effect"),
    ]


def test_what_is_not_there_any_more_is_named_by_its_kind():
    rule = a_rule(effect="require_approval", who={"agents": [AGENT]}, ask={"reviewers": f"group:{GROUP}"})
    assert "an unknown agent (00000000)" in plain(rule)
    assert "ask 1 of an unknown group (00000000)" in plain(rule)


def test_names_come_from_this_workspace_alone(
    workspace, other_workspace, owner, stranger, django_assert_max_num_queries
):
    until = timezone.now() + timedelta(days=30)
    facts = {"purpose": "Tests.", "scopes": [], "grants": [], "calls_per_day": 5, "ends_at": until}
    agent = create_agent(workspace, name="Outreach agent", owner=owner, actor=owner, **facts)
    group = ApproverGroup.objects.create(workspace=workspace, name="Sales-Ops", created_by=owner)
    rules = [
        a_rule(1, effect="deny", who={"agents": [str(agent.pk)]}),
        a_rule(2, effect="require_approval", ask={"reviewers": f"group:{group.pk}"}),
        a_rule(3, effect="require_approval", ask={"reviewers": f"person:{owner.pk}"}),
        a_rule(4, effect="require_approval", ask={"reviewers": f"person:{stranger.pk}"}),
    ]
    with django_assert_max_num_queries(5):
        names = names_of(workspace, rules)
    assert names == {
        f"agent:{agent.pk}": "Outreach agent",
        f"group:{group.pk}": "Sales-Ops",
        f"person:{owner.pk}": str(owner),
    }
