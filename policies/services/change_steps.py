"""A change as steps of the registry: what would be done now, what a row keeps of it, and doing it."""

from typing import Any

from galaxy.core.audit import Actor
from galaxy.core.errors import Conflict
from galaxy.core.models import Workspace
from policies.models import Change
from registry.courses import Course
from registry.gates import INSTALL, UPGRADE, Step
from registry.models import Installation, Version
from registry.rollback.services import require_target
from registry.services.installing import install_agreed, install_step
from registry.services.moving import move_approved, upgrade_step
from registry.services.widening import widen_agreed, widen_step
from registry.updates.rollouts import start_approved


def steps_of(change: Change) -> list[Step]:
    """What would be done now. The workspace is read anew, so that the rules are those of this moment."""
    workspace = Workspace.objects.get(pk=change.workspace_id)
    actor, version = change.asked_by, change.version
    if change.kind == INSTALL:
        found = {one.digest: one for one in Version.objects.open_to(workspace).filter(digest__in=change.along)}
        along = [found[digest] for digest in change.along if digest in found]
        return [install_step(workspace, one, actor) for one in (*along, version)]
    rows = Installation.objects.in_workspace(workspace).select_related("workspace", "extension", "pin__version")
    installation = rows.active().filter(pk=change.installation_id).first()
    if installation is None:
        raise Conflict(f"{change.extension} was removed meanwhile.")
    if change.kind == UPGRADE:
        course = Course.from_json(change.course, workspace) if change.course else None
        return [upgrade_step(installation, version, actor, keeps=change.keeps, course=course)]
    return [widen_step(installation, actor)]


def shape_of(steps: list[Step]) -> dict[str, Any]:
    """The fields of a change that say what would be done."""
    wanted = steps[-1]
    return {
        "version": wanted.version,
        "from_digest": wanted.installation.pin.digest if wanted.installation else "",
        "along": [step.version.digest for step in steps[:-1]],
        "scopes": sorted({scope for step in steps for scope in step.scopes}),
        "hosts": sorted({host for step in steps for host in step.hosts}),
        "course": wanted.course.as_json() if wanted.course else None,
    }


def carry_out(change: Change, steps: list[Step], chain: Actor) -> None:
    """Do it, within the transaction that uses its approval. Raises what doing it raises of the world as it is."""
    asker, there = change.asked_by, steps[0].installation
    if there is None:
        for step in steps:
            change.installation = install_agreed(step.workspace, step.version, actor=asker, chain=chain)
    elif change.kind == UPGRADE:
        said: dict[str, Any] = {"actor": asker, "chain": chain, "approval": change.approval_id}
        if course := steps[0].course:
            start_approved(there, version=change.version, course=course, **said)
        else:
            is_back = change.version.sort_key < there.pin.version.sort_key
            if is_back:
                require_target(there, change.version)  # as whoever goes back without asking
            said |= {"keeps": change.keeps, "reason": change.reason, "is_back": is_back}
            move_approved(there, version=change.version, **said)
    else:
        widen_agreed(there, actor=asker, chain=chain)


def chain_of(change: Change) -> Actor:
    """Who asked, through the request that was approved."""
    approval = change.approval
    if approval is None:
        return Actor.of(None)
    asked = Actor.of_agent(approval.agent) if approval.agent else Actor.of(change.asked_by)
    return asked.through("approval", str(approval.pk), str(approval))
