"""The policy engine: may this principal do this, here, now? Pure, without I/O: same input, same answer.

Walls, defaults and a workspace's rules are all the same thing: functions that look at a request and answer with a
``Verdict`` or with None. Whatever they answer is combined by effect alone (deny over approval over allow), so their
order can never matter. Nothing said at all is deny, and so is any error on the way.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from policies.models import Effect
from policies.rules.asks import Ask, Escalation, Stage

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

_STRENGTH = (Effect.DENY, Effect.REQUIRE_APPROVAL, Effect.ALLOW)  # the first one present wins
ADMIN = "An owner or admin of the workspace"


@dataclass(frozen=True)
class Principal:
    """Who asks. ``kind`` is person or agent; ``agent`` names the agent a person acts through, if any.

    ``holds_read`` and ``holds_write``: has the permission to run the extension where it reads, and where it writes,
    by role or by a grant on the installation; an agent has it where its owner has it too. ``scopes`` bounds an agent
    to those scopes (None: no bound). ``barred`` says why a principal may do nothing at all now, "" where it may.
    """

    kind: str
    id: str
    label: str
    roles: tuple[str, ...] = ()
    holds_read: bool = False
    holds_write: bool = False
    agent: str | None = None
    scopes: tuple[str, ...] | None = None
    barred: str = ""

    @property
    def is_agent(self) -> bool:
        return self.kind == "agent" or self.agent is not None


@dataclass(frozen=True)
class Resource:
    """What is called: an installed extension at one version, and the canonical scopes the workspace agreed to."""

    extension: str
    kind: str
    installation_id: str
    version_digest: str
    level: str = "community"
    scopes_granted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Action:
    """The act itself, as its manifest declares it. ``effect`` is read, write or delete.

    ``bulk_over`` is the number above which ``bulk_field`` makes a call bulk; ``required_for`` holds the manifest's
    approval tags (registry.manifests); ``audience`` is human, agent or both.
    """

    target: str
    effect: str
    scopes: tuple[str, ...] = ()
    destructive: bool = False
    bulk_field: str | None = None
    bulk_over: int | None = None
    required_for: tuple[str, ...] = ()
    audience: str = "both"


@dataclass(frozen=True)
class Context:
    """The circumstances. ``bulk_count`` is the length of the bulk field; ``caller`` says which door the call used.

    ``act`` is call, install, upgrade or widen. ``numbers`` maps dotted paths of the inputs to plain numbers that carry
    no data class. ``new_destination``: whether it goes where this workspace never sent anything; None: not known.
    ``pack`` and ``trigger`` are the slugs of what called, "" where nothing did.
    """

    mode: str
    simulated: bool = False
    bulk_count: int | None = None
    data_classes: tuple[str, ...] = ()
    now: datetime | None = None
    caller: str = ""
    act: str = "call"
    numbers: dict[str, float] = field(default_factory=dict)
    new_destination: bool | None = None
    pack: str = ""
    trigger: str = ""


@dataclass(frozen=True, order=True)
class Reason:
    """Why, for a person: what was found, what would have to be otherwise (``passes_if``), and who can see to it.

    ``rule`` is the number of the rule that speaks, 0 for a default.
    """

    code: str
    text: str
    passes_if: str = ""
    who: str = ""
    rule: int = 0


@dataclass(frozen=True)
class Verdict:
    """What one rule says about one request. ``obligations`` maps a duty to the words it holds for."""

    effect: Effect
    reason: Reason
    obligations: dict[str, frozenset[str]] = field(default_factory=dict)


Rule = Callable[[Principal, Action, Resource, Context], Verdict | None]


@dataclass(frozen=True)
class Snapshot:
    """A workspace's rules, immutable and named by one number. Version 0 has none: the defaults alone answer."""

    version: int = 0
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """The answer: an effect, the reasons that led to it (sorted), duties, and whom to ask where a person has to."""

    effect: Effect
    reasons: tuple[Reason, ...]
    obligations: dict[str, Any] = field(default_factory=dict)
    ask: Ask | None = None


def evaluate(
    snapshot: Snapshot, principal: Principal, action: Action, resource: Resource, context: Context
) -> Evaluation:
    """Answer one request. Never raises: whatever goes wrong inside is a deny with the code ``evaluation_error``."""
    try:
        answers = (rule(principal, action, resource, context) for rule in (*DEFAULTS, *snapshot.rules))
        return combine(verdict for verdict in answers if verdict is not None)
    except Exception as error:  # a gate that breaks must stay shut, whatever broke
        reason = Reason(
            "evaluation_error",
            f"The policy could not be evaluated ({type(error).__name__}), so the answer is no.",
            "The error is repaired",
            ADMIN,
        )
        return Evaluation(Effect.DENY, (reason,))


def combine(verdicts: Iterable[Verdict]) -> Evaluation:
    """One answer from many verdicts: the strongest effect present, with the reasons that speak for it.

    Obligations of every verdict add up, since each was asked for; a denied call has none, as nothing happens.
    """
    verdicts = list(verdicts)
    said = {Effect(verdict.effect) for verdict in verdicts}
    effect = next((one for one in _STRENGTH if one in said), Effect.DENY)
    reasons = {verdict.reason for verdict in verdicts if verdict.effect == effect} or {
        Reason("nothing_allows", "Nothing allows this.", "A rule or a grant allows it", ADMIN)
    }
    duties: dict[str, set[str]] = {}
    if effect != Effect.DENY:
        for verdict in verdicts:
            for name, words in verdict.obligations.items():
                duties.setdefault(name, set()).update(words)
    return Evaluation(effect, tuple(sorted(reasons)), {name: sorted(duties[name]) for name in sorted(duties)})


