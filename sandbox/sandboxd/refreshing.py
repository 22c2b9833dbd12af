"""One refresh at a time for a connection, whoever needs it, wherever they run, and whatever dies meanwhile.

Whoever needs a new token takes the refresh by writing its name into the connection's row, under a lock that is held
for that one statement. It then asks the provider without any connection to the database, and shows every second that
it lives by moving the end of its lease. The others look at the row until the token has changed. Whoever saves first
wins: what is saved is the token, its generation and the sealed bundle, in one transaction that asks for the generation
it began with, so that a holder which was given up for dead cannot write over its successor. A refresh goes on in a
thread of its own when the run it was begun for has no more time.

A refresh that is cut off after the provider took the refresh token and before we saved what it gave cannot be mended
from here: where refresh tokens rotate, the old one is used up. The successor then tries it, is refused, and the
connection says that it was cut off and has to be reconnected (docs/connections.md). What came is tried to be saved for
a minute, so that a database or a key service that is away for a moment costs no token.
"""

import random
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, NoReturn
from uuid import UUID, uuid4

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, transaction
from django.db.models.functions import Now
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.db.leases import is_over
from galaxy.core.scope import workspace_scope
from galaxy.core.vault.errors import KeyDestroyed, VaultClosed
from registry.manifests import Manifest
from registry.models import Connection
from registry.services.credentials import auth_of, needs_app, store_credential
from sandbox.connections.exhaustion import exhaust, revive
from sandbox.oauth.answers import Tokens
from sandbox.oauth.failures import FAILURES, TokenRefused
from sandbox.sandboxd.bundles import Opened, open_app, open_bundle, seal_bundle
from sandbox.sandboxd.execution import Ways
from sandbox.sandboxd.schedule import LONGEST_COOLDOWN, cooldown, next_refresh
from sandbox.sandboxd.token_endpoint import REQUEST_S, can_renew, renewal_request, tokens_by
from sandbox.sandboxd.under_way import briefly

log = structlog.get_logger(__name__)
AWAY = (DatabaseError, InterfaceError)  # what Django raises for a database that does not do what it is asked
LEASE = timedelta(seconds=6)
BELIEVED = timedelta(minutes=5)  # twice that ahead it was given before the clock was set back, as beat's sweep has it
BEAT_S = 1.0
AGAIN_S = 0.2  # between two tries to save what came: sooner than somebody else takes the refresh
POLL_S = (0.05, 0.4)  # the first wait and the longest
MOST_FAILURES = 8  # in a row; with the cooldowns between them that is most of an hour
SAVING_S = 60.0  # for what came, while nothing can be saved: a database restarts or fails over in less
_CUT_OFF = (
    "A refresh was cut off after it may have reached the provider, and its refresh token is not taken a second time."
)


@dataclass
class Flight:
    """A refresh that this process does, in a thread of its own. ``problem`` is set where it brought no token."""

    done: threading.Event = field(default_factory=threading.Event)
    problem: TokenRefused | None = None


def renew(seen: Opened, manifest: Manifest, *, ways: Ways, seconds: float, force: bool = False) -> Opened:
    """The connection with a newer token than ``seen``: by our refresh, or by whoever does it at this moment.

    ``force`` asks at once, whatever the cooldown says, and of an exhausted connection too: a person wants it.
    Raises TokenRefused; with refresh_slow the refresh goes on, and a later call finds what came of it.
    """
    if not can_renew(manifest, seen.bundle):
        _give_up(seen, TokenRefused("token_expired", "The token is over, and none came with it that could renew it."))
    until = time.monotonic() + seconds
    pause = POLL_S[0]
    while (turn := _take(seen, force=force)) is not _Turn.PAST:
        if isinstance(turn, _Held):
            flight = _begin(seen, manifest, ways, turn)
            if not flight.done.wait(max(0.0, until - time.monotonic())):
                raise _slow()
            if flight.problem:
                raise flight.problem
        elif (left := until - time.monotonic()) > 0:
            time.sleep(min(pause * random.uniform(0.8, 1.2), left))  # noqa: S311  (a wait, not a secret)
            pause = min(pause * 1.5, POLL_S[1])
        else:
            raise _slow()
    return open_bundle(seen.connection.workspace_id, seen.connection.pk, manifest)


class _Turn(Enum):
    """Whose turn it is where it is not ours: somebody refreshes right now, or somebody has."""

    THEIRS = auto()
    PAST = auto()


@dataclass(frozen=True)
class _Held:
    """The refresh is ours to do. ``was_cut_off``: whoever had it before never came back."""

    holder: UUID
    was_cut_off: bool


