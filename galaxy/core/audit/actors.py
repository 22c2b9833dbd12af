"""Who acts, through whom: person -> agent -> token -> extension version -> call.

The token is in force for one request of the API, so that no act of such a request can forget to name it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from galaxy.core.models import Agent, Token, User

_token: ContextVar[Token | None] = ContextVar("galaxy_acting_token", default=None)


@dataclass(frozen=True)
class Link:
    """One member of a chain: kind (person, agent, trigger, token, version, call, system), id, a label for people."""

    kind: str
    id: str
    label: str


@dataclass(frozen=True)
class Actor:
    """A chain of who acted for whom; the first link is the one who answers for it."""

    chain: tuple[Link, ...]

    @classmethod
    def of(cls, user: User | None) -> "Actor":
        """A person; None stands for Galaxy itself (schedules, expiry, reconciling).

        Who asked by a token acts through it, and the owner of an agent that asked by its token through that agent.
        """
        if user is None:
            return cls((Link("system", "galaxy", "Galaxy"),))
        token = _token.get()
        if token and token.agent and token.agent.owner_id == user.pk:
            return cls.of_agent(token.agent)
        return cls((_person(user),))._by_token(token if token and token.user_id == user.pk else None)

    @classmethod
    def of_agent(cls, agent: Agent) -> "Actor":
        """An agent, acting for its owner."""
        token = _token.get()
        its_own = token if token and token.agent_id == agent.pk else None
        return cls((_person(agent.owner), Link("agent", str(agent.pk), str(agent))))._by_token(its_own)

    @classmethod
    def from_list(cls, links: list[dict]) -> "Actor":
        """What ``as_list`` gave. Raises TypeError for whatever it could not have given."""
        return cls(tuple(Link(**link) for link in links))

    def through(self, kind: str, id: str, label: str) -> "Actor":
        """The same actor, acting through one more link."""
        return Actor((*self.chain, Link(kind, id, label)))

    def as_list(self) -> list[dict]:
        return [{"kind": link.kind, "id": link.id, "label": link.label} for link in self.chain]

    @property
    def acting(self) -> Link:
        """Whom the trail names as the actor: the agent where one acts, else the first link."""
        return next((link for link in self.chain if link.kind == "agent"), self.chain[0])

    @property
    def kind(self) -> str:
        return self.acting.kind

    @property
    def id(self) -> str:
        return self.acting.id

    @property
    def label(self) -> str:
        """For people: of a trigger also for whom it acts, since the trail names its owner as the actor."""
        trigger = next((link for link in self.chain[1:] if link.kind == "trigger"), None)
        if trigger is None or self.acting.kind != "person":
            return self.acting.label
        return f"{trigger.label}, for {self.acting.label}"

    def _by_token(self, token: Token | None) -> "Actor":
        return self.through("token", str(token.pk), f"token “{token.name}”") if token else self


@contextmanager
def own_token() -> Iterator[None]:
    """What ``act_by`` says within the block ends with it: one request, never longer."""
    before = _token.set(None)
    try:
        yield
    finally:
        _token.reset(before)


def act_by(token: Token | None) -> None:
    """Name ``token`` in the chain of whatever its person or agent does from here on."""
    _token.set(token)


def _person(user: User) -> Link:
    return Link("person", str(user.pk), str(user))
