"""Before somebody asks for a call: whether a person would be asked about it, and who. Stores nothing."""

from typing import Any

from galaxy.core.errors import DomainError
from galaxy.core.models import User, Workspace
from policies.engine import Ask, evaluate
from policies.models import Effect
from policies.services.decisions import snapshot_of
from policies.waiting import Asked, who_will_be_asked
from sandbox.services.admission import Manner, resolve_call
from sandbox.services.calls import question


def foresee(workspace: Workspace, *, actor: User, target: str, inputs: dict[str, Any], simulate: bool) -> Asked | None:
    """Who would be asked for a yes to this call as things stand; None where nobody is, or where it would be refused.

    The steps of a pack are asked about one by one while it runs, which cannot be told before.
    """
    try:
        call = resolve_call(workspace, actor, target, inputs, Manner(simulate), None)
    except DomainError:
        return None
    answer = evaluate(snapshot_of(workspace), **question(call))
    if answer.effect != Effect.REQUIRE_APPROVAL:
        return None
    return who_will_be_asked(answer.ask or Ask(), workspace)
