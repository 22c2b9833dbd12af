"""Does a change only tighten? Searched over every request there could be, and held against chance."""

import random

import pytest

from policies.engine import Snapshot, evaluate
from policies.rules.comparing import MOST_RULES, compare, denies_everything, loosened, overlapping
from policies.rules.examples import examples_of
from policies.rules.regions import Space, cells, question_of
from policies.rules.scopes import matches
from tests.policies.rule_samples import rule

CRM = {"scopes": ["crm.**.write"]}
WEEKEND = {"days": [6, 7], "from": "00:00", "to": "24:00", "zone": "Europe/Berlin"}
ASK = "require_approval"


NOBODY = "7b2c9d8e-0000-4000-8000-000000000000"
OFFICE = {"days": [1, 2, 3, 4, 5], "from": "09:00", "to": "17:00", "zone": "UTC"}
SLOW = {"reviewers": f"group:{NOBODY}", "escalate": [{"after_h": 4, "to": "role:owner"}]}
LIMIT = {"rate": {"count": 5, "per": "day"}}


def total(over):
    return {"amount": {"field": "total", "over": over}}


def redact(mode):
    return {"redact": {"email": mode}}


DELETES = rule("deny", what={"scopes": ["**.delete"]})
DELETES_IN_CRM = rule("deny", 2, what={"scopes": ["crm.**.delete"]})
TIGHTER = {
    "a denial is added": ([], [rule("deny", what={"effects": ["delete"]})]),
    "an ask is added": ([], [rule(ASK, what={"effects": ["write"]})]),
    "a limit is lowered": ([rule(ASK, what=CRM, when={"over": 10})], [rule(ASK, what=CRM, when={"over": 1})]),
    "an allowance ends": ([rule("allow", what=CRM)], []),
    "a denial ends that another covers": ([DELETES, DELETES_IN_CRM], [DELETES]),
    "more people are asked": ([rule(ASK)], [rule(ASK, ask={"needed": 2})]),
    "a class is hidden more strictly": (
        [rule("allow", obligations=redact("mask"))],
        [rule("allow", obligations=redact("drop"))],
    ),
    "another group is asked first": (
        [rule(ASK, 1, ask=SLOW)],
        [rule(ASK, 1, ask=SLOW), rule(ASK, 2, ask={"reviewers": "role:admin", "needed": 2})],
    ),
    "a limit holds of more": (
        [rule("allow", 1), rule("allow", 2, what={"effects": ["write"]}, obligations=LIMIT)],
        [rule("allow", 1, obligations=LIMIT)],
    ),
    "only a name is changed": ([rule("deny", what=CRM, title="One")], [rule("deny", what=CRM, title="Another")]),
}
LOOSER = {
    "a limit is parted into two": (
        [rule("allow", 7, obligations=LIMIT)],
        [
            rule("allow", 7, what={"effects": ["read"]}, obligations=LIMIT),
            rule("allow", 8, what={"effects": ["write", "delete"]}, obligations=LIMIT),
        ],
        "Calls that share rule 7’s limit of 5 a day now would not then.",
    ),
    "nights count as well before somebody else may answer": (
        [rule(ASK, ask=SLOW | {"business_hours": OFFICE})],
        [rule(ASK, ask=SLOW)],
        "more people might answer sooner.",
    ),
    "a step leads to another stage": (
        [rule(ASK, 1, ask=SLOW), rule(ASK, 2, ask={"reviewers": "role:admin"})],
        [rule(ASK, 1, ask=SLOW | {"escalate": []}), rule(ASK, 2, ask=SLOW | {"reviewers": "role:admin"})],
        "more people might answer.",
    ),
    "a group stands in for the approvers whom a publisher wants asked": (
        [],
        [rule(ASK, what={"effects": ["read"]}, ask={"reviewers": "role:admin"})],
        "about which its publisher wants a person asked: other people would be asked.",
    ),
    "a denial ends of writes that cannot be undone": (
        [rule("deny", what=CRM | {"effects": ["write"]}, when={"destructive": True})],
        [],
        "A person calls something that writes and cannot be undone with crm.other.write: denied now, asked then.",
    ),
    "a denial ends of reads that use all scopes of their connector": (
        [rule("deny", what=CRM | {"effects": ["read"]})],
        [],
        "A person calls something that reads with crm.other.write: denied now, allowed then.",
    ),
    "an install is not denied any more": (
        [rule("deny", what={"acts": ["install"]})],
        [],
        "A person installs something that reads: denied now, allowed then.",
    ),
    "a limit is raised": (
        [rule(ASK, what=CRM, when={"over": 1})],
        [rule(ASK, what=CRM, when={"over": 10})],
        "about 2 records: asked now, allowed then.",
    ),
    "an agent is allowed": (
        [],
        [rule("allow", who={"agents": ["any"]}, what={"scopes": ["crm.tasks.write"]})],
        "An agent calls something that writes with crm.tasks.write, without the permission to write: "
        "denied now, allowed then.",
    ),
    "a denial by the hour ends": (
        [rule("deny", what={"effects": ["write"]}, when={"hours": WEEKEND})],
        [],
        "on Saturday at 00:00 in Europe/Berlin: denied now, allowed then.",
    ),
    "a denial leaves somebody out": (
        [rule("deny")],
        [rule("deny", who={"roles": ["member"]})],
        "A person calls something that reads: denied now, allowed then.",
    ),
    "fewer people are asked": ([rule(ASK, ask={"needed": 2})], [rule(ASK)], "2 people are asked now, 1 then."),
    "no second factor is asked for": (
        [rule(ASK, ask={"second_factor": True})],
        [rule(ASK)],
        "a second factor is asked for now, and none then.",
    ),
    "the question stands longer": (
        [rule(ASK, ask={"expires_h": 1})],
        [rule(ASK, ask={"expires_h": 8})],
        "the question stands 1 hour now, 8 hours then.",
    ),
    "a limit of calls ends": (
        [rule("allow", obligations={"rate": {"count": 5, "per": "day"}})],
        [rule("allow")],
        "the limit of 5 a day would be gone or wider.",
    ),
    "a class is hidden less": (
        [rule("allow", obligations=redact("drop"))],
        [rule("allow", obligations=redact("mask"))],
        "email would be hidden less strictly (drop now, mask then).",
    ),
    "an amount is raised": (
        [rule("deny", when=total(100))],
        [rule("deny", when=total(500))],
        "with a total of 101: denied now, allowed then.",
    ),
    "a denial ends of an action that nobody here knows": (
        [rule("deny", what={"actions": ["slack.post"], "extensions": ["slack"], "kinds": ["connector"]})],
        [],
        "calls slack.post (connector) that reads: denied now, allowed then.",
    ),
    "a denial ends of a pack with a dot in its name": (
        [rule("deny", what={"actions": ["lead.chase"], "extensions": ["lead.chase"]})],
        [],
        "calls lead.chase that reads: denied now, allowed then.",
    ),
    "a denial ends of what two rules shared": (
        [rule("deny", what={"scopes": ["crm.*.write"]}), rule("deny", 2, what={"scopes": ["*.tasks.write"]})],
        [rule("deny", what={"scopes": ["crm.*.write"]})],
        "writes with other.tasks.write: denied now, allowed then.",
    ),
}


