"""Rules and defaults written as Cedar policies, with their schema, for reading and analysing with tools not ours.

A rule that asks a person is a ``forbid`` unless ``context.approved``. A call is one Cedar request for each scope it
uses, and allowed where all of them are (policies.rules.cedar_requests). What Cedar has no words for is kept beside the
policy, as JSON: ``@ask`` (whom to ask) and ``@obligations``. Whoever asks looks up time zones: ``context.clock`` holds
the day and minute in each zone that the rules name.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from policies.models import Effect
from policies.rules.parts import ANY, Amount, Hours, What, When, Who, minutes
from policies.rules.scopes import MANY, ONE, spelled_out
from policies.rules.vocabulary import Rule

DEFAULTS = """\
// What holds whatever the rules are.

@id("agent_barred")
forbid (principal, action, resource) when { principal.barred };

@id("agent_scope_missing")
forbid (principal, action, resource)
when { principal has scopes && context has scope && !principal.scopes.contains(context.scope) };

@id("scope_not_consented")
forbid (principal, action == Action::"call", resource)
when { context has scope && !resource.granted.contains(context.scope) };

@id("audience")
forbid (principal, action, resource)
when {
  (resource.audience == "human" && principal is Agent) || (resource.audience == "agent" && principal is Person)
};

@id("run_permission_missing")
forbid (principal, action == Action::"call", resource) unless { context.holds_read };

@id("permission_missing")
forbid (principal, action in [Action::"install", Action::"upgrade", Action::"widen"], resource)
unless { context.holds_write };

// What is allowed without a rule.

@id("read_allowed")
permit (principal, action == Action::"call", resource)
when { resource.effect == "read" && !resource.destructive };

@id("write_granted")
permit (principal, action == Action::"call", resource)
when { context.holds_write && (resource.effect != "read" || resource.destructive) };

@id("act_allowed")
permit (principal, action in [Action::"install", Action::"upgrade", Action::"widen"], resource);

// What a second person is asked about, whatever allows it.

@id("delete")
forbid (principal, action == Action::"call", resource)
when { resource.effect == "delete" || resource.destructive }
unless { context.approved };

@id("bulk")
forbid (principal, action == Action::"call", resource)
when {
  resource has bulk_over && resource.effect != "read" &&
  (if context has bulk_count then context.bulk_count > resource.bulk_over else true)
}
unless { context.approved };