def _take(seen: Opened, *, force: bool) -> _Held | _Turn:
    """Take the refresh, if it is free. Raises TokenRefused during a cooldown, and for an exhausted connection."""
    with briefly(), transaction.atomic():
        # By the clock of the database: that of another host may be ahead, and a lease then look over that is not.
        rows = Connection.objects.select_for_update().annotate(moment=Now())
        row = rows.get(workspace=seen.connection.workspace_id, pk=seen.connection.pk)
        if row.token_generation != seen.generation:
            return _Turn.PAST
        now = row.moment
        if not is_over(row.refresh_lease_until, now, BELIEVED):
            return _Turn.THEIRS
        if not force:
            refuse_while_down(row, now)
        held = _Held(uuid4(), was_cut_off=row.refresh_holder is not None)
        row.refresh_holder, row.refresh_lease_until = held.holder, now + LEASE
        row.save(update_fields=["refresh_holder", "refresh_lease_until"])
        return held


def _slow() -> TokenRefused:
    return TokenRefused("refresh_slow", "The provider takes its time to give a new token.")


def _give_up(seen: Opened, problem: TokenRefused) -> NoReturn:
    """Nothing can renew it: that is known without asking anybody."""
    with briefly(), transaction.atomic():
        rows = Connection.objects.select_related("workspace", "installation__extension", "owner")
        row = rows.select_for_update(of=("self",)).get(workspace=seen.connection.workspace_id, pk=seen.connection.pk)
        if row.token_generation == seen.generation:
            exhaust(row, problem)
    raise problem


def refuse_while_down(row: Connection, now: datetime) -> None:
    """Raises TokenRefused for an exhausted connection, and during the cooldown after a failure."""
    code = row.last_error_code if row.last_error_code in FAILURES else "token_refused"
    if row.status == Connection.Status.EXHAUSTED:
        raise TokenRefused(code, row.last_error or "It has to be reconnected.", is_stopped=True)
    if row.cooldown_until and not is_over(row.cooldown_until, now, LONGEST_COOLDOWN):
        wait_s = (row.cooldown_until - now).total_seconds()
        raise TokenRefused(code, row.last_error, wait_s=wait_s)


def _begin(seen: Opened, manifest: Manifest, ways: Ways, held: _Held) -> Flight:
    flight = Flight()

    def fly() -> None:
        with workspace_scope([seen.connection.workspace_id]):
            try:
                with _signs_of_life(seen.connection, held.holder):
                    _refresh(seen, manifest, ways, held)
            except TokenRefused as problem:
                flight.problem = problem
            except AWAY as error:
                log.error("refresh broke", connection=str(seen.connection.pk), error=type(error).__name__)
                flight.problem = TokenRefused("token_endpoint_unreachable", "The database went away.")
            except VaultClosed as error:
                flight.problem = TokenRefused("vault_closed", str(error))
            except Exception as error:  # ours, and noted like the provider's, since the next try may break as well
                flight.problem = _broke(seen, held.holder, error)
            finally:
                flight.done.set()

    # No daemon: a sandboxd that goes down waits for what a provider is about to answer.
    threading.Thread(target=fly, name="refresh", daemon=False).start()
    return flight