@pytest.mark.parametrize(("before", "after"), TIGHTER.values(), ids=TIGHTER)
def test_what_only_tightens_is_found_to(before, after):
    found = compare(before, after)
    assert (found.looser, found.only_tightens) == ("", True)


@pytest.mark.parametrize(("before", "after", "words"), LOOSER.values(), ids=LOOSER)
def test_what_loosens_is_shown_by_a_request(before, after, words):
    found = compare(before, after)
    assert words in found.looser
    assert not found.only_tightens


def _random_rule(chance: random.Random, number: int):
    def some(names, most=2):
        return chance.sample(names, chance.randint(0, most))

    who = {"roles": some(["owner", "member"]), "people": chance.random() < 0.3, "agents": some(["any"], 1)}
    what = {
        "scopes": some(["crm.**.write", "*.tasks.write", "**.delete", "crm.**", "mail.send.write"]),
        "effects": some(["read", "write", "delete"]),
        "extensions": some(["hubspot", "slack"], 1),
    }
    when = {"classes": some(["email", "phone"]), "over": chance.choice([None, 0, 10, 50])}
    when |= {"new_destination": chance.random() < 0.2, "mode": chance.choice(["", "", "live"])}
    effect = chance.choice(["deny", "require_approval", "allow"])
    ask = {"needed": chance.randint(1, 2)} if effect == "require_approval" else {}
    return rule(effect, number, who=who, what=what, when=when, ask=ask)


