"""Scopes: asked for, held, used, and what stands before them."""

from datetime import datetime

import cedarpy
import pytest
from django.urls import reverse

from marketplace.services import list_extension
from policies.models import Decision, RuleSet
from policies.rules.vocabulary import digest_of
from policies.scope_use import gates_of, scopes_of
from registry.models import Installation
from sandbox.services import invoke
from tests.extensions import PROBE, TIDY, installed, publish
from tests.playhouse import staged
from tests.policies.test_receipts import rule


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE)[0]


def lines(workspace, user):
    return {line.scope: line for group in scopes_of(workspace, user) for line in group.lines}


def put_in_force(workspace, admin, *rules):
    content = [one.as_json() for one in rules]
    RuleSet.objects.create(
        workspace=workspace, number=1, content=content, digest=digest_of(content), change="Made", author=admin
    )
    workspace.policy_version = 1
    workspace.save()


def test_what_is_held_and_used_is_counted(workspace, admin, probe):
    before = lines(workspace, admin)
    assert all(line.is_held and line.is_asked and line.is_idle for line in before.values())
    invoke(workspace, actor=admin, target="probe.create", inputs={"key": "a"})
    used = {scope for scope, line in lines(workspace, admin).items() if line.calls}
    spec = probe.pin.version.parsed.actions["create"]
    assert used == set(spec.scopes)
    assert all(isinstance(lines(workspace, admin)[scope].last, datetime) for scope in used)


def test_what_is_no_call_uses_no_scope(workspace, admin, probe):
    run = invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "a"})
    upgrade = run.decision.input | {"context": run.decision.input["context"] | {"act": "upgrade"}}
    Decision.objects.create(workspace=workspace, effect="allow", action="probe.look_up", input=upgrade)
    assert {line.calls for line in lines(workspace, admin).values()} == {0, 1}


def test_what_was_not_agreed_to_and_what_nobody_asks_for_any_more_is_told(workspace, admin, probe):
    scope = next(iter(probe.scopes))
    Installation.objects.filter(pk=probe.pk).update(scopes=["probe.things.read"])
    found = lines(workspace, admin)
    assert not found[scope].is_held or scope == "probe.things.read"
    assert any(not line.is_held for line in found.values())


def test_rules_that_stand_before_a_scope_are_named_with_whom_they_ask(workspace, admin, probe):
    ask = {"reviewers": "role:owner", "needed": 1, "expires_h": 24}
    put_in_force(workspace, admin, rule(4, "require_approval", what={"effects": ["write"]}, ask=ask))
    found = lines(workspace, admin)
    writes = [line for line in found.values() if line.verb == "write"]
    assert writes
    assert {(line.gate.effect, line.gate.rules, line.gate.asks) for line in writes} == {
        ("require_approval", (4,), "an owner")
    }
    assert {line.gate.effect for line in found.values() if line.verb == "read"} <= {"allow"}


def test_a_rule_about_new_places_stands_before_what_writes_alone(workspace, admin, probe):
    put_in_force(workspace, admin, rule(4, "require_approval", when={"new_destination": True}))
    named = {line.verb: line.gate.rules for line in lines(workspace, admin).values()}
    assert (named["read"], named["write"]) == ((), (4,))


def test_the_page_that_asks_knows_them_too(workspace, admin, probe):
    put_in_force(workspace, admin, rule(2, "deny", what={"effects": ["write"]}))
    gates = gates_of(workspace, probe.pin.version.parsed, "community")
    assert {gate.effect for scope, gate in gates.items() if scope.endswith(".write")} == {"deny"}


def test_the_page_shows_it_and_asks_no_more_for_more_calls(
    client_of, workspace, admin, auditor, probe, django_assert_max_num_queries
):
    url = reverse("policies:scope-list", args=["meridian"])
    client = client_of(auditor)
    shown = client.get(url).text
    assert "Probe" in shown
    assert "nobody uses it" in shown
    with django_assert_max_num_queries(40) as one:
        client.get(url)
    for key in "abc":
        invoke(workspace, actor=admin, target="probe.create", inputs={"key": key})
    with django_assert_max_num_queries(len(one)):
        client.get(url)


def test_before_anything_is_installed_it_says_so(client_of, workspace, member):
    assert "Nothing is installed" in client_of(member).get(reverse("policies:scope-list", args=["meridian"])).text


def test_the_rules_are_a_file_of_cedar(client_of, workspace, admin, member, probe):
    ask = {"reviewers": "role:owner", "needed": 1, "expires_h": 24}
    put_in_force(workspace, admin, rule(4, "require_approval", what={"effects": ["write"]}, ask=ask))
    url = reverse("policies:rule-cedar", args=["meridian"])
    answer = client_of(member).get(url)
    assert answer["Content-Disposition"] == 'attachment; filename="meridian-policy-1.cedar"'
    cedarpy.format_policies(answer.text)  # raises for what is no Cedar
    assert "context.approved" in answer.text
    assert "entity" in client_of(member).get(url, {"part": "schema"}).text


def test_the_page_of_consent_says_which_rule_and_whom_it_asks(client_of, workspace, admin, probe):
    """F23: scope, sentence, rule, approver."""
    ask = {"reviewers": "role:owner", "needed": 1, "expires_h": 24}
    put_in_force(workspace, admin, rule(4, "require_approval", what={"effects": ["write"]}, ask=ask))
    shown = client_of(admin).get(probe.get_absolute_url()).text
    assert "By rule 4: each call waits for an owner." in shown
    list_extension(publish(TIDY), level="community", summary="Tidies")
    offered = client_of(admin).get(reverse("marketplace:listing-install", args=["meridian", "probe.tidy"]))
    assert offered.status_code == 200
