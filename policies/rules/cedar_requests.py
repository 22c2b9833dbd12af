"""A question to the engine as the requests and entities of Cedar, for policies written by policies.rules.cedar.

What Cedar's numbers cannot hold is moved to where every comparison comes out the same: counts to the ends of 64 bits,
amounts up to the next ten-thousandth (rules name amounts with four decimals) and to the ends of its decimals. An amount
that is no finite number is left out, which is what the engine takes it for.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Decimal
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

from policies.questions import Action, Context, Principal, Resource
from policies.rules.cedar import fields_of, zones_of
from policies.rules.parts import MODES
from policies.rules.vocabulary import Rule

_MOST = 2**63 - 1
_UNIT = Decimal("0.0001")


def entities_of(principal: Principal, action: Action, resource: Resource) -> list[dict[str, Any]]:
    """Whoever asks, with their roles, and what is called."""
    who: dict[str, Any] = {"barred": bool(principal.barred)}
    if principal.scopes is not None:
        who["scopes"] = sorted(principal.scopes)
    tool: dict[str, Any] = {
        "extension": resource.extension,
        "target": action.target,
        "kind": resource.kind,
        "level": resource.level,
        "effect": action.effect,
        "destructive": action.destructive,
        "audience": action.audience,
        "granted": sorted(resource.scopes_granted),
        "tags": sorted({"bulk" if tag.startswith("bulk_") else tag for tag in action.required_for}),
    }
    if action.bulk_over is not None:
        tool["bulk_over"] = _long(action.bulk_over)
    roles = [{"type": "Role", "id": role} for role in sorted(set(principal.roles))]
    return [
        {"uid": _who(principal), "attrs": who, "parents": roles},
        {"uid": _tool(action, resource), "attrs": tool, "parents": []},
    ]


def requests_of(
    rules: Sequence[Rule],
    principal: Principal,
    action: Action,
    resource: Resource,
    context: Context,
    *,
    approved: bool,
) -> list[dict[str, Any]]:
    """One request for each scope, or one without; what is asked is allowed where all of them are."""
    base = {
        "principal": _who(principal),
        "action": {"type": "Action", "id": context.act},
        "resource": _tool(action, resource),
    }
    known = _circumstances(rules, principal, context) | {"approved": approved}
    scopes = [{"scope": scope, "parts": scope.count(".") + 1} for scope in action.scopes]
    return [base | {"context": known | scope} for scope in scopes or [{"parts": 0}]]


def _circumstances(rules: Sequence[Rule], principal: Principal, context: Context) -> dict[str, Any]:
    known: dict[str, Any] = {
        "holds_read": principal.holds_read,
        "holds_write": principal.holds_write,
        "classes": sorted(context.data_classes),
        "numbers": _amounts(fields_of(rules), context.numbers),
        "clock": {},
    }
    if context.mode in MODES:
        known["mode"] = context.mode
    if context.bulk_count is not None:
        known["bulk_count"] = _long(context.bulk_count)
    if context.new_destination is not None:
        known["new_destination"] = context.new_destination
    for name in ("pack", "trigger"):
        if getattr(context, name):
            known[name] = getattr(context, name)
    if context.now is not None:
        for zone in zones_of(rules):
            local = context.now.astimezone(ZoneInfo(zone))
            known["clock"][zone] = {"day": local.isoweekday(), "minute": local.hour * 60 + local.minute}
    return known


def _amounts(fields: Sequence[str], numbers: Mapping[str, float]) -> dict[str, Any]:
    found = {}
    for name in fields:
        value = numbers.get(name)
        if (
            isinstance(value, int | float)
            and not isinstance(value, bool)
            and (isinstance(value, int) or isfinite(value))
        ):
            found[name] = {"__extn": {"fn": "decimal", "arg": f"{_decimal(value):f}"}}
    return found


def _decimal(value: float) -> Decimal:
    """As its shortest decimal text means it, and rounded up: more than a number of four decimals stays more than it."""
    most = Decimal(_MOST) * _UNIT
    exact = Decimal(str(value))
    return max(-most, min(most, exact)).quantize(_UNIT, rounding=ROUND_CEILING)


def _long(value: int) -> int:
    return max(-_MOST, min(_MOST, value))


def _who(principal: Principal) -> dict[str, str]:
    if principal.is_agent:
        return {"type": "Agent", "id": principal.agent or principal.id}
    return {"type": "Person", "id": principal.id}


def _tool(action: Action, resource: Resource) -> dict[str, str]:
    return {"type": "Tool", "id": f"{resource.installation_id}/{action.target}"}