def test_no_request_that_chance_makes_is_looser_where_the_search_found_none():
    """The search against brute chance: whatever random requests show, it has to have found as well."""
    chance = random.Random(6)
    tightening = loosening = 0
    for _ in range(80):
        before = [_random_rule(chance, number) for number in range(1, 5)]
        after = [one for one in before if chance.random() < 0.7]
        if chance.random() < 0.7:
            after.append(_random_rule(chance, 9))
        found = compare(before, after)
        assert found.is_complete
        old, new = Snapshot(0, before), Snapshot(0, after)
        space = Space([*before, *after])
        shown = []
        for _ in range(60):
            facts = [chance.choice(one.facts) for one in space.measured]
            question = question_of(facts)
            shown.append(loosened(evaluate(old, *question), evaluate(new, *question)))
        if found.looser:
            loosening += 1
        else:
            tightening += 1
            assert not any(shown)
    assert min(tightening, loosening) >= 10


def test_cells_part_a_box_without_rest_or_overlap():
    box, cuts = (0b111, 0b11), [(0b011, 0b01), (0b110, 0b11)]
    points = {(a, b) for a in (1, 2, 4) for b in (1, 2)}
    found = list(cells(box, cuts))
    for point in points:
        assert sum(all(p & c for p, c in zip(point, cell, strict=True)) for cell in found) == 1
    for cell in found:
        for cut in cuts:
            held = {all(p & c for p, c in zip(point, cut, strict=True)) for point in points if _within(point, cell)}
            assert len(held) == 1


def _within(point, cell):
    return all(p & c for p, c in zip(point, cell, strict=True))


def test_a_search_that_is_stopped_says_so(monkeypatch):
    monkeypatch.setattr("policies.rules.comparing.MOST_ASKED", 3)
    found = compare([], [rule("deny", what={"effects": ["write"]}), rule("deny", 2, when={"over": 3})])
    assert (found.is_complete, found.only_tightens, found.asked) == (False, False, 3)


def test_examples_stand_for_every_pattern_and_for_what_two_have_in_common():
    patterns = ["crm.**.write", "*.tasks.write", "**.delete", "crm.**"]
    examples, is_whole = examples_of(patterns, ["crm.contacts.read"])
    covered = {frozenset(one for one in patterns if matches(one, scope)) for scope in examples}
    assert (examples[0], is_whole) == ("crm.contacts.read", True)
    for wanted in (
        {"crm.**.write", "crm.**"},
        {"*.tasks.write"},
        {"crm.**.write", "*.tasks.write", "crm.**"},
        {"**.delete", "crm.**"},
        {"**.delete"},
        {"crm.**"},
        set(),
    ):
        assert frozenset(wanted) in covered


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ([rule("deny")], True),
        ([rule("deny", who={"people": True}), rule("deny", 2, who={"agents": ["any"]})], True),
        ([rule("deny", what={"effects": ["read"]}), rule("deny", 2, what={"effects": ["write", "delete"]})], True),
        ([rule("deny", what={"effects": ["write", "delete"]})], False),
        ([rule("deny", what={"kinds": ["action"]})], False),
        ([rule("deny", what={"kinds": ["action", "transform", "pack"]})], False),
        ([rule("deny", what={"kinds": ["connector", "action", "transform", "pack"]})], True),
        ([rule("deny", when={"mode": "live"})], False),
        ([rule("deny", what={"acts": ["install"]})], False),
        ([rule("require_approval")], False),
    ],
)
def test_denials_that_together_let_nothing_pass_are_seen(rules, expected):
    assert denies_everything(rules) is expected


def test_rules_about_the_same_requests_overlap():
    mine = rule("deny", 1, what={"scopes": ["crm.**.write"]}, when={"over": 10})
    others = [
        rule("allow", 2, what={"scopes": ["*.tasks.write"]}),
        rule("allow", 3, what={"scopes": ["mail.**"]}),
        rule("allow", 4, what={"effects": ["read"]}),
        rule("deny", 5, when={"over": 50}),
    ]
    assert [one.number for one in overlapping(mine, others)] == [2, 5]


def test_more_rules_than_can_be_searched_are_no_yes():
    many = [rule("deny", number, what={"scopes": [f"s{number}.**"]}) for number in range(1, MOST_RULES + 2)]
    found = compare(many, many[1:])
    assert (found.only_tightens, found.is_complete, found.asked) == (False, False, 0)
    assert not denies_everything(many)
    assert denies_everything([*many, rule("deny", MOST_RULES + 2)])  # the widest are looked at however many there are
    assert not examples_of([f"s{number}.**.write" for number in range(1, 90)])[1]


def test_two_scopes_of_one_action_are_told_apart_from_each():
    """A rule can name the scope that reads and the effect of the one that writes: only both together are covered."""
    mixed = rule("deny", what={"scopes": ["crm.**.read"], "effects": ["write"]})
    found = compare([mixed], [])
    assert "with crm.other.read and" in found.looser
    assert compare([], [mixed]).only_tightens
