"""What the rules are told: small frozen values, read beforehand (marketplace.assistant.reading). No text of anybody.

A name is there to be shown. Reasons, summaries, change notes, descriptions, inputs and outputs are not, so that no rule
can be talked into anything.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID


@dataclass(frozen=True)
class Named:
    """A row with the name that it is shown by."""

    id: UUID
    name: str


@dataclass(frozen=True)
class Target:
    """A version to move to, by its number and digest. ``widens``: it asks for more than was agreed to."""

    number: str
    digest: str
    widens: bool = False


@dataclass(frozen=True)
class Report:
    """What a replay of recorded calls on the version said (sandbox.upgrades); None of it: none was made."""

    id: UUID
    calls: int
    same: int
    fails: int
    asks: int
    is_way_back: bool


@dataclass(frozen=True)
class Update:
    """A newer release. ``bump`` is patch, minor or major; ``comes_by_itself``: an update policy takes it."""

    installation: Named
    number: str
    to: Target
    bump: str
    published_at: datetime
    closes_hole: bool = False
    comes_by_itself: bool = False
    is_held: bool = False
    is_hindered: bool = False
    report: Report | None = None


@dataclass(frozen=True)
class Ending:
    """A deprecated version in use. ``to`` is where to go, None where nothing may be installed."""

    installation: Named
    number: str
    ends_on: date
    to: Target | None = None
    is_paused: bool = False
    packs: int = 0


@dataclass(frozen=True)
class Withdrawn:
    """A version in use that was yanked, or that is in quarantine: ``how`` is yanked, flagged or stopped."""

    installation: Named
    number: str
    how: str
    to: Target | None = None
    is_back: bool = False


@dataclass(frozen=True)
class Refused:
    """Calls that policy denied for want of ``scopes``: ``code`` is the reason's. ``agent`` is who was not given them.

    ``is_declared``: the pinned version asks for them, so that the workspace can agree.
    """

    code: str
    installation: Named
    scopes: tuple[str, ...]
    calls: int
    last_at: datetime
    decision: UUID
    agent: Named | None = None
    is_declared: bool = True


@dataclass(frozen=True)
class Figures:
    """Live calls of an action within the window that count. ``last_bad``: the newest of them failed."""

    good: int
    bad: int
    last_bad: bool = False

    @property
    def calls(self) -> int:
        return self.good + self.bad


@dataclass(frozen=True)
class Called:
    """An action of an installation as it fared: ``scopes`` and ``effect`` as its manifest declares them."""

    installation: Named
    slug: str
    target: str
    kind: str
    effect: str
    scopes: tuple[str, ...]
    figures: Figures
    p95_ms: int | None = None
    category: str = ""
    run: UUID | None = None
    issue: UUID | None = None


@dataclass(frozen=True)
class Offered:
    """An action of a listed extension. ``level`` is of VerificationLevel; ``runs`` and ``good`` are of its listing."""

    slug: str
    name: str
    target: str
    kind: str
    effect: str
    scopes: tuple[str, ...]
    level: str
    runs: int
    good: int
    is_installed: bool = False


@dataclass(frozen=True)
class Answered:
    """Requests of one action that one person answered, all by hand, within 30 days. ``from_packs`` came from packs."""

    installation: Named
    target: str
    scope: str
    person: Named
    yes: int
    no: int
    from_packs: int
    waited: timedelta
    deletes: bool = False
    bulk: int = 0


@dataclass(frozen=True)
class Idle:
    """Scopes that were agreed to and that no call used for ``days``, of an installation that was called ``calls``
    times meanwhile."""

    installation: Named
    slug: str
    scopes: tuple[str, ...]
    held: int
    calls: int
    days: int
    is_denied: bool = False


@dataclass(frozen=True)
class Account:
    """A connection that ends. ``renews``: by itself. ``waiting`` is how many runs it holds up."""

    connection: Named
    installation: Named
    status: str
    expires_at: datetime | None
    renews: bool
    is_shared: bool
    waiting: int = 0


@dataclass(frozen=True)
class Waiting:
    """The queue: how many requests wait, since when the oldest does, and how many of them hold up a pack."""

    workspace: UUID
    count: int
    oldest_at: datetime
    packs: int
    expiring: int
    expired: int


@dataclass(frozen=True)
class Worse:
    """A pinned version that fails more than the one before it: figures of all workspaces together, or of this one."""

    installation: Named
    number: str
    back: Target
    figures: Figures
    before: Figures
    is_own: bool


@dataclass(frozen=True)
class Lacking:
    """Something that an installed pack requires: not there, or at ``number``, which lies outside ``wanted``."""

    pack: Named
    slug: str
    wanted: str
    number: str = ""
    is_listed: bool = False
    installation: Named | None = None


@dataclass(frozen=True)
class Rehearsed:
    """A pack that ran simulated alone. ``unconnected`` of the connectors that it calls have no account yet."""

    pack: Named
    slug: str
    good: int
    bad: int
    live: int
    connectors: int
    unconnected: int


@dataclass(frozen=True)
class Started:
    """A trigger that starts nothing although it should: ``how`` is paused (by Galaxy, after ``failures`` in a
    row) or silent (nothing came in, with ``since``)."""

    trigger: Named
    installation: Named
    how: str
    failures: int = 0
    since: datetime | None = None


@dataclass(frozen=True)
class Facts:
    """Everything that the rules look at, of one workspace at one moment."""

    now: datetime
    updates: tuple[Update, ...] = ()
    endings: tuple[Ending, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()
    refused: tuple[Refused, ...] = ()
    called: tuple[Called, ...] = ()
    offered: tuple[Offered, ...] = ()
    answered: tuple[Answered, ...] = ()
    idle: tuple[Idle, ...] = ()
    accounts: tuple[Account, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    worse: tuple[Worse, ...] = ()
    lacking: tuple[Lacking, ...] = ()
    rehearsed: tuple[Rehearsed, ...] = ()
    started: tuple[Started, ...] = ()
