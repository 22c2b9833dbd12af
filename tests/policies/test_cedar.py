"""The export to Cedar: what it says, that it is valid, and where numbers end. Agreement: test_rules_properties.py."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import cedarpy
import pytest

from policies.engine import Action, Context, Principal, Resource, Snapshot, evaluate
from policies.models import Effect
from policies.rules.cedar import as_cedar, schema_of
from policies.rules.cedar_requests import entities_of, requests_of
from tests.policies.generated import a_rule

MIA = Principal("person", "mia", "Mia", ("admin",), holds_read=True, holds_write=True)
PAY = Action("bank.pay", "write", ("bank.payments.write",))
BANK = Resource("bank", "connector", "i", "d" * 64, "verified", ("bank.payments.write",))
LIVE = Context(mode="live")


def cedar(rules, principal=MIA, action=PAY, resource=BANK, context=LIVE) -> Effect:
    """Cedar's answer, asked without and with an approval."""
    schema = schema_of(rules)
    entities = entities_of(principal, action, resource)
    allowed = []
    for approved in (False, True):
        requests = requests_of(rules, principal, action, resource, context, approved=approved)
        results = cedarpy.is_authorized_batch(requests, as_cedar(rules), entities, schema)
        assert not any(result.diagnostics.errors for result in results)
        allowed.append(all(result.allowed for result in results))
    return Effect.ALLOW if allowed[0] else Effect.REQUIRE_APPROVAL if allowed[1] else Effect.DENY


def test_a_rule_that_asks_is_a_forbid_unless_approved_with_what_cedar_cannot_say_beside_it():
    rule = a_rule(
        4,
        effect="require_approval",
        who={"agents": ["any"]},
        what={"scopes": ["bank.**.write"], "effects": ["write"]},
        when={"over": 10},
        ask={"reviewers": "role:owner", "needed": 2},
        obligations={"redact": {"email": "hash"}},
    )
    text = as_cedar([rule])
    policy = text[text.index('@id("rule-4")') :]
    assert policy.splitlines()[4:] == [
        'forbid (principal, action in [Action::"call"], resource)',
        "when {",
        "  (principal is Agent) &&",
        '  ["write"].contains(resource.effect) &&',
        '  context has scope && (context.scope == "bank.write" || context.scope like "bank.*.write") &&',
        "  (if context has bulk_count then context.bulk_count > 10 else true)",
        "}",
        "unless { context.approved };",
    ]
    kept = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]
    (notes,) = [one["annotations"] for one in kept.values() if one["annotations"]["id"] == "rule-4"]
    assert json.loads(notes["ask"]) == rule.ask.as_json()
    assert json.loads(notes["obligations"]) == {"redact": {"email": "hash"}}


def test_the_defaults_alone_are_valid_and_answer():
    assert cedarpy.validate_policies(as_cedar([]), schema_of([])).validation_passed
    assert cedar([]) == Effect.ALLOW
    assert cedar([], action=replace(PAY, destructive=True)) == Effect.REQUIRE_APPROVAL
    assert cedar([], replace(MIA, holds_write=False)) == Effect.DENY


@pytest.mark.parametrize(
    "title", ['Ends "here"', "A \\ and a \\\" and '", "Über 10 € — 日本", "@id(1) }; permit(principal"]
)
def test_no_title_gets_out_of_its_quotes(title):
    rules = [replace(a_rule(effect="deny"), title=title)]
    text = as_cedar(rules)
    assert cedarpy.validate_policies(text, schema_of(rules)).validation_passed
    policies = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]
    assert title in {policy["annotations"].get("title") for policy in policies.values()}
    assert cedar(rules) == Effect.DENY


@pytest.mark.parametrize("over", [0, 0.1, 0.3, 10.5, -2.25, 1_000_000_000_000, 0.0001])
@pytest.mark.parametrize("effect", ["deny", "allow"])
def test_amounts_compare_alike_right_beside_the_limit_and_far_from_it(over, effect):
    rules = [a_rule(effect=effect, when={"amount": {"field": "total", "over": over}})]
    beside = [over, over + 1e-9, over - 1e-9, over + 0.0001, over - 0.0001, over * (1 + 1e-15), over * (1 - 1e-15)]
    far = [0.1 + 0.2, 10**15, 10**30, -(10**30), 1e300, float("inf"), float("nan"), True]
    for value in [*beside, *far]:
        context = replace(LIVE, numbers={"total": value})
        principal = replace(MIA, holds_write=effect == "deny")
        ours = evaluate(Snapshot(1, rules), principal, PAY, BANK, context)
        assert ours.effect == cedar(rules, principal, context=context), value


@pytest.mark.parametrize("count", [0, 10, 11, 2**63 - 1, 2**63, 2**200, -(2**200)])
def test_counts_beyond_64_bits_compare_alike(count):
    rules = [a_rule(effect="deny", when={"over": 10})]
    context = replace(LIVE, bulk_count=count)
    assert evaluate(Snapshot(1, rules), MIA, PAY, BANK, context).effect == cedar(rules, context=context)


@pytest.mark.parametrize("outside", [False, True])
@pytest.mark.parametrize(
    ("start", "end"), [("09:00", "18:00"), ("22:00", "06:00"), ("00:00", "24:00"), ("18:00", "00:00")]
)
def test_hours_begin_and_end_alike(start, end, outside):
    hours = {"days": [1, 7], "from": start, "to": end, "zone": "Asia/Kathmandu", "outside": outside}
    rules = [a_rule(effect="deny", when={"hours": hours})]
    midnight = datetime(2026, 11, 22, tzinfo=ZoneInfo("Asia/Kathmandu"))  # a Sunday
    for day in range(3):
        for minute in {0, 1439, *(at + aside for at in (360, 540, 1080, 1320) for aside in (-1, 0))}:
            context = replace(LIVE, now=midnight + timedelta(days=day, minutes=minute))
            ours = evaluate(Snapshot(1, rules), MIA, PAY, BANK, context)
            assert ours.effect == cedar(rules, context=context), context.now
