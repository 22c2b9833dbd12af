"""Rules are read strictly: what is not in the vocabulary is refused, at its place, with a sentence."""

from random import Random

import pytest

from policies.rules.vocabulary import MAX_RULES, Ask, BadRule, Rule, digest_of, rules_of
from tests.policies.generated import a_rule, some_rules

PLAIN = {"id": "00000000-0000-0000-0000-000000000001", "number": 4, "title": "Test", "effect": "deny"}
ASKS = {"effect": "require_approval"}


def test_a_rule_comes_back_as_it_was_written():
    random = Random(5)
    for said in [rule for _ in range(200) for rule in some_rules(random)]:
        rule = Rule.from_json(said)
        assert Rule.from_json(rule.as_json()) == rule
        assert Rule.from_json(rule.as_json()).digest == rule.digest


def test_what_was_not_said_is_not_written_and_zero_is_something():
    rule = a_rule(effect="deny", when={"over": 0, "destructive": False, "mode": "", "hours": None}, who={"roles": []})
    assert rule.as_json() == {
        "id": "00000000-0000-0000-0000-000000000001",
        "number": 1,
        "title": "Test 1",
        "effect": "deny",
        "who": {},
        "what": {"acts": ["call"]},
        "when": {"over": 0},
        "ask": {},
        "obligations": {},
    }


def test_the_order_of_words_changes_nothing_and_a_changed_word_does():
    one = a_rule(effect="deny", what={"scopes": ["b.write", "a.write", "a.write"]})
    assert one == a_rule(effect="deny", what={"scopes": ["a.write", "b.write"]})
    assert one.digest != a_rule(effect="deny", what={"scopes": ["a.write"]}).digest


def test_asking_has_defaults():
    rule = a_rule(**ASKS)
    assert (rule.ask.reviewers, rule.ask.needed, rule.ask.expires_h, rule.ask.second_factor) == (
        "approvers",
        1,
        24,
        False,
    )
    assert Ask.from_json({}) == Ask()


HOURS = {"days": [1], "from": "09:00", "to": "18:00", "zone": "Europe/Berlin"}


