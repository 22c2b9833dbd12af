"""The engine's defaults one by one, and a table of what they and rules say together."""

from dataclasses import replace

import pytest

from policies.engine import Action, Ask, Context, Evaluation, Principal, Resource, Snapshot, Stage, evaluate
from policies.models import Effect
from tests.policies.generated import a_rule

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


def test_a_pack_that_is_allowed_is_not_said_to_read_only():
    (pack,) = ask(action=Action("tidy", "read"), resource=replace(HUBSPOT, extension="tidy", kind="pack")).reasons
    assert pack.text == "Mia may run tidy; each of its steps is decided by itself."
    assert ask().reasons[0].text == "Mia may run hubspot where it reads."


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
    assert ask(context=context).obligations == {"redact": {"email": "mask", "phone": "mask"}}
    assert ask(replace(MIA, holds_read=False), context=context).obligations == {}


def test_a_delete_and_many_at_once_ask_with_a_second_factor_and_the_publisher_without():
    assert ask(action=DELETE).ask == Ask((Stage("approvers", 1),), expires_s=86_400, second_factor=True)
    assert ask(action=SEND, context=replace(LIVE, bulk_count=11)).ask.second_factor
    assert ask(action=replace(WRITE, required_for=("write",))).ask == Ask()
    assert ask(action=WRITE).ask is None


def test_a_read_that_destroys_needs_the_grant_to_write():
    reads = replace(READ, destructive=True)
    assert codes(ask(replace(MIA, holds_write=False), reads)) == ["write_grant_missing"]


@pytest.mark.parametrize("act", ["install", "upgrade", "widen"])
def test_other_acts_are_for_whoever_holds_their_permission(act):
    context = Context("live", act=act)
    asked_for = Action(
        "hubspot", "delete", ("crm.deals.delete",), destructive=True, bulk_over=1, required_for=("write",)
    )
    answer = ask(action=asked_for, context=context)
    assert (answer.effect, codes(answer)) == (Effect.ALLOW, ["act_allowed"])
    answer = ask(replace(MIA, holds_write=False), asked_for, context=context)
    assert (answer.effect, codes(answer)) == (Effect.DENY, ["permission_missing"])
    assert "hubspot" in answer.reasons[0].text


def test_an_act_that_is_unknown_is_denied():
    assert codes(ask(context=Context("live", act="sell"))) == ["evaluation_error"]


# --- Scope, number of records, data class and rule together -----------------------------------------------------

HELPER = replace(MIA, kind="agent", id="helper", label="Helper", scopes=("crm.tasks.read", "crm.tasks.write"))
MANY = replace(WRITE, bulk_field="tasks", bulk_over=10)
SCOPES = {
    "held": (HELPER, HUBSPOT),
    "no grant": (replace(HELPER, holds_write=False), HUBSPOT),
    "not agreed to": (HELPER, replace(HUBSPOT, scopes_granted=("crm.tasks.read",))),
    "not given": (replace(HELPER, scopes=("crm.tasks.read",)), HUBSPOT),
}
RULES = {
    "none": {},
    "allow": {"effect": "allow", "what": {"scopes": ["crm.**.write"]}},
    "allow elsewhere": {"effect": "allow", "what": {"scopes": ["mail.**.write"]}},
    "allow over 3": {"effect": "allow", "when": {"over": 3}},
    "ask over 3": {"effect": "require_approval", "what": {"effects": ["write"]}, "when": {"over": 3}},
    "ask for email": {"effect": "require_approval", "when": {"classes": ["email", "phone"]}},
    "deny email": {"effect": "deny", "what": {"scopes": ["crm.*.write"]}, "when": {"classes": ["email"]}},
    "deny over 10": {"effect": "deny", "when": {"over": 10}},
}
# For 5 records, 11 and an unknown number, each without and with an e-mail address: allowed, questioned or denied.
TABLE = """
                   held         no grant     not agreed to   not given
none               aa qq qq     dd dd dd     dd dd dd        dd dd dd
allow              aa qq qq     aa qq qq     dd dd dd        dd dd dd
allow elsewhere    aa qq qq     dd dd dd     dd dd dd        dd dd dd
allow over 3       aa qq qq     aa qq dd     dd dd dd        dd dd dd
ask over 3         qq qq qq     dd dd dd     dd dd dd        dd dd dd
ask for email      aq qq qq     dd dd dd     dd dd dd        dd dd dd
deny email         ad qd qd     dd dd dd     dd dd dd        dd dd dd
deny over 10       aa dd dd     dd dd dd     dd dd dd        dd dd dd
"""


