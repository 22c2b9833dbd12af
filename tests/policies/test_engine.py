"""The engine's defaults one by one, and what must hold of every evaluation whatever the rules are."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.engine import (
    DEFAULTS,
    Action,
    Context,
    Evaluation,
    Principal,
    Reason,
    Resource,
    Snapshot,
    Verdict,
    combine,
    evaluate,
)
from policies.models import Effect

NOTHING = Snapshot()
MIA = Principal(kind="person", id="1", label="Mia", roles=("admin",), holds_read=True, holds_write=True)
HUBSPOT = Resource("hubspot", "connector", "i", "d" * 64, "verified", ("crm.tasks.read", "crm.tasks.write"))
READ = Action("hubspot.find_task", "read", ("crm.tasks.read",))
WRITE = Action("hubspot.create_task", "write", ("crm.tasks.write",))
DELETE = Action("hubspot.delete_task", "delete", ("crm.tasks.write",))
SEND = Action("gmail.send", "write", (), bulk_field="to", bulk_over=10, required_for=("bulk_send",))
LIVE = Context(mode="live")


def ask(principal=MIA, action=READ, resource=HUBSPOT, context=LIVE, snapshot=NOTHING) -> Evaluation:
    return evaluate(snapshot, principal, action, resource, context)


def codes(answer: Evaluation) -> list[str]:
    return [reason.code for reason in answer.reasons]


def test_who_holds_the_scope_and_may_run_it_reads():
    reader = replace(MIA, holds_write=False)
    assert ask(reader).effect == Effect.ALLOW


def test_who_may_not_run_the_extension_does_not_even_read():
    nobody = replace(MIA, holds_read=False, holds_write=False)
    answer = ask(nobody)
    assert (answer.effect, codes(answer)) == (Effect.DENY, ["run_permission_missing"])


def test_a_write_needs_the_grant():
    assert ask(action=WRITE).effect == Effect.ALLOW
    answer = ask(replace(MIA, holds_write=False), WRITE)
    assert (answer.effect, codes(answer)) == (Effect.DENY, ["write_grant_missing"])


def test_a_grant_to_write_does_not_stand_in_for_the_permission_to_run():
    answer = ask(replace(MIA, holds_read=False), WRITE)
    assert (answer.effect, codes(answer)) == (Effect.DENY, ["run_permission_missing"])


def test_a_scope_that_was_not_consented_to_is_denied_and_named():
    answer = ask(resource=replace(HUBSPOT, scopes_granted=("crm.tasks.write",)))
    assert (answer.effect, codes(answer)) == (Effect.DENY, ["scope_not_consented"])
    assert "crm.tasks.read" in answer.reasons[0].text
    assert answer.reasons[0].who and answer.reasons[0].passes_if


@pytest.mark.parametrize("action", [DELETE, replace(WRITE, destructive=True), replace(READ, destructive=True)])
def test_a_delete_needs_approval_and_the_grant_as_well(action):
    assert ask(action=action).effect == Effect.REQUIRE_APPROVAL
    assert ask(replace(MIA, holds_write=False), action).effect == Effect.DENY


@pytest.mark.parametrize(
    ("count", "effect"),
    [(0, Effect.ALLOW), (10, Effect.ALLOW), (11, Effect.REQUIRE_APPROVAL), (None, Effect.REQUIRE_APPROVAL)],
)
def test_a_bulk_send_needs_approval_above_its_number_and_when_nobody_counted(count, effect):
    assert ask(action=SEND, context=replace(LIVE, bulk_count=count)).effect == effect


def test_a_bulk_tag_without_a_number_always_asks():
    action = replace(SEND, bulk_over=None, bulk_field=None)
    assert codes(ask(action=action, context=replace(LIVE, bulk_count=1))) == ["declared"]


@pytest.mark.parametrize(
    ("action", "tag", "effect"),
    [
        (WRITE, "write", Effect.REQUIRE_APPROVAL),
        (READ, "write", Effect.ALLOW),
        (WRITE, "delete", Effect.ALLOW),
        (WRITE, "new_destination", Effect.REQUIRE_APPROVAL),
        (WRITE, "something_new", Effect.REQUIRE_APPROVAL),
    ],
)
def test_approval_tags_of_the_manifest(action, tag, effect):
    assert ask(action=replace(action, required_for=(tag,))).effect == effect


def test_simulated_calls_are_asked_the_same_questions():
    simulated = Context(mode="simulated", simulated=True)
    assert ask(action=DELETE, context=simulated).effect == Effect.REQUIRE_APPROVAL


@pytest.mark.parametrize(
    ("principal", "audience", "effect"),
    [
        (MIA, "human", Effect.ALLOW),
        (MIA, "agent", Effect.DENY),
        (replace(MIA, agent="helper"), "human", Effect.DENY),
        (replace(MIA, kind="agent"), "human", Effect.DENY),
        (replace(MIA, kind="agent"), "agent", Effect.ALLOW),
        (replace(MIA, kind="agent"), "both", Effect.ALLOW),
    ],
)
def test_the_audience_of_an_action(principal, audience, effect):
    assert ask(principal, replace(READ, audience=audience)).effect == effect


def test_data_classes_become_the_duty_to_redact_them_unless_nothing_happens():
    context = replace(LIVE, data_classes=("phone", "email"))
    assert ask(context=context).obligations == {"redact": ["email", "phone"]}
    assert ask(replace(MIA, holds_read=False), context=context).obligations == {}


def test_an_error_in_a_rule_is_a_deny_that_says_so():
    def broken(*request):
        raise ZeroDivisionError

    answer = ask(snapshot=Snapshot(7, (broken,)))
    assert (answer.effect, codes(answer)) == (Effect.DENY, ["evaluation_error"])
    assert "ZeroDivisionError" in answer.reasons[0].text


# --- What holds of every evaluation ----------------------------------------------------------------------------

words = st.text(max_size=12)
effects = st.sampled_from(list(Effect))
verdicts = st.builds(
    Verdict,
    effect=effects,
    reason=st.builds(Reason, code=words, text=words, passes_if=words, who=words),
    obligations=st.dictionaries(words, st.frozensets(words, max_size=3), max_size=2),
)
scopes = st.lists(st.sampled_from(["a.read", "a.write", "a.delete"]), max_size=3, unique=True).map(tuple)
principals = st.builds(
    Principal,
    kind=st.sampled_from(["person", "agent"]),
    id=words,
    label=words,
    holds_read=st.booleans(),
    holds_write=st.booleans(),
    agent=st.none() | words,
)
actions = st.builds(
    Action,
    target=words,
    effect=st.sampled_from(["read", "write", "delete"]),
    scopes=scopes,
    destructive=st.booleans(),
    bulk_field=st.none() | words,
    bulk_over=st.none() | st.integers(0, 100),
    required_for=st.lists(st.sampled_from(["bulk_send", "delete", "write", "new_destination"]), max_size=2).map(tuple),
    audience=st.sampled_from(["human", "agent", "both"]),
)
resources = st.builds(
    Resource, extension=words, kind=words, installation_id=words, version_digest=words, scopes_granted=scopes
)
contexts = st.builds(
    Context, mode=words, simulated=st.booleans(), bulk_count=st.none() | st.integers(0, 200), data_classes=scopes
)
requests = st.tuples(principals, actions, resources, contexts)


def says(verdict: Verdict | None):
    return lambda *request: verdict


@given(st.lists(verdicts), verdicts)
def test_a_deny_among_verdicts_always_wins(others, one):
    denied = replace(one, effect=Effect.DENY)
    answer = combine([*others, denied])
    assert answer.effect == Effect.DENY
    assert denied.reason in answer.reasons
    assert answer.obligations == {}


@given(st.lists(verdicts))
def test_the_strongest_effect_wins_and_silence_is_a_deny(some):
    order = [Effect.ALLOW, Effect.REQUIRE_APPROVAL, Effect.DENY]
    strongest = max((order.index(verdict.effect) for verdict in some), default=order.index(Effect.DENY))
    assert combine(some).effect == order[strongest]


@given(st.data(), st.lists(verdicts, max_size=6))
def test_the_order_of_verdicts_never_matters(data, some):
    assert combine(data.draw(st.permutations(some))) == combine(some)


@given(st.data(), requests, st.lists(verdicts, max_size=5))
def test_the_order_of_rules_never_matters(data, request, some):
    shuffled = data.draw(st.permutations(some))
    one, other = (Snapshot(1, tuple(map(says, rules))) for rules in (some, shuffled))
    assert evaluate(one, *request) == evaluate(other, *request)


@given(requests, st.lists(verdicts, max_size=5))
def test_no_rule_can_soften_a_deny_or_an_approval_of_the_defaults(request, some):
    order = [Effect.ALLOW, Effect.REQUIRE_APPROVAL, Effect.DENY]
    without = evaluate(NOTHING, *request)
    with_rules = evaluate(Snapshot(1, tuple(map(says, some))), *request)
    assert order.index(with_rules.effect) >= order.index(without.effect)


@given(requests)
def test_a_change_without_the_grant_is_denied_by_default(request):
    principal, action, resource, context = request
    changing = action if action.effect != "read" else replace(action, effect="write")
    assert evaluate(NOTHING, replace(principal, holds_write=False), changing, resource, context).effect == Effect.DENY


@given(requests)
def test_a_delete_is_never_simply_allowed(request):
    principal, action, resource, context = request
    answer = evaluate(NOTHING, principal, replace(action, effect="delete"), resource, context)
    assert answer.effect in {Effect.DENY, Effect.REQUIRE_APPROVAL}


@given(requests, st.lists(verdicts, max_size=3))
def test_the_same_question_has_the_same_answer_and_is_not_touched(request, some):
    snapshot = Snapshot(3, tuple(map(says, some)))
    before = repr(request)
    assert evaluate(snapshot, *request) == evaluate(snapshot, *request)
    assert repr(request) == before


junk = st.none() | st.integers() | words | st.lists(st.integers(), max_size=2) | st.just(object())


@given(requests, st.lists(verdicts.map(says) | junk.map(says) | junk, max_size=4))
def test_no_rule_makes_it_raise_and_a_broken_one_never_opens_the_gate(request, rules):
    answer = evaluate(Snapshot(1, tuple(rules)), *request)
    broken = any(not callable(rule) or not isinstance(rule(), Verdict | None) for rule in rules)
    if broken:
        assert (answer.effect, codes(answer)) == (Effect.DENY, ["evaluation_error"])


@given(junk, junk, junk, junk)
def test_no_request_makes_it_raise_and_nonsense_is_denied(principal, action, resource, context):
    assert evaluate(NOTHING, principal, action, resource, context).effect == Effect.DENY


def test_every_default_is_reached_through_the_engine():
    """A default that no request can make speak would be dead: each speaks at least once in the cases above."""
    nobody = Principal(kind="agent", id="2", label="Helper", scopes=(), barred="Helper is suspended.")
    request = (nobody, replace(SEND, effect="delete", scopes=("x.read",), audience="human", required_for=("odd",)))
    silent = [rule.__name__ for rule in DEFAULTS if rule(*request, HUBSPOT, LIVE) is None]
    assert silent == []