@pytest.mark.parametrize(
    ("change", "place", "sentence"),
    [
        ({"effect": "maybe"}, "effect", "Choose one of allow, deny"),
        ({"effect": None}, "effect", "Say what happens then"),
        ({"id": "1"}, "id", "UUID"),
        ({"id": "00000000-0000-0000-0000-00000000000A"}, "id", "UUID"),
        ({"number": 0}, "number", "from 1"),
        ({"number": True}, "number", "whole number"),
        ({"number": None}, "number", "has a number"),
        ({"title": "  "}, "title", "at most 80"),
        ({"title": "a" * 81}, "title", "at most 80"),
        ({"title": "a\0b"}, "title", "at most 80"),
        ({"wen": {}}, "wen", "Did you mean when?"),
        ({"who": ["admin"]}, "who", "map"),
        ({"who": {"rolls": []}}, "who.rolls", "Did you mean roles?"),
        ({"who": {"people": "yes"}}, "who.people", "true or false"),
        ({"who": {"roles": ["amdin"]}}, "who.roles", "Did you mean admin?"),
        ({"who": {"roles": "admin"}}, "who.roles", "list"),
        ({"who": {"agents": ["helper"]}}, "who.agents", "by its id"),
        ({"who": {"packs": ["A b"]}}, "who.packs", "no name"),
        ({"who": {"roles": [["admin"]]}}, "who.roles", "text"),
        ({"what": {"acts": ["sell"]}}, "what.acts", "Choose call, install, upgrade or widen"),
        ({"what": {"scopes": ["crm.tasks"]}}, "what.scopes", "last part"),
        ({"what": {"scopes": ["a.read"] * 51}}, "what.scopes", "At most 50"),
        ({"what": {"extensions": ["hub spot"]}}, "what.extensions", "no name"),
        ({"what": {"actions": ["a\nb"]}}, "what.actions", "no name"),
        ({"what": {"actions": ["a" * 161]}}, "what.actions", "1 to 160"),
        ({"what": {"kinds": ["tool"]}}, "what.kinds", "kind"),
        ({"what": {"effects": ["destroy"]}}, "what.effects", "effect"),
        ({"what": {"levels": ["gold"]}}, "what.levels", "level"),
        ({"when": {"classes": ["mail"]}}, "when.classes", "Did you mean email?"),
        ({"when": {"over": -1}}, "when.over", "from 0"),
        ({"when": {"over": 1.5}}, "when.over", "whole number"),
        ({"when": {"over": 10**12}}, "when.over", "whole number"),
        ({"when": {"amount": {"field": "a b", "over": 1}}}, "when.amount.field", "such as total"),
        ({"when": {"amount": {"field": "total"}}}, "when.amount.over", "amount"),
        ({"when": {"amount": {"field": "total", "over": 1e13}}}, "when.amount.over", "four decimals"),
        ({"when": {"amount": {"field": "total", "over": 0.00001}}}, "when.amount.over", "four decimals"),
        ({"when": {"amount": {"field": "total", "over": float("nan")}}}, "when.amount.over", "four decimals"),
        ({"when": {"amount": {"field": "total", "over": 10**400}}}, "when.amount.over", "four decimals"),
        ({"when": {"mode": "dry"}}, "when.mode", "live, simulated"),
        ({"when": {"hours": HOURS | {"days": []}}}, "when.hours.days", "Monday"),
        ({"when": {"hours": HOURS | {"days": [0]}}}, "when.hours.days", "Monday"),
        ({"when": {"hours": HOURS | {"days": [True]}}}, "when.hours.days", "Monday"),
        ({"when": {"hours": HOURS | {"days": [1] * 9}}}, "when.hours.days", "Monday"),
        ({"when": {"hours": HOURS | {"from": "9"}}}, "when.hours.from", "09:00"),
        ({"when": {"hours": HOURS | {"to": "25:00"}}}, "when.hours.to", "09:00"),
        ({"when": {"hours": HOURS | {"to": "09:00"}}}, "when.hours.to", "another time"),
        ({"when": {"hours": HOURS | {"from": "24:00"}}}, "when.hours.to", "before midnight"),
        ({"when": {"hours": HOURS | {"zone": "Berlin"}}}, "when.hours.zone", "Europe/Berlin"),
        ({"when": {"hours": HOURS | {"zone": "../../etc/passwd"}}}, "when.hours.zone", "Europe/Berlin"),
        ({"when": {"hours": HOURS | {"zone": "Europe"}}}, "when.hours.zone", "Europe/Berlin"),
        ({"ask": {"needed": 1}}, "ask", "Only a rule that asks"),
        ({"obligations": {"rate": {"count": 1, "per": "day"}}}, "obligations", "does not happen"),
        (ASKS | {"ask": {"reviewers": "everyone"}}, "ask.reviewers", "approvers, role"),
        (ASKS | {"ask": {"reviewers": "group:sales"}}, "ask.reviewers", "approvers, role"),
        (ASKS | {"ask": {"reviewers": ["approvers"]}}, "ask.reviewers", "approvers, role"),
        (ASKS | {"ask": {"needed": 6}}, "ask.needed", "from 1 to 5"),
        (ASKS | {"ask": {"reviewers": f"person:{PLAIN['id']}", "needed": 2}}, "ask.needed", "One person"),
        (ASKS | {"ask": {"expires_h": 0}}, "ask.expires_h", "from 0.25"),
        (ASKS | {"ask": {"expires_h": 721}}, "ask.expires_h", "to 720"),
        (ASKS | {"ask": {"escalate": [{"after_h": 24, "to": "approvers"}]}}, "ask.escalate", "before it expires"),
        (ASKS | {"ask": {"escalate": [{"after_h": 1, "to": "me"}]}}, "ask.escalate", "approvers, role"),
        (ASKS | {"ask": {"escalate": [{"after_h": 1, "to": "approvers"}] * 6}}, "ask.escalate", "at most 5"),
        (ASKS | {"ask": {"business_hours": HOURS | {"outside": True}}}, "ask.business_hours.outside", "no such word"),
        (ASKS | {"obligations": {"redact": {"email": "blur"}}}, "obligations.redact.email", "mask, hash"),
        (ASKS | {"obligations": {"redact": {"email": ""}}}, "obligations.redact.email", "mask, hash"),
        (ASKS | {"obligations": {"redact": {"emails": "mask"}}}, "obligations.redact.emails", "Did you mean email?"),
        (ASKS | {"obligations": {"rate": {"count": 0, "per": "day"}}}, "obligations.rate.count", "from 1"),
        (ASKS | {"obligations": {"rate": {"count": 3}}}, "obligations.rate", "per minute"),
    ],
)
def test_what_is_not_in_the_vocabulary_is_refused_at_its_place(change, place, sentence):
    with pytest.raises(BadRule) as refused:
        Rule.from_json(PLAIN | change)
    assert sentence in refused.value.fields[place]
    assert refused.value.status == 422


@pytest.mark.parametrize("junk", [None, 7, "deny", [], [PLAIN], {1: 2}, {"who": {1: 2}}, {"a" * 10_000: 1}])
def test_nonsense_is_refused_and_breaks_nothing(junk):
    with pytest.raises(BadRule):
        Rule.from_json(junk)


def test_every_problem_is_told_at_once():
    with pytest.raises(BadRule) as refused:
        Rule.from_json({"effect": "deny", "who": {"roles": ["x"]}, "when": {"over": "many"}})
    assert set(refused.value.fields) == {"id", "number", "title", "who.roles", "when.over"}


def test_a_set_of_rules_has_each_number_once_and_not_too_many():
    rules = [a_rule(number, effect="deny").as_json() for number in (1, 2)]
    assert [rule.number for rule in rules_of(rules)] == [1, 2]
    with pytest.raises(BadRule, match="one number"):
        rules_of([*rules, rules[0]])
    for bad in (None, {}, rules[:1] * (MAX_RULES + 1)):
        with pytest.raises(BadRule, match="at most"):
            rules_of(bad)
    assert digest_of(rules) != digest_of(rules[::-1])  # a set is kept by number, and one that is not was altered
