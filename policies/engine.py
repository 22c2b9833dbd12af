"""The policy engine: may this principal do this, here, now? Pure, without I/O: same input, same answer.

Walls, defaults (policies.rules.defaults) and a workspace's rules (policies.rules.compiling) each say what they have to
say of a request; what they say is put together by effect alone: deny over approval over allow, in whatever order.
Nothing that allows is deny, and so is any error on the way.
"""

from collections.abc import Iterable
from typing import Any

from policies.answers import ADMIN, Evaluation, Reason
from policies.models import Effect
from policies.questions import Action, Context, Principal, Resource
from policies.rules.asks import Ask, Escalation, Stage
from policies.rules.clauses import CompiledRule
from policies.rules.compiling import Snapshot
from policies.rules.defaults import CAREFUL, PLAIN, WALLS, allowance, nothing_allows, questions
from policies.rules.parts import REDACTIONS

__all__ = [
    "Action",
    "Ask",
    "Context",
    "Effect",
    "Escalation",
    "Evaluation",
    "Principal",
    "Reason",
    "Resource",
    "Snapshot",
    "Stage",
    "evaluate",
]

_DENY, _ASK, _ALLOW = Effect.DENY, Effect.REQUIRE_APPROVAL, Effect.ALLOW
_STRICTNESS = {mode: strictness for strictness, mode in enumerate(REDACTIONS)}


def evaluate(
    snapshot: Snapshot, principal: Principal, action: Action, resource: Resource, context: Context
) -> Evaluation:
    """Answer one request. Never raises: whatever goes wrong inside is a deny with the code ``evaluation_error``."""
    try:
        if snapshot.fault:
            return _broken(snapshot.fault)
        return _answer(snapshot, principal, action, resource, context)
    except Exception as error:  # a gate that breaks must stay shut, whatever broke
        return _broken(type(error).__name__)


def _answer(
    snapshot: Snapshot, principal: Principal, action: Action, resource: Resource, context: Context
) -> Evaluation:
    denied = [found for wall in WALLS if (found := wall(principal, action, resource, context)) is not None]
    allowing: list[CompiledRule] = []
    asking: list[CompiledRule] = []
    allowed: list[Reason] = []
    asked: list[Reason] = []
    for rule, reason in snapshot.speaking(principal, action, resource, context):
        if rule.effect is _DENY:
            denied.append(reason)
        elif rule.effect is _ASK:
            asking.append(rule)
            asked.append(reason)
        else:
            allowing.append(rule)
            allowed.append(reason)
    if denied:
        return Evaluation(_DENY, tuple(denied), {})
    by_default = allowance(principal, action, resource, context)
    if by_default is not None:
        allowed.insert(0, by_default)
    elif not allowing or not all(any(rule.covers(scope) for rule in allowing) for scope in action.scopes):
        return Evaluation(_DENY, (nothing_allows(principal, action, resource),), {})
    obligations = _obligations(context, allowing, asking)
    standing = questions(action, context)
    if not standing and not asking:
        return Evaluation(_ALLOW, tuple(allowed), obligations)
    default = None
    if standing:
        default = CAREFUL if any(ask is CAREFUL for _, ask in standing) else PLAIN
        asked = [*(reason for reason, _ in standing), *asked]
    return Evaluation(_ASK, tuple(asked), obligations, snapshot.asking(default, asking))


def _obligations(context: Context, *groups: Iterable[CompiledRule]) -> dict[str, Any]:
    """The duties of every rule that lets the call through or asks about it, each class hidden the strictest way.

    What is stored of a call is masked for every data class it carries, without any rule.
    """
    redact = dict.fromkeys(sorted(context.data_classes), "mask") if context.data_classes else {}
    rates = []
    for group in groups:
        for rule in group:
            for name, mode in rule.redact:
                if _STRICTNESS[mode] >= _STRICTNESS[redact.get(name, mode)]:
                    redact[name] = mode
            if rule.rate:
                rates.append(rule.rate)
    duties: dict[str, Any] = {"redact": redact} if redact else {}
    if rates:
        duties["rate"] = sorted(rates, key=lambda rate: rate["rule"])
    return duties


def _broken(what: str) -> Evaluation:
    text = f"The policy could not be evaluated ({what}), so the answer is no."
    return Evaluation(_DENY, (Reason("evaluation_error", text, "The error is repaired", ADMIN),), {})