# --- Defaults: what holds where no rule says more ---------------------------------------------------------------


def _standing(principal: Principal, action: Action, resource: Resource, context: Context) -> Verdict | None:
    """Whoever is suspended, has ended or lost its owner does nothing."""
    if not principal.barred:
        return None
    return _deny("agent_barred", principal.barred, "It is allowed to go on, on the agent's page")


def _agent_scopes(principal: Principal, action: Action, resource: Resource, context: Context) -> Verdict | None:
    """An agent uses the scopes it was given, whatever the workspace agreed to."""
    missing = sorted(set(action.scopes) - set(principal.scopes)) if principal.scopes is not None else []
    if not missing:
        return None
    return _deny(
        "agent_scope_missing",
        f"{principal.label} was not given {', '.join(missing)}.",
        "The scope is added on the agent's page",
    )


def _consent(principal: Principal, action: Action, resource: Resource, context: Context) -> Verdict | None:
    """Only what the workspace agreed to at installation can be used."""
    missing = sorted(set(action.scopes) - set(resource.scopes_granted))
    if not missing:
        return None
    return _deny(
        "scope_not_consented",
        f"{resource.extension} was installed without {', '.join(missing)}.",
        "The workspace agrees to it on the installation's page",
    )


def _audience(principal: Principal, action: Action, resource: Resource, context: Context) -> Verdict | None:
    """Some actions are for people only, some for agents only."""
    if action.audience == "human" and principal.is_agent:
        return _deny("audience", f"{action.target} is for people, and an agent asks.", "A person calls it", "A member")
    if action.audience == "agent" and not principal.is_agent:
        return _deny("audience", f"{action.target} is for agents, and a person asks.", "An agent calls it", "An agent")
    return None


def _read(principal: Principal, action: Action, resource: Resource, context: Context) -> Verdict | None:
    """Running anything at all takes the permission to run; a read needs no more."""
    if not principal.holds_read:
        return _deny(
            "run_permission_missing",
            f"{principal.label} may not run {resource.extension}.",
            "They are given “Run extensions that read”",
        )
    if action.effect == "read":
        return _allow("read_allowed", f"{principal.label} may run {resource.extension} where it reads.", context)
    return None


def _write(principal: Principal, action: Action, resource: Resource, context: Context) -> Verdict | None:
    """Whatever changes something needs the grant to write."""
    if action.effect == "read" and not action.destructive:
        return None
    if not principal.holds_write:
        return _deny(
            "write_grant_missing",
            f"{action.target} changes something; {principal.label} may not run {resource.extension} where it writes.",
            "They are given “Run extensions that write”",
        )
    return _allow("write_granted", f"{principal.label} may run {resource.extension} where it writes.", context)


def _delete(principal: Principal, action: Action, resource: Resource, context: Context) -> Verdict | None:
    if action.effect != "delete" and not action.destructive:
        return None
    return _ask("delete", f"{action.target} deletes, and a delete needs a second person.")


def _bulk(principal: Principal, action: Action, resource: Resource, context: Context) -> Verdict | None:
    """A change to many at once. A bulk rule whose field was not counted asks too: unknown is not few."""
    if action.effect == "read" or action.bulk_over is None:
        return None
    field = action.bulk_field or "entries"
    if context.bulk_count is None:
        return _ask("bulk_uncounted", f"How many {field} this call names is not known.")
    if context.bulk_count > action.bulk_over:
        return _ask(
            "bulk",
            f"The call names {context.bulk_count} {field}; more than {action.bulk_over} need a second person.",
            f"It names {action.bulk_over} or fewer",
        )
    return None


def _declared(principal: Principal, action: Action, resource: Resource, context: Context) -> Verdict | None:
    """Approval tags of the manifest that no other default speaks for. One that is not known here asks, to be safe."""
    tags = sorted(tag for tag in action.required_for if _asks_by_itself(tag, action))
    if not tags:
        return None
    return _ask("declared", f"The publisher of {action.target} asks for a second person ({', '.join(tags)}).")


def _asks_by_itself(tag: str, action: Action) -> bool:
    if tag == "delete":
        return False
    if tag.startswith("bulk_"):
        return action.effect != "read" and action.bulk_over is None
    return tag != "write" or action.effect != "read"


DEFAULTS: tuple[Rule, ...] = (_standing, _agent_scopes, _consent, _audience, _read, _write, _delete, _bulk, _declared)


def _deny(code: str, text: str, passes_if: str, who: str = ADMIN) -> Verdict:
    return Verdict(Effect.DENY, Reason(code, text, passes_if, who))


def _ask(code: str, text: str, passes_if: str = "Somebody else approves it") -> Verdict:
    return Verdict(Effect.REQUIRE_APPROVAL, Reason(code, text, passes_if, "An approver other than whoever asks"))


def _allow(code: str, text: str, context: Context) -> Verdict:
    """What is stored of an allowed call is redacted for the data classes it carries."""
    duties: dict[str, Any] = {"redact": frozenset(context.data_classes)} if context.data_classes else {}
    return Verdict(Effect.ALLOW, Reason(code, text), duties)