def _broke(seen: Opened, holder: UUID, error: Exception) -> TokenRefused:
    """The log gets the place and never the message, which may quote a value."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{last.filename}:{last.lineno}"
    log.error("refresh broke", connection=str(seen.connection.pk), error=type(error).__name__, place=place)
    problem = TokenRefused("refresh_broke", "Galaxy broke on this refresh; the log of the sandbox names the place.")
    with suppress(TokenRefused, *AWAY):
        _note_failure(seen, holder, problem)
    return problem


@contextmanager
def _signs_of_life(connection: Connection, holder: UUID) -> Iterator[None]:
    """Move the end of the lease while the block runs, from a thread of its own; in vain once somebody else took it."""
    over = threading.Event()

    def beat() -> None:
        with workspace_scope([connection.workspace_id]):
            while not over.wait(BEAT_S):
                try:
                    with briefly():
                        mine = Connection.objects.filter(
                            workspace=connection.workspace_id, pk=connection.pk, refresh_holder=holder
                        )
                        if not mine.update(refresh_lease_until=Now() + LEASE):
                            return
                except AWAY as error:
                    log.warning("no sign of life", connection=str(connection.pk), error=type(error).__name__)

    thread = threading.Thread(target=beat, name="refresh lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _refresh(seen: Opened, manifest: Manifest, ways: Ways, held: _Held) -> None:
    """Ask the provider and save what came. Raises TokenRefused, after noting it."""
    connection = seen.connection
    begun = timezone.now()
    try:
        app = open_app(connection.installation_id, connection.workspace_id, manifest) if needs_app(manifest) else None
        request = renewal_request(connection, manifest, seen.bundle, app, begun)
        tokens = tokens_by(request, manifest, connection.host, ways, REQUEST_S)
    except TokenRefused as problem:
        _note_failure(seen, held.holder, _explained(problem, manifest, held))
        return
    if not _save_surely(seen, tokens, begun):
        log.warning("another refresh was quicker", connection=str(connection.pk))


def _explained(problem: TokenRefused, manifest: Manifest, held: _Held) -> TokenRefused:
    """A refused grant says too little where we know more."""
    if problem.code != "grant_refused":
        return problem
    if auth_of(manifest)["type"] == "jwt_bearer":  # Google says so of a clock that is minutes off, too
        return TokenRefused("assertion_refused", str(problem))
    return TokenRefused("refresh_cut_off", _CUT_OFF) if held.was_cut_off else problem


def _save_surely(seen: Opened, tokens: Tokens, begun: datetime) -> bool:
    """Save what came, again and again while the database or the keys are away: where refresh tokens rotate, it exists
    nowhere else. A try that was stored although its answer got lost reads as False. Raises as ``_save``."""
    until = time.monotonic() + SAVING_S
    while True:
        try:
            return _save(seen, tokens, begun)
        except (OperationalError, InterfaceError, VaultClosed) as error:
            if time.monotonic() > until:
                raise
            log.warning("token not saved yet", connection=str(seen.connection.pk), error=type(error).__name__)
        time.sleep(AGAIN_S)


def _save(seen: Opened, tokens: Tokens, begun: datetime) -> bool:
    """Store the new token over the one it came from; False where somebody stored another meanwhile.

    Raises VaultClosed, TokenRefused where the keys are destroyed, or what the database raises.
    """
    old = seen.connection
    generation = seen.generation + 1
    bundle = seen.bundle | {
        "access_token": tokens.access,
        "refresh_token": tokens.refresh or seen.bundle.get("refresh_token", ""),
    }
    expires_at = begun + timedelta(seconds=tokens.life_s) if tokens.life_s else None
    changes: dict[str, Any] = {
        "token_generation": generation,
        "expires_at": expires_at,
        "refreshed_at": begun,
        "next_refresh_at": next_refresh(begun, expires_at),
        "refresh_failures": 0,
        "cooldown_until": None,
        "last_error": "",
        "last_error_code": "",
        "refresh_holder": None,
        "refresh_lease_until": None,
    }
    if tokens.scopes:
        changes["scopes_granted"] = tokens.scopes
    for _ in range(3):  # a key may be destroyed between sealing and storing, once in a rotation
        with briefly():
            try:
                # For whom it was given is for whoever connected it to say, and not for the version that renews it.
                place, envelope = seal_bundle(old, bundle, generation=generation, hosts=seen.hosts)
            except KeyDestroyed as error:
                raise TokenRefused("vault_closed", str(error)) from None
            with transaction.atomic():
                current = Connection.objects.filter(workspace=old.workspace_id, pk=old.pk)
                if not current.filter(token_generation=seen.generation).update(**changes):
                    return False
                row = current.select_related("workspace", "installation__extension").get()
                if not store_credential(row, place, envelope):
                    transaction.set_rollback(True)
                    continue
                after = {"token_generation": generation, "expires_at": expires_at}
                audit.record("connection.refreshed", actor=None, target=row, after=after)
                if row.status == Connection.Status.EXHAUSTED:
                    revive(row)
                return True
    raise TokenRefused("vault_closed", "The keys of the workspace are being rotated.")


def _note_failure(seen: Opened, holder: UUID, problem: TokenRefused) -> None:
    """Write down that our refresh failed; not where the token has changed or somebody else has the refresh by now.

    Raises ``problem``, unless there is a newer token to go on with.
    """
    with briefly(), transaction.atomic():
        rows = Connection.objects.select_related("workspace", "installation__extension", "owner")
        row = rows.select_for_update(of=("self",)).get(workspace=seen.connection.workspace_id, pk=seen.connection.pk)
        if row.token_generation != seen.generation or row.refresh_holder != holder:
            return  # the caller looks again: there is a newer token, or somebody else is at it
        row.refresh_failures += 1
        row.last_error, row.last_error_code = str(problem)[:300], problem.code
        row.refresh_holder = row.refresh_lease_until = None
        row.cooldown_until = timezone.now() + cooldown(row.refresh_failures, problem.wait_s)
        row.save(
            update_fields=[
                "refresh_failures",
                "last_error",
                "last_error_code",
                "refresh_holder",
                "refresh_lease_until",
                "cooldown_until",
            ]
        )
        after = {"code": problem.code, "failures": row.refresh_failures, "reason": row.last_error}
        audit.record("connection.refresh_failed", actor=None, target=row, after=after)
        if problem.is_final or row.refresh_failures >= MOST_FAILURES:
            exhaust(row, problem)
    raise problem
