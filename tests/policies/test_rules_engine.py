"""What rules say of a call: to whom they apply, what is not known, the words of reasons, obligations and asks."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from policies.engine import Action, Ask, Context, Escalation, Principal, Resource, Snapshot, Stage, evaluate
from policies.models import Effect
from tests.policies.generated import AGENTS, a_rule

MIA = Principal("person", "mia", "Mia", ("creator",), holds_read=True, holds_write=True)
HELPER = Principal("agent", AGENTS[0], "Helper", ("creator",), True, True, AGENTS[0], ("crm.tasks.write",))
WRITE = Action("hubspot.create_task", "write", ("crm.tasks.write",))
HUBSPOT = Resource("hubspot", "connector", "i", "d" * 64, "verified", ("crm.tasks.read", "crm.tasks.write"))
MONDAY = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)  # 10:30 in Berlin
LIVE = Context("live", now=MONDAY, new_destination=False)
WEEK = {"days": [1, 2, 3, 4, 5], "from": "09:00", "to": "18:00", "zone": "Europe/Berlin"}
ASKS = {"effect": "require_approval"}


def answer(*rules, principal=MIA, action=WRITE, resource=HUBSPOT, **circumstances):
    return evaluate(Snapshot(1, rules), principal, action, resource, replace(LIVE, **circumstances))


def texts(found):
    return [reason.text for reason in found.reasons]


# --- Who ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "circumstances", "person", "agent"),
    [
        ({}, {}, True, True),
        ({"people": True}, {}, True, False),
        ({"people": True}, {"pack": "tidy"}, True, False),  # nobody gets out of a rule by way of a pack
        ({"agents": ["any"]}, {}, False, True),
        ({"agents": [AGENTS[0]]}, {}, False, True),
        ({"agents": [AGENTS[1]]}, {}, False, False),
        ({"roles": ["creator"]}, {}, True, True),
        ({"roles": ["owner"]}, {}, False, False),
        ({"packs": ["any"]}, {"pack": "tidy"}, True, True),
        ({"packs": ["tidy"]}, {"pack": "other"}, False, False),
        ({"packs": ["tidy"], "agents": ["any"]}, {}, False, True),
        ({"triggers": ["nightly"]}, {"trigger": "nightly"}, True, True),
        ({"triggers": ["any"]}, {}, False, False),
    ],
)
def test_who_a_rule_is_about(who, circumstances, person, agent):
    rule = a_rule(effect="deny", who=who)
    found = [answer(rule, principal=one, **circumstances).effect == Effect.DENY for one in (MIA, HELPER)]
    assert found == [person, agent]


def test_nothing_is_allowed_to_an_agent_because_its_owner_may():
    rule = a_rule(effect="allow", who={"roles": ["creator"]})
    assert answer(rule, principal=replace(MIA, holds_write=False)).effect == Effect.ALLOW
    assert answer(rule, principal=replace(HELPER, holds_write=False)).effect == Effect.DENY


# --- What ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "part", "change"),
    [
        ({"what": {"actions": ["hubspot.create_task"]}}, "action", {"target": "hubspot.find_task"}),
        ({"what": {"effects": ["write"]}}, "action", {"effect": "read"}),
        ({"what": {"scopes": ["crm.**.write"]}}, "action", {"scopes": ("crm.tasks.read",)}),
        ({"what": {"extensions": ["hubspot"]}}, "resource", {"extension": "salesforce"}),
        ({"what": {"kinds": ["connector"]}}, "resource", {"kind": "action"}),
        ({"what": {"levels": ["verified"]}}, "resource", {"level": "community"}),
        ({"what": {"acts": ["call"]}}, "context", {"act": "install"}),
        ({"when": {"destructive": True}}, "action", {"destructive": False}),
    ],
)
def test_what_was_remembered_of_one_action_is_not_used_for_another(said, part, change):
    parts = {"action": replace(WRITE, destructive=True), "resource": HUBSPOT, "context": LIVE}
    rules = Snapshot(1, [a_rule(effect="deny", **said)])
    for _ in range(2):
        spoken = []
        for asked in (parts, parts | {part: replace(parts[part], **change)}):
            spoken.append(len(rules.speaking(MIA, asked["action"], asked["resource"], asked["context"])))
        assert spoken == [1, 0]


def test_what_is_allowed_has_to_cover_every_scope_of_a_call():
    granted = replace(HUBSPOT, scopes_granted=("crm.tasks.write", "mail.send.write"))
    both = replace(WRITE, scopes=("crm.tasks.write", "mail.send.write"))
    nobody = replace(MIA, holds_write=False)
    tasks = a_rule(1, effect="allow", what={"scopes": ["crm.**"]})
    mail = a_rule(2, effect="allow", what={"scopes": ["mail.**"]})
    assert answer(tasks, principal=nobody, action=both, resource=granted).effect == Effect.DENY
    assert answer(tasks, mail, principal=nobody, action=both, resource=granted).effect == Effect.ALLOW
    denied = a_rule(3, effect="deny", what={"scopes": ["mail.**"]})
    assert answer(tasks, mail, denied, action=both, resource=granted).effect == Effect.DENY


@pytest.mark.parametrize("kind", [tuple, list, frozenset])
def test_scopes_may_come_in_any_collection(kind):
    rule = a_rule(effect="deny", what={"scopes": ["crm.**"]})
    asked = replace(WRITE, scopes=kind(WRITE.scopes)), replace(HUBSPOT, scopes_granted=kind(HUBSPOT.scopes_granted))
    assert answer(rule, action=asked[0], resource=asked[1]).reasons[0].rule == 1


def test_a_rule_about_scopes_says_nothing_of_a_call_without_any():
    rule = a_rule(effect="deny", what={"scopes": ["**"]})
    assert answer(rule, action=replace(WRITE, scopes=())).effect == Effect.ALLOW
    assert answer(rule).effect == Effect.DENY


def test_rules_about_installing_are_not_about_calls():
    rule = a_rule(**ASKS, what={"acts": ["install", "widen"], "levels": ["verified"]})
    assert answer(rule).effect == Effect.ALLOW
    found = answer(rule, act="install")
    assert (found.effect, found.ask.second_factor) == (Effect.REQUIRE_APPROVAL, False)
    assert texts(found) == ["Rule 1, Test 1: hubspot is to be installed."]
    assert answer(rule, act="install", resource=replace(HUBSPOT, level="community")).effect == Effect.ALLOW


def test_no_rule_gives_the_permission_to_install():
    rule = a_rule(effect="allow", what={"acts": ["install"]})
    assert answer(rule, principal=replace(MIA, holds_write=False), act="install").effect == Effect.DENY


def test_asking_is_no_grant():
    nobody = replace(MIA, holds_write=False)
    assert answer(a_rule(**ASKS), principal=nobody).effect == Effect.DENY
    assert answer(a_rule(1, **ASKS), a_rule(2, effect="allow"), principal=nobody).effect == Effect.REQUIRE_APPROVAL


# --- When ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "circumstances", "text"),
    [
        ({"over": 10}, {"bulk_count": 38}, "38 records is more than 10."),
        ({"over": 0}, {"bulk_count": 1}, "1 record is more than 0."),
        ({"over": 10}, {"bulk_count": 10**5000}, "a quadrillion or more records is more than 10."),
        ({"over": 10}, {"bulk_count": None}, "how many records it names is not known."),
        (
            {"amount": {"field": "total", "over": 1000}},
            {"numbers": {"total": 5300}},
            "total is 5,300, more than 1,000.",
        ),
        ({"amount": {"field": "total", "over": 1000}}, {"numbers": {"other": 1}}, "total is not known."),
        ({"classes": ["email", "phone"]}, {"data_classes": ("phone", "name", "email")}, "it carries phone and email."),
        ({"new_destination": True}, {"new_destination": True}, "it goes somewhere new."),
        ({"new_destination": True}, {"new_destination": None}, "whether it goes somewhere new is not known."),
        ({"mode": "live"}, {}, "it is live."),
        ({"mode": "simulated"}, {"mode": ""}, "its mode is not known."),
        ({"hours": WEEK}, {}, "it is within Monday to Friday, 09:00 to 18:00 in Europe/Berlin."),
        ({"hours": WEEK}, {"now": None}, "what time it is is not known."),
        ({"hours": WEEK}, {"now": datetime(2026, 11, 22)}, "what time it is is not known."),
        ({"over": 3, "mode": "live"}, {"bulk_count": 4}, "4 records is more than 3 and it is live."),
        ({}, {}, "hubspot.create_task writes."),
    ],
)
def test_a_reason_says_what_was_found(when, circumstances, text):
    found = answer(a_rule(4, title="Careful", effect="deny", when=when), **circumstances)
    assert texts(found) == [f"Rule 4, Careful: {text}"]
    assert found.reasons[0].rule == 4 and found.reasons[0].passes_if and found.reasons[0].who


@pytest.mark.parametrize(
    ("when", "circumstances"),
    [
        ({"over": 10}, {"bulk_count": None}),
        ({"over": 10}, {"bulk_count": "38"}),
        ({"amount": {"field": "total", "over": 1}}, {}),
        ({"amount": {"field": "total", "over": 1}}, {"numbers": {"total": float("inf")}}),
        ({"amount": {"field": "total", "over": 1}}, {"numbers": {"total": True}}),
        ({"new_destination": True}, {"new_destination": None}),
        ({"mode": "live"}, {"mode": "dry"}),
        ({"hours": WEEK}, {"now": None}),
    ],
)
def test_what_is_not_known_denies_and_asks_and_never_allows(when, circumstances):
    nobody = replace(MIA, holds_write=False)
    assert answer(a_rule(effect="deny", when=when), **circumstances).effect == Effect.DENY
    assert answer(a_rule(**ASKS, when=when), **circumstances).effect == Effect.REQUIRE_APPROVAL
    assert answer(a_rule(effect="allow", when=when), principal=nobody, **circumstances).effect == Effect.DENY


@pytest.mark.asvs("8.2.4")
@pytest.mark.parametrize(
    ("hours", "moment", "inside"),
    [
        (WEEK, datetime(2026, 11, 23, 7, 59, tzinfo=UTC), False),  # 08:59 in Berlin
        (WEEK, datetime(2026, 11, 23, 8, 0, tzinfo=UTC), True),
        (WEEK, datetime(2026, 11, 23, 17, 0, tzinfo=UTC), False),
        (WEEK, datetime(2026, 7, 20, 7, 0, tzinfo=UTC), True),  # summer time: 09:00
        (WEEK, datetime(2026, 11, 22, 9, 0, tzinfo=UTC), False),  # a Sunday
        (WEEK | {"outside": True}, datetime(2026, 11, 22, 9, 0, tzinfo=UTC), True),
        ({"days": [5], "from": "22:00", "to": "06:00", "zone": "UTC"}, datetime(2026, 11, 27, 23, 0, tzinfo=UTC), True),
        ({"days": [5], "from": "22:00", "to": "06:00", "zone": "UTC"}, datetime(2026, 11, 28, 5, 59, tzinfo=UTC), True),
        (
            {"days": [5], "from": "22:00", "to": "06:00", "zone": "UTC"},
            datetime(2026, 11, 27, 5, 59, tzinfo=UTC),
            False,
        ),
        ({"days": [7], "from": "22:00", "to": "06:00", "zone": "UTC"}, datetime(2026, 11, 23, 5, 0, tzinfo=UTC), True),
        (
            {"days": [1], "from": "00:00", "to": "24:00", "zone": "UTC"},
            datetime(2026, 11, 23, 23, 59, tzinfo=UTC),
            True,
        ),
    ],
)
def test_hours(hours, moment, inside):
    found = answer(a_rule(effect="deny", when={"hours": hours}), now=moment)
    assert found.effect == (Effect.DENY if inside else Effect.ALLOW)


def test_a_denied_call_is_told_what_would_pass():
    (reason,) = answer(
        a_rule(effect="deny", when={"over": 10, "classes": ["email"]}), bulk_count=11, data_classes=["email"]
    )[1]
    assert reason.passes_if == "It names 10 or fewer records or it carries no email"
    assert reason.who == "Whoever asks"
    assert answer(a_rule(4, effect="deny")).reasons[0].passes_if == "Rule 4 is changed or ended"


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        ({}, "An approver says yes"),
        ({"needed": 2}, "2 approvers say yes"),
        ({"reviewers": "role:owner", "needed": 2}, "2 with the role owner say yes"),
        ({"reviewers": f"group:{AGENTS[0]}"}, "One of the approver group says yes"),
        ({"reviewers": f"person:{AGENTS[0]}"}, "The person named by the rule says yes"),
    ],
)
def test_a_call_that_is_asked_about_is_told_who_answers(ask, words):
    assert answer(a_rule(**ASKS, ask=ask)).reasons[0].passes_if == words


# --- Together -----------------------------------------------------------------------------------------------------


def test_reasons_are_those_of_the_effect_the_defaults_first():
    rules = [a_rule(9, **ASKS), a_rule(2, **ASKS), a_rule(5, effect="allow")]
    found = answer(*rules, action=replace(WRITE, effect="delete"))
    assert [(reason.code, reason.rule) for reason in found.reasons] == [
        ("delete", 0),
        ("rule_asks", 2),
        ("rule_asks", 9),
    ]


def test_obligations_add_up_and_each_class_is_hidden_the_strictest_way():
    rules = [
        a_rule(1, effect="allow", obligations={"redact": {"email": "hash", "name": "mask"}}),
        a_rule(2, **ASKS, obligations={"redact": {"email": "drop"}, "rate": {"count": 5, "per": "hour"}}),
        a_rule(3, effect="allow", obligations={"redact": {"email": "tokenise"}, "rate": {"count": 9, "per": "day"}}),
        a_rule(4, effect="allow", when={"over": 10}, obligations={"redact": {"phone": "drop"}}),
    ]
    for order in (rules, rules[::-1]):
        assert answer(*order, data_classes=("phone", "email"), bulk_count=1).obligations == {
            "redact": {"email": "drop", "name": "mask", "phone": "mask"},
            "rate": [{"count": 5, "per": "hour", "rule": 2}, {"count": 9, "per": "day", "rule": 3}],
        }
    assert answer(*rules, a_rule(5, effect="deny")).obligations == {}


def test_asks_add_up_to_one_that_is_no_easier_than_any():
    group, person = f"group:{AGENTS[0]}", f"person:{AGENTS[1]}"
    rules = [
        a_rule(1, **ASKS, ask={"reviewers": group, "needed": 2, "escalate": [{"after_h": 4, "to": "role:owner"}]}),
        a_rule(2, **ASKS, ask={"reviewers": group, "needed": 3, "expires_h": 8, "second_factor": True}),
        a_rule(3, **ASKS, ask={"reviewers": person, "escalate": [{"after_h": 12, "to": "role:owner"}]}),
        a_rule(4, **ASKS, ask={"needed": 3}),
    ]
    expected = Ask(
        stages=(Stage(group, 3), Stage(person, 1)),
        expires_s=8 * 3600,
        second_factor=True,
        escalate=(Escalation(4 * 3600, "role:owner", 0),),
    )
    assert answer(*rules).ask == answer(*rules[::-1]).ask == expected
    assert Ask.from_json(expected.as_json()) == expected


def test_approvers_at_large_stay_where_more_of_them_are_needed():
    rules = [a_rule(1, **ASKS, ask={"needed": 2}), a_rule(2, **ASKS, ask={"reviewers": "role:owner"})]
    assert answer(*rules).ask.stages == (Stage("approvers", 2), Stage("role:owner", 1))


def test_a_rule_replaces_the_approvers_of_a_default_and_keeps_its_care():
    rule = a_rule(1, **ASKS, ask={"reviewers": "role:owner", "expires_h": 72})
    found = answer(rule, action=replace(WRITE, effect="delete")).ask
    assert (found.stages, found.expires_s, found.second_factor) == ((Stage("role:owner", 1),), 86_400, True)


def test_business_hours_count_where_every_ask_has_the_same():
    one = a_rule(1, **ASKS, ask={"business_hours": WEEK})
    same = a_rule(2, **ASKS, ask={"business_hours": WEEK, "needed": 2})
    other = a_rule(3, **ASKS, ask={"expires_h": 48})
    assert answer(one, same).ask.business_hours == one.ask.business_hours
    assert answer(one, other).ask.business_hours is None


def test_no_rule_takes_the_question_from_a_delete():
    found = answer(a_rule(effect="allow"), action=replace(WRITE, effect="delete"))
    assert found.effect == Effect.REQUIRE_APPROVAL
