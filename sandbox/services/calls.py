"""A call on its way through the gate, and the facts that decisions are made of."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, QuerySet
from django.utils import timezone

from galaxy.core.agents import agent_can, why_barred
from galaxy.core.audit import Actor
from galaxy.core.db.prepared import prepared
from galaxy.core.models import Agent, Membership, User, Workspace
from galaxy.core.permissions import can, held_in, known_grants, remember_grants
from policies.engine import Action, Context, Principal, Resource
from policies.models import Approval
from registry.levels import level_by, level_of, listed_level
from registry.manifests import ActionSpec
from registry.manifests.schemas import data_classes
from registry.models import Connection, Kind
from registry.services import Resolved
from registry.services.holding import may_rehearse
from sandbox import destinations
from sandbox.class_flow import joined, names_in
from sandbox.errors import RunError
from sandbox.models import Category, Run, Trigger
from sandbox.packs.marks import CODE, NONE, Marks
from sandbox.redaction import Modes
from sandbox.transforms.classes import Classes, Path, classes_at, read_paths

_Held = tuple[str, UUID | None, list[str], str | None]
MOST_NUMBERS = 64  # of one call that rules may look at, and how deep they may lie
DEEPEST = 8


@dataclass(frozen=True)
class Call:
    """What is asked for, resolved. ``parent`` and ``step_id`` are set for the step of a pack.

    ``carried`` holds the data classes that the pack's mappings bring into which inputs, beyond what is declared, and
    ``modes`` how the pack and its earlier steps want data classes hidden. ``agent`` is who acts for ``user``, if it is
    not they themselves; ``trigger`` what started it by itself. ``connection`` is what it goes out by, or would.
    ``pack`` is the name of the pack that calls.
    ``is_check``: a trial of that connection's health; ``rehearses``: a trial of that waiting run for an approver;
    ``again``: the approval whose call this asks for once more. ``run_id`` is the id that its run gets, where that was
    needed before there is one. ``held`` are the versions that a pack holds to, {installation: digest}.

    ``item`` counts the items of a loop from 1, 0 for what is no loop. ``marks`` are the inputs that were born in
    simulation (sandbox.packs.marks). Of a pack: ``scenarios`` are the samples of single steps, ``is_stepped`` whether
    it pauses after each, ``resumes`` the failed run that it goes on with, and ``undoes`` the run that it takes back,
    which calls have too; ``progress`` is what of either its payload begins with. ``until``: when its time is over.
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
    trigger: Trigger | None = None
    connection: Connection | None = None
    is_check: bool = False
    modes: Modes = field(default_factory=dict)
    pack: str = ""
    rehearses: Run | None = None
    again: Approval | None = None
    run_id: UUID | None = None
    held: dict[str, str] = field(default_factory=dict)
    item: int = 0
    marks: Marks = NONE
    scenarios: dict[str, str] = field(default_factory=dict)
    is_stepped: bool = False
    is_dry: bool = False
    resumes: Run | None = None
    undoes: Run | None = None
    progress: dict[str, Any] = field(default_factory=dict)
    until: datetime | None = None

    @property
    def asks_nobody(self) -> bool:
        """Whether it is made by Galaxy itself, for which no person's yes is asked."""
        return self.is_check or self.rehearses is not None

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

    @cached_property
    def tagged(self) -> Classes:
        """The classes of its inputs: those that are declared, and those that values were carried in with."""
        return joined(read_paths(dict(data_classes(self.inputs_schema, ""))), self.carried)

    @property
    def changes_something(self) -> bool:
        return self.action is not None and changes(self.action)

    @cached_property
    def destinations(self) -> set[str]:
        """Where a live call that changes something goes; empty for every other."""
        if self.mode != Run.Mode.LIVE or not self.changes_something:
            return set()
        return destinations.names_of(self.inputs, self.tagged, self.resolved.manifest, self.connection)

    @property
    def is_bulk(self) -> bool:
        """Whether it changes more than its manifest calls few; a number that is not known is not few."""
        if not self.action or not self.action.bulk or self.action.effect == "read":
            return False
        return self.bulk_count is None or self.bulk_count > self.action.bulk["over"]

    @property
    def bulk_count(self) -> int | None:
        """How many records the call is about, where its manifest names the field that says so."""
        if not self.action or not self.action.bulk:
            return None
        found = self.inputs.get(self.action.bulk["field"])
        return len(found) if isinstance(found, list) else found if isinstance(found, int) else None


def changes(action: ActionSpec) -> bool:
    """Whether a live call of it changes something at the other side."""
    return action.effect != "read" or action.destructive