@id("declared")
forbid (principal, action == Action::"call", resource)
when {
  !(["delete", "write", "bulk"].containsAll(resource.tags)) ||
  (resource.tags.contains("write") && resource.effect != "read") ||
  (resource.tags.contains("bulk") && resource.effect != "read" && !(resource has bulk_over))
}
unless { context.approved };
"""

_SCHEMA = """\
entity Role;
entity Person in [Role] = {{ barred: Bool, scopes?: Set<String> }};
entity Agent in [Role] = {{ barred: Bool, scopes?: Set<String> }};
entity Tool = {{
  extension: String, target: String, kind: String, level: String, effect: String, destructive: Bool,
  audience: String, granted: Set<String>, tags: Set<String>, bulk_over?: Long
}};
type Moment = {{ day: Long, minute: Long }};
type Circumstances = {{
  scope?: String, parts: Long, holds_read: Bool, holds_write: Bool, approved: Bool, mode?: String, bulk_count?: Long,
  classes: Set<String>, new_destination?: Bool, pack?: String, trigger?: String,
  numbers: {{ {numbers} }}, clock: {{ {zones} }}
}};
action "call", "install", "upgrade", "widen" appliesTo {{
  principal: [Person, Agent], resource: [Tool], context: Circumstances
}};
"""


def as_cedar(rules: Iterable[Rule]) -> str:
    """The defaults and ``rules`` as the text of a Cedar policy set."""
    return "\n".join([DEFAULTS, "// The rules of the workspace.\n", *map(_policy, rules)])


def schema_of(rules: Sequence[Rule]) -> str:
    """The Cedar schema that the policies of ``rules`` and requests about them follow."""
    numbers = ", ".join(f"{_text(name)}?: decimal" for name in fields_of(rules))
    zones = ", ".join(f"{_text(name)}?: Moment" for name in zones_of(rules))
    return _SCHEMA.format(numbers=numbers, zones=zones)


def fields_of(rules: Iterable[Rule]) -> list[str]:
    """The fields of inputs whose amounts the rules ask about."""
    return sorted({rule.when.amount.field for rule in rules if rule.when.amount})


def zones_of(rules: Iterable[Rule]) -> list[str]:
    """The time zones that the rules name."""
    return sorted({rule.when.hours.zone for rule in rules if rule.when.hours})


def _policy(rule: Rule) -> str:
    """One rule. What is not known satisfies a forbid and never a permit."""
    allows = rule.effect == Effect.ALLOW
    notes = {"id": f"rule-{rule.number}", "title": rule.title}
    if rule.ask:
        notes["ask"] = json.dumps(rule.ask.as_json())
    if obligations := rule.obligations.as_json():
        notes["obligations"] = json.dumps(obligations)
    lines = [f"@{name}({_text(value)})" for name, value in notes.items()]
    acts = ", ".join(f'Action::"{act}"' for act in rule.what.acts)
    lines.append(f"{'permit' if allows else 'forbid'} (principal, action in [{acts}], resource)")
    conditions = [*_who(rule.who, allows), *_what(rule.what), *_when(rule.when, allows)]
    if conditions:
        lines.append("when {\n  " + " &&\n  ".join(conditions) + "\n}")
    if rule.effect == Effect.REQUIRE_APPROVAL:
        lines.append("unless { context.approved }")
    return "\n".join(lines) + ";\n"


def _who(who: Who, allows: bool) -> Iterator[str]:
    if who == Who():
        return
    either = ["principal is Person"] if who.people else []
    # Nothing is allowed to an agent because of its owner's role.
    by_role = "principal is Person && principal in Role::{}" if allows else "principal in Role::{}"
    either += [by_role.format(_text(role)) for role in who.roles]
    either += ["principal is Agent" if one == ANY else f"principal == Agent::{_text(one)}" for one in who.agents]
    for kind, named in (("pack", who.packs), ("trigger", who.triggers)):
        for name in named:
            equals = "" if name == ANY else f" && context.{kind} == {_text(name)}"
            either.append(f"context has {kind}{equals}")
    yield _any(either)


def _what(what: What) -> Iterator[str]:
    lists = {
        "extension": what.extensions,
        "target": what.actions,
        "kind": what.kinds,
        "effect": what.effects,
        "level": what.levels,
    }
    for name, values in lists.items():
        if values:
            yield f"{_set(values)}.contains(resource.{name})"
    if what.scopes:
        yield f"context has scope && {_any([term for pattern in what.scopes for term in _covers(pattern)])}"


def _covers(pattern: str) -> Iterator[str]:
    """Terms of which one holds where ``pattern`` covers ``context.scope``, which has ``context.parts`` parts.

    Cedar's ``*`` reaches over dots. So a pattern with single stars is told for each number of parts, with which no
    star can reach over one.
    """
    parts = pattern.split(".")
    if ONE in parts:
        for fixed in spelled_out(pattern):
            yield f"context.parts == {fixed.count('.') + 1} && context.scope like {_text(fixed)}"
        return
    shapes: list[list[str]] = [[]]
    for part in parts:
        shapes = [[*shape, *more] for shape in shapes for more in ([[], [ONE]] if part == MANY else [[part]])]
    for shape in shapes:
        if shape == [ONE]:
            yield "true"
        elif len(shape) > 1:
            text = ".".join(shape)
            yield f"context.scope like {_text(text)}" if ONE in shape else f"context.scope == {_text(text)}"


def _when(when: When, allows: bool) -> Iterator[str]:
    if when.classes:
        yield f"context.classes.containsAny({_set(when.classes)})"
    if when.destructive:
        yield '(resource.effect == "delete" || resource.destructive)'
    if when.over is not None:
        yield _known("bulk_count", f"context.bulk_count > {when.over}", allows)
    if when.amount:
        yield _measured(when.amount, allows)
    if when.new_destination:
        yield _known("new_destination", "context.new_destination", allows)
    if when.mode:
        yield _known("mode", f"context.mode == {_text(when.mode)}", allows)
    if when.hours:
        yield _timed(when.hours, allows)


def _known(name: str, holds: str, allows: bool, of: str = "context") -> str:
    """``holds`` where ``name`` is known; where it is not, what forbids speaks and what permits does not."""
    return f"(if {of} has {name} then {holds} else {'false' if allows else 'true'})"


def _measured(amount: Amount, allows: bool) -> str:
    name = _text(amount.field)
    over = Decimal(str(amount.over)).quantize(Decimal("0.0001"))
    return _known(name, f'context.numbers[{name}].greaterThan(decimal("{over}"))', allows, of="context.numbers")


def _timed(hours: Hours, allows: bool) -> str:
    clock = f"context.clock[{_text(hours.zone)}]"
    start, end = minutes(hours.start), minutes(hours.end)
    on = f"{_set(hours.days)}.contains({clock}.day)"
    if start < end:
        inside = f"({on} && {clock}.minute >= {start} && {clock}.minute < {end})"
    else:
        after = f"{_set(sorted(day % 7 + 1 for day in hours.days))}.contains({clock}.day)"
        inside = f"(({on} && {clock}.minute >= {start}) || ({after} && {clock}.minute < {end}))"
    return _known(_text(hours.zone), f"!{inside}" if hours.outside else inside, allows, of="context.clock")


def _any(terms: Sequence[str]) -> str:
    return "(" + " || ".join(f"({term})" if " && " in term else term for term in terms) + ")"


def _set(values: Iterable[str | int]) -> str:
    return "[" + ", ".join(str(value) if isinstance(value, int) else _text(value) for value in values) + "]"


def _text(value: str) -> str:
    """A string of Cedar, which knows other escapes than JSON does."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
