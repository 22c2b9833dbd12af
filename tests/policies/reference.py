"""The meaning of rules once more, as plainly as can be and as slowly: every rule is looked at, part by part.

It reads the JSON of rules, knows nothing of the engine's index or defaults, and matches scopes by regular expression.
"""

import math
import re
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

STRICT = ["mask", "hash", "tokenise", "drop"]
DAY_S = 86_400


def answer(rules: list[dict[str, Any]], principal, action, resource, context) -> dict[str, Any]:
    """{effect, rules (numbers that speak for it), obligations, ask}"""
    request = (principal, action, resource, context)
    matched = [rule for rule in rules if applies(rule, *request)]
    by_effect = {
        effect: [rule for rule in matched if rule["effect"] == effect]
        for effect in ("allow", "deny", "require_approval")
    }
    if walled(*request) or by_effect["deny"]:
        return said("deny", by_effect["deny"])
    may = context.act != "call" or principal.holds_write or (action.effect == "read" and not action.destructive)
    allowed = bool(by_effect["allow"]) and all(
        any(covers_scope(rule, scope) for rule in by_effect["allow"]) for scope in action.scopes
    )
    if not may and not allowed:
        return said("deny", [])
    duties = obligations(by_effect["allow"] + by_effect["require_approval"], context)
    default = default_ask(action, context)
    asks = [default] if default else []
    asks += [one_ask(rule.get("ask", {})) for rule in by_effect["require_approval"]]
    if asks:
        return said("require_approval", by_effect["require_approval"], duties, all_asks(asks))
    return said("allow", by_effect["allow"], duties)


def said(effect, rules, duties=None, ask=None) -> dict[str, Any]:
    return {"effect": effect, "rules": {rule["number"] for rule in rules}, "obligations": duties or {}, "ask": ask}


def walled(principal, action, resource, context) -> bool:
    is_agent = principal.kind == "agent" or principal.agent is not None
    if principal.barred:
        return True
    if principal.scopes is not None and not set(action.scopes) <= set(principal.scopes):
        return True
    if (action.audience, is_agent) in {("human", True), ("agent", False)}:
        return True
    if context.act == "call":
        return not principal.holds_read or not set(action.scopes) <= set(resource.scopes_granted)
    return not principal.holds_write


def applies(rule, principal, action, resource, context) -> bool:
    return (
        asker(rule, principal, context) and subject(rule, action, resource, context) and moment(rule, action, context)
    )


def asker(rule, principal, context) -> bool:
    who = rule.get("who", {})
    named = {name: value for name, value in who.items() if value}
    if not named:
        return True
    is_agent = principal.kind == "agent" or principal.agent is not None
    if named.get("people") and not is_agent:
        return True
    if set(named.get("roles", [])) & set(principal.roles) and not (is_agent and rule["effect"] == "allow"):
        return True
    for name, value in (
        ("agents", (principal.agent or principal.id) if is_agent else ""),
        ("packs", context.pack),
        ("triggers", context.trigger),
    ):
        if value and {"any", value} & set(named.get(name, [])):
            return True
    return False


def subject(rule, action, resource, context) -> bool:
    what = rule.get("what", {})
    facts = {
        "extensions": resource.extension,
        "actions": action.target,
        "kinds": resource.kind,
        "effects": action.effect,
        "levels": resource.level,
    }
    return (
        context.act in (what.get("acts") or ["call"])
        and all(not what.get(name) or fact in what[name] for name, fact in facts.items())
        and (not what.get("scopes") or any(covers_scope(rule, scope) for scope in action.scopes))
    )


def covers_scope(rule, scope: str) -> bool:
    patterns = rule.get("what", {}).get("scopes")
    return not patterns or any(covers(pattern, scope) for pattern in patterns)


def covers(pattern: str, scope: str) -> bool:
    """Every part with its dot: ``**`` is any number of those, so both texts end in a dot."""
    signs = {"*": r"[^.]+\.", "**": r"(?:[^.]+\.)*"}
    expression = "".join(signs.get(part, re.escape(part) + r"\.") for part in pattern.split("."))
    return re.fullmatch(expression, scope + ".") is not None