LETTERS = {Effect.ALLOW: "a", Effect.REQUIRE_APPROVAL: "q", Effect.DENY: "d"}


@pytest.mark.parametrize("name", RULES)
def test_scope_number_class_and_rule_together(name):
    rules = Snapshot(1, [a_rule(**RULES[name])] if RULES[name] else [])
    found = []
    for principal, resource in SCOPES.values():
        cells = []
        for count in (5, 11, None):
            answers = [
                ask(principal, MANY, resource, replace(LIVE, bulk_count=count, data_classes=classes), rules)
                for classes in ((), ("email",))
            ]
            cells.append("".join(LETTERS[answer.effect] for answer in answers))
            for answer in answers:
                assert answer.reasons and all(reason.text.endswith(".") for reason in answer.reasons)
                assert (answer.ask is not None) == (answer.effect == Effect.REQUIRE_APPROVAL)
        found.append(" ".join(cells))
    (line,) = [line for line in TABLE.splitlines() if line[:19].strip() == name]
    assert found == [cell.strip() for cell in line[19:].split("   ") if cell.strip()]


# --- Whatever it is asked ----------------------------------------------------------------------------------------

JUNK = [None, 7, "word", [], object(), {"a": 1}, float("nan")]


@pytest.mark.parametrize("junk", JUNK, ids=lambda value: type(value).__name__)
def test_nonsense_is_denied_and_raises_nothing(junk):
    rules = Snapshot(1, [a_rule(effect="allow"), a_rule(number=2, effect="allow", when={"over": 1})])
    for place in range(4):
        request = [HELPER, MANY, HUBSPOT, LIVE]
        request[place] = junk
        assert evaluate(rules, *request).effect == Effect.DENY
    assert evaluate(junk, HELPER, MANY, HUBSPOT, LIVE).effect == Effect.DENY


@pytest.mark.parametrize("field", ["data_classes", "numbers", "bulk_count", "now", "mode", "act", "pack"])
@pytest.mark.parametrize("junk", JUNK, ids=lambda value: type(value).__name__)
def test_hostile_circumstances_never_open_the_gate(field, junk):
    """Each rule denies when what it asks about holds or cannot be known."""
    rules = [
        a_rule(1, effect="deny", when={"classes": ["email"]}),
        a_rule(2, effect="deny", when={"over": 10}),
        a_rule(3, effect="deny", when={"amount": {"field": "total", "over": 10}}),
        a_rule(4, effect="deny", when={"mode": "live"}),
    ]
    context = replace(LIVE, **{"numbers": {"total": 1}, "bulk_count": 1, field: junk})
    answer = evaluate(Snapshot(1, rules), HELPER, WRITE, HUBSPOT, context)
    assert answer.effect == Effect.DENY  # rule 4 at the least, or an error


@pytest.mark.asvs("16.5.3")
def test_a_fault_in_the_rules_is_a_deny_that_says_so():
    answer = ask(snapshot=Snapshot(7, fault="policy 7 is not there"))
    assert (answer.effect, codes(answer)) == (Effect.DENY, ["evaluation_error"])
    assert "policy 7 is not there" in answer.reasons[0].text


def test_the_same_question_has_the_same_answer_and_is_not_touched():
    rules = Snapshot(3, [a_rule(effect="require_approval", obligations={"redact": {"email": "drop"}})])
    request = (HELPER, MANY, HUBSPOT, replace(LIVE, data_classes=("email",)))
    before = repr(request)
    first = evaluate(rules, *request)
    first.obligations["redact"]["email"] = "changed by whoever read it"
    assert evaluate(rules, *request).obligations == {"redact": {"email": "drop"}}
    assert repr(request) == before
