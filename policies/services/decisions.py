"""Decisions: ask the engine, and keep the whole question with the answer."""

import logging
from datetime import datetime
from typing import Any
from uuid import UUID

from galaxy.core.db.instances import fresh
from galaxy.core.db.writing import insert
from galaxy.core.models import Workspace
from policies.engine import Action, Context, Evaluation, Principal, Resource, Snapshot, evaluate
from policies.models import Decision
from policies.rules.snapshots import snapshot_of

__all__ = ["answered", "decide", "decide_again", "question_of", "snapshot_of"]

log = logging.getLogger(__name__)


def decide(
    workspace: Workspace,
    *,
    principal: Principal,
    action: Action,
    resource: Resource,
    context: Context,
    subject_id: UUID | None = None,
) -> Decision:
    """Evaluate one call and store the answer with its input. A denied call is a stored decision too, never an error.

    ``subject_id`` is the run or change it is about, where there is one.
    """
    decision = answered(
        workspace, principal=principal, action=action, resource=resource, context=context, subject_id=subject_id
    )
    insert(decision)
    return decision


def answered(
    workspace: Workspace,
    *,
    principal: Principal,
    action: Action,
    resource: Resource,
    context: Context,
    subject_id: UUID | None = None,
) -> Decision:
    """As ``decide``, for whoever writes the decision together with what it is about."""
    snapshot = snapshot_of(workspace)
    answer = evaluate(snapshot, principal, action, resource, context)
    if any(reason.code == "evaluation_error" for reason in answer.reasons):
        log.error("policy evaluation failed for %s in %s: %s", action.target, workspace.pk, answer.reasons)
    return fresh(
        Decision,
        tied={"workspace": workspace},
        subject_id=subject_id,
        effect=answer.effect,
        action=action.target,
        input={
            "principal": _as_json(principal),
            "action": _as_json(action),
            "resource": _as_json(resource),
            "context": _as_json(context),
        },
        reasons=[reason.as_json() for reason in answer.reasons],
        obligations=answer.obligations,
        ask=answer.ask.as_json() if answer.ask else {},
        rules=sorted({reason.rule for reason in answer.reasons if reason.rule}),
        policy_version=snapshot.version,
    )


def decide_again(decision: Decision, snapshot: Snapshot) -> Evaluation:
    """What ``snapshot`` would have said to the same question. Stores nothing."""
    return evaluate(snapshot, *question_of(decision.input))


def question_of(stored: dict[str, Any]) -> tuple[Principal, Action, Resource, Context]:
    """The question that ``Decision.input`` keeps. What was not known when it was asked is not known now."""
    now = stored["context"]["now"]
    context = stored["context"] | {"now": datetime.fromisoformat(now) if now else None}
    return (
        _from_json(Principal, stored["principal"]),
        _from_json(Action, stored["action"]),
        _from_json(Resource, stored["resource"]),
        _from_json(Context, context),
    )


def _as_json(part: Principal | Action | Resource | Context) -> dict[str, Any]:
    """A part of the question as JSON; collections sorted, so that equal questions are equal text."""
    return {name: _plain(value) for name, value in vars(part).items()}


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple | set | frozenset):
        return sorted(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _from_json(kind: type, values: dict[str, Any]) -> Any:
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