def moment(rule, action, context) -> bool:
    when = rule.get("when", {})
    unknown = rule["effect"] != "allow"
    if when.get("classes") and not set(when["classes"]) & set(context.data_classes):
        return False
    if when.get("destructive") and not (action.destructive or action.effect == "delete"):
        return False
    if when.get("over") is not None and not more(context.bulk_count, when["over"], unknown):
        return False
    if when.get("amount"):
        value = context.numbers.get(when["amount"]["field"])
        if not more(value if value is None or math.isfinite(value) else None, when["amount"]["over"], unknown):
            return False
    if when.get("new_destination") and not (unknown if context.new_destination is None else context.new_destination):
        return False
    if when.get("mode") and not (context.mode == when["mode"] if context.mode in ("live", "simulated") else unknown):
        return False
    if when.get("hours"):
        return unknown if context.now is None else timely(when["hours"], context.now)
    return True


def more(value, over, unknown: bool) -> bool:
    return unknown if value is None else value > over


def timely(hours, now: datetime) -> bool:
    """Looks at every beginning within the last two days, minute by minute of the local clock."""
    local = now.astimezone(ZoneInfo(hours["zone"]))
    at = local.isoweekday() * 1440 + local.hour * 60 + local.minute
    start, end = (int(text[:2]) * 60 + int(text[3:]) for text in (hours["from"], hours["to"]))
    length = (end - start) % 1440 or 1440
    inside = any((at - day * 1440 - start) % (7 * 1440) < length for day in hours["days"])
    return inside != hours.get("outside", False)


def obligations(rules, context) -> dict[str, Any]:
    hidden: dict[str, list[str]] = {name: ["mask"] for name in context.data_classes}
    rates = []
    for rule in rules:
        duties = rule.get("obligations", {})
        for name, mode in duties.get("redact", {}).items():
            hidden.setdefault(name, []).append(mode)
        if "rate" in duties:
            rates.append(duties["rate"] | {"rule": rule["number"]})
    found: dict[str, Any] = {}
    if hidden:
        found["redact"] = {name: max(modes, key=STRICT.index) for name, modes in hidden.items()}
    if rates:
        found["rate"] = sorted(rates, key=lambda rate: rate["rule"])
    return found


def default_ask(action, context) -> dict[str, Any] | None:
    if context.act != "call":
        return None
    changes = action.effect != "read"
    careful = action.effect == "delete" or action.destructive
    if changes and action.bulk_over is not None:
        careful = careful or context.bulk_count is None or context.bulk_count > action.bulk_over
    declared = False
    for tag in action.required_for:
        if tag.startswith("bulk_"):
            declared = declared or (changes and action.bulk_over is None)
        elif tag == "write":
            declared = declared or changes
        elif tag != "delete":
            declared = True
    if not careful and not declared:
        return None
    return {"stages": {"approvers": 1}, "expires": DAY_S, "factor": careful, "steps": set(), "hours": None}


def one_ask(ask) -> dict[str, Any]:
    ref = ask.get("reviewers", "approvers")
    return {
        "stages": {ref: ask.get("needed", 1)},
        "expires": round(ask.get("expires_h", 24) * 3600),
        "factor": ask.get("second_factor", False),
        "steps": {(round(step["after_h"] * 3600), step["to"], ref) for step in ask.get("escalate", [])},
        "hours": ask.get("business_hours"),
    }


def all_asks(asks) -> dict[str, Any]:
    stages: dict[str, int] = {}
    for ask in asks:
        for ref, needed in ask["stages"].items():
            stages[ref] = max(needed, stages.get(ref, 0))
    others = [needed for ref, needed in stages.items() if ref != "approvers"]
    if others and max(others) >= stages.get("approvers", 99):
        del stages["approvers"]
    expires = min(ask["expires"] for ask in asks)
    first = asks[0]["hours"]
    return {
        "stages": stages,
        "expires": expires,
        "factor": any(ask["factor"] for ask in asks),
        "steps": {step for ask in asks for step in ask["steps"] if step[2] in stages and step[0] < expires},
        "hours": first if all(ask["hours"] == first for ask in asks) else None,
    }
