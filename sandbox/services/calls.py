"""A call on its way through the gate, and the facts that decisions and approvals are made of."""

import hashlib
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import rfc8785
from django.db.models import QuerySet
from django.utils import timezone

from galaxy.core.agents import agent_can, why_barred
from galaxy.core.audit import Actor
from galaxy.core.db.prepared import prepared
from galaxy.core.models import Agent, Membership, User, Workspace
from galaxy.core.permissions import can, remember_grants
from policies.engine import Action, Context, Evaluation, Principal, Resource
from registry.manifests import ActionSpec
from registry.manifests.schemas import data_classes
from registry.models import Connection, Kind
from registry.services import Resolved, secret_generations
from registry.services.holding import may_rehearse
from sandbox.class_flow import names_in
from sandbox.models import Run
from sandbox.transforms.classes import Classes


@dataclass(frozen=True)
class Call:
    """What is asked for, resolved. ``parent`` and ``step_id`` are set for the step of a pack.

    ``carried`` holds the data classes that the pack's mappings bring into which inputs, beyond what is declared.
    ``agent`` is who acts for ``user``, if it is not they themselves. ``connection`` is what it goes out by, or would.
    ``is_check``: a trial of that connection's health.
    """

    workspace: Workspace
    user: User
    chain: Actor
    resolved: Resolved
    inputs: dict[str, Any]
    mode: str
    scenario: str
    parent: Run | None = None
    step_id: str = ""
    idempotency_key: str | None = None
    carried: Classes = field(default_factory=dict)
    agent: Agent | None = None
    connection: Connection | None = None
    is_check: bool = False

    @property
    def action(self) -> ActionSpec | None:
        return self.resolved.action

    @property
    def kind(self) -> str:
        return Kind.ACTION if self.action else self.resolved.manifest.kind

    @property
    def inputs_schema(self) -> dict[str, Any]:
        return self.action.inputs if self.action else self.resolved.manifest.inputs

    @property
    def is_repeatable(self) -> bool:
        """Whether doing it twice does no harm; a transform touches nothing but its input."""
        return self.action is None or self.action.is_repeatable

    @property
    def data_classes(self) -> list[str]:
        """Every data class that the call handles, sorted."""
        if self.action:
            return sorted({*self.action.classes, *names_in(self.carried)})
        manifest = self.resolved.manifest
        schemas = (manifest.inputs, manifest.outputs)
        return sorted({*names_in(self.carried), *(name for schema in schemas for _, name in data_classes(schema, ""))})

    @property
    def bulk_count(self) -> int | None:
        """How many records the call is about, where its manifest names the field that says so."""
        if not self.action or not self.action.bulk:
            return None
        found = self.inputs.get(self.action.bulk["field"])
        return len(found) if isinstance(found, list) else found if isinstance(found, int) else None


def question(call: Call) -> dict[str, Any]:
    """The arguments of the policy engine: {principal, action, resource, context}, from the grants as they are now."""
    installation = call.resolved.installation
    spec = call.action
    return {
        "principal": principal_of(call),
        "action": Action(
            target=call.resolved.target,
            effect=spec.effect if spec else "read",
            scopes=spec.scopes if spec else (),
            destructive=spec.destructive if spec else False,
            bulk_field=spec.bulk["field"] if spec and spec.bulk else None,
            bulk_over=spec.bulk["over"] if spec and spec.bulk else None,
            required_for=spec.approval_tags if spec else (),
            audience=spec.audience if spec else "both",
        ),
        "resource": Resource(
            extension=installation.extension.slug,
            kind=call.kind,
            installation_id=str(installation.pk),
            version_digest=call.resolved.version.digest,
            scopes_granted=tuple(installation.scopes),
        ),
        "context": Context(
            mode=call.mode,
            simulated=call.mode == Run.Mode.SIMULATED,
            bulk_count=call.bulk_count,
            data_classes=tuple(call.data_classes),
            now=timezone.now(),
            caller="pack" if call.parent else "agent" if call.agent else "person",
        ),
    }


@remember_grants()
def principal_of(call: Call) -> Principal:
    """Who asks, with the grants of this moment. An agent holds what both it and its owner hold, and no more."""
    installation = call.resolved.installation
    user = call.user
    roles = tuple(_roles(workspace=call.workspace.pk, user=user.pk))  # none: they left, whatever grants are left over
    read, write = "registry.run_installation", "registry.write_installation"
    if call.agent is None:
        return Principal(
            kind="person",
            id=str(user.pk),
            label=str(user),
            roles=roles,
            holds_read=bool(roles) and can(user, read, installation),
            holds_write=bool(roles) and (can(user, write, installation) or _rehearses(call)),
        )
    # Read anew: a pack may have begun long before its agent was suspended or given to somebody else.
    agent = Agent.objects.select_related("owner", "group").get(pk=call.agent.pk)
    is_owned = agent.owner_id == user.pk
    return Principal(
        kind="agent",
        id=str(agent.pk),
        label=str(agent),
        roles=roles,
        holds_read=bool(roles) and is_owned and agent_can(agent, read, installation),
        holds_write=bool(roles) and is_owned and agent_can(agent, write, installation),
        agent=str(agent.pk),
        scopes=tuple(agent.scopes),
        barred=why_barred(agent),
    )


@prepared
def _roles(workspace: UUID, user: UUID) -> QuerySet[Membership, str]:
    return Membership.objects.filter(workspace=workspace, user=user).values_list("role", flat=True)


def _rehearses(call: Call) -> bool:
    """Whether somebody simulates what they make for their workspace: that changes nothing anywhere."""
    return call.mode == Run.Mode.SIMULATED and may_rehearse(call.user, call.resolved.installation)


def input_digest(inputs: dict[str, Any]) -> str:
    """Hex SHA-256 of the RFC 8785 form of the inputs."""
    return hashlib.sha256(rfc8785.dumps(inputs)).hexdigest()


def approval_digest(call: Call, evaluation: Evaluation, policy_version: int) -> str:
    """Names exactly what an approval is given for; any part that changes gives another digest.

    Inputs, target, mode, version, what the rules said, and the connection with its generation (which counts
    reconnects and rotations of its secret, not token refreshes).
    """
    connection = call.connection
    parts: dict[str, Any] = {
        "workspace": str(call.workspace.pk),
        "requester": str(call.user.pk),
        "target": call.resolved.target,
        "inputs": input_digest(call.inputs),
        "mode": call.mode,
        "scenario": call.scenario,
        "version": call.resolved.version.digest,
        "policy_version": policy_version,
        "effect": str(evaluation.effect),
        "rules": sorted(reason.code for reason in evaluation.reasons),
        "connection": [str(connection.pk), connection.generation, connection.host] if connection else None,
    }
    if call.agent:
        parts["agent"] = str(call.agent.pk)
    if call.action and call.action.runner == "python":
        parts["secrets"] = secret_generations(call.resolved.installation)
    return hashlib.sha256(rfc8785.dumps(parts)).hexdigest()
