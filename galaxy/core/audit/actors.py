"""Who acts, through whom: person -> agent -> extension version -> call."""

from dataclasses import dataclass

from galaxy.core.models import Agent, User


@dataclass(frozen=True)
class Link:
    """One member of a chain: kind (person, agent, version, call, system), id, and a label for people."""

    kind: str
    id: str
    label: str


@dataclass(frozen=True)
class Actor:
    """A chain of who acted for whom; the first link is the one who answers for it."""

    chain: tuple[Link, ...]

    @classmethod
    def of(cls, user: User | None) -> "Actor":
        """A person acting directly; None stands for Galaxy itself (schedules, expiry, reconciling)."""
        if user is None:
            return cls((Link("system", "galaxy", "Galaxy"),))
        return cls((Link("person", str(user.pk), str(user)),))

    @classmethod
    def of_agent(cls, agent: Agent) -> "Actor":
        """An agent, acting for its owner."""
        return cls.of(agent.owner).through("agent", str(agent.pk), str(agent))

    @classmethod
    def from_list(cls, links: list[dict]) -> "Actor":
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
        return self.acting.label
