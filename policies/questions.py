"""What the engine is asked: who, what, on what, and under which circumstances. Plain values, stored with the answer."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Principal:
    """Who asks. ``kind`` is person, agent or trigger; ``agent`` names the agent a person acts through, if any.

    ``holds_read`` and ``holds_write``: has the permission to run the extension where it reads, and where it writes,
    by role or by a grant on the installation; an agent has it where its owner has it too. To install, upgrade or widen
    takes ``holds_write``, which then says whether they may. ``roles`` of an agent are those of its owner. ``scopes``
    bounds an agent or a trigger to those scopes (None: no bound). ``barred`` says why a principal may do nothing at all
    now, "" where it may.
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
        """Whether no person asks themselves: a trigger is held to what an agent is held to."""
        return self.kind in ("agent", "trigger") or self.agent is not None


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
    approval tags (registry.manifests); ``audience`` is human, agent or both. For an installation ``target`` is the
    extension, ``scopes`` are those it asks for and ``effect`` is the strongest of their verbs.
    """

    target: str
    effect: str
    scopes: tuple[str, ...] = ()
    destructive: bool = False
    bulk_field: str | None = None
    bulk_over: int | None = None
    required_for: tuple[str, ...] = ()
    audience: str = "both"

    @property
    def deletes(self) -> bool:
        return self.effect == "delete" or self.destructive


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


Question = tuple[Principal, Action, Resource, Context]