def question(call: Call) -> dict[str, Any]:
    """The arguments of the policy engine: {principal, action, resource, context}, from the grants as they are now."""
    installation = call.resolved.installation
    extension, spec = installation.extension, call.action
    held = _held(workspace=call.workspace.pk, user=call.user.pk, extension=extension.pk)
    return {
        "principal": _principal_of(call, held),
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
            extension=extension.slug,
            kind=call.resolved.manifest.kind,
            installation_id=str(installation.pk),
            version_digest=call.resolved.version.digest,
            level=level_by(extension, held[0][3]) if held else level_of(extension),
            scopes_granted=tuple(installation.scopes),
        ),
        "context": Context(
            # What is partly live is decided as what is live.
            mode=Run.Mode.SIMULATED if call.mode == Run.Mode.SIMULATED else Run.Mode.LIVE,
            simulated=call.mode == Run.Mode.SIMULATED,
            bulk_count=call.bulk_count,
            data_classes=tuple(call.data_classes),
            now=timezone.now(),
            caller=_door(call),
            numbers=numbers_of(call),
            new_destination=is_new_destination(call),
            pack=call.pack,
            trigger=call.trigger.slug if call.trigger else "",
        ),
    }


def _door(call: Call) -> str:
    """Which of them asks at this moment: the pack whose step it is, else who or what started it."""
    return "pack" if call.pack else "trigger" if call.trigger else "agent" if call.agent else "person"


def made_up(call: Call) -> RunError | None:
    """Why a live call that changes something is refused for what it would carry: a value that was born in simulation
    never reaches a live system (ideas, I13). None where nothing of it was."""
    if not call.marks or call.mode != Run.Mode.LIVE or not call.changes_something:
        return None
    fields = sorted({path[0] for path in call.marks if path})
    what = f"The value of {', '.join(fields)}" if fields else "What decides about it"
    return RunError(
        Category.POLICY_BLOCK,
        CODE,
        sentence=f"{what} was made up in simulation, and this call is live, so nothing was written.",
        next_step="Connect what is simulated, or simulate the whole run.",
        field=fields[0] if fields else "",
    )


def is_new_destination(call: Call) -> bool | None:
    """Whether it writes to somewhere that no write of its installation arrived at before; None where nothing says
    where. What reads, is simulated or stays here writes nowhere."""
    if call.mode != Run.Mode.LIVE or not call.changes_something:
        return False
    return destinations.is_new(call.resolved.installation, call.destinations)


def numbers_of(call: Call) -> dict[str, float]:
    """The numbers among the inputs that carry no data class, by dotted path; at most MOST_NUMBERS, in order of names.

    Those of lists have no path of their own. What is left out is unknown to a rule, and so no reason to let it pass.
    """
    found: dict[str, float] = {}
    _collect(call.inputs, (), found, call)
    return found


def _collect(values: dict[str, Any], path: Path, found: dict[str, float], call: Call) -> None:
    for name in sorted(values):
        if len(found) >= MOST_NUMBERS:
            return
        value, place = values[name], (*path, name)
        if isinstance(value, dict) and len(place) < DEEPEST:
            _collect(value, place, found, call)
        elif _is_number(value) and "." not in name and not classes_at(place, call.tagged):
            found[".".join(place)] = value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _principal_of(call: Call, held: list[_Held]) -> Principal:
    """Who asks, with the grants of this moment. An agent holds what both it and its owner hold, and no more; so does a
    trigger, whose scopes bound it. One that takes unsigned events writes nothing, whatever its owner may."""
    roles = tuple(role or str(custom) for role, custom, *_ in held)  # none: they left, whatever grants are left over
    known = known_grants(call.user, call.workspace, held[0][2]) if held and not call.user.is_staff else {}
    with remember_grants(known):
        return _principal(call, roles)


def _principal(call: Call, roles: tuple[str, ...]) -> Principal:
    installation, user = call.resolved.installation, call.user
    read, write = "registry.run_installation", "registry.write_installation"
    if call.trigger is not None:
        # Read anew, as an agent is: a pack may have begun long before its trigger was changed or given to another.
        trigger = Trigger.objects.in_workspace(call.workspace).get(pk=call.trigger.pk)
        is_owner = bool(roles) and trigger.owner_id == user.pk
        return Principal(
            kind="trigger",
            id=str(trigger.pk),
            label=str(trigger),
            roles=roles,
            holds_read=is_owner and can(user, read, installation),
            holds_write=is_owner and trigger.is_signed and can(user, write, installation),
            scopes=tuple(trigger.scopes),
            barred=f"{trigger} was deleted." if trigger.removed_at else "",
        )
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
def _held(workspace: UUID, user: UUID, extension: UUID) -> QuerySet[Membership, _Held]:
    """One of the six, or "" beside the id of a role of the workspace's own; what they hold on the workspace; and the
    level of what they call."""
    rows = Membership.objects.filter(workspace=workspace, user=user)
    holds = held_in(OuterRef("user"), OuterRef("workspace"))
    return rows.values_list("role", "custom_role", holds, listed_level(extension))


def _rehearses(call: Call) -> bool:
    """Whether somebody simulates what they make for their workspace: that changes nothing anywhere."""
    return call.mode == Run.Mode.SIMULATED and may_rehearse(call.user, call.resolved.installation)
