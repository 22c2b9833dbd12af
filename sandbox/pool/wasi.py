"""The world as a guest sees it: no files, no network, no terminal, and a clock and dice that the run's seed decides.

Nothing of wasmtime's own WASI is linked, so whatever is not defined here ends the run that calls it. No exception but
WasmtimeError may leave these functions (see engine.forget_last_exception).
"""

import hashlib
from collections.abc import Callable
from typing import Any

from wasmtime import WasmtimeError
from wasmtime.component import Record, ResourceHost, Variant

TICK_NS = 1_000  # each look at the clock takes a microsecond, so that a loop that waits for it ends
MAX_RANDOM_BYTES = 64 * 1024
SINK_BYTES = 4 * 1024  # what a stream that leads nowhere takes at a time
SECOND_NS = 10**9
LAST_NS = 2**63 - 1  # where the clocks stop, in the year 2262: however long a run says it sleeps


class Dice:
    """Random bytes that follow from a seed: SHAKE-256 of the seed and a counter."""

    def __init__(self, seed: str):
        self._seed, self._count = seed.encode("utf-8", "replace"), 0

    def bytes(self, count: int) -> bytes:
        self._count += 1
        return hashlib.shake_256(b"%d:%b" % (self._count, self._seed)).digest(count)


class World:
    """One run's world. ``now_ns`` is nanoseconds since 1970 UTC."""

    def __init__(self, seed: str, now_ns: int):
        self.dice = Dice(seed)
        self.wall_ns, self.monotonic_ns = now_ns, 0
        self.resources = 0

    def advance(self, nanoseconds: int) -> None:
        self.wall_ns = min(self.wall_ns + nanoseconds, LAST_NS)
        self.monotonic_ns = min(self.monotonic_ns + nanoseconds, LAST_NS)


class Wasi:
    """The functions, for whichever world ``self.world`` is at the time; ``resource_types`` is filled by the linker."""

    def __init__(self) -> None:
        self.world = World("", 0)
        self.resource_types: dict[str, int] = {}

    def functions(self) -> dict[str, Callable]:
        """{interface#function: what answers it}."""
        return {
            "wasi:random/random#get-random-bytes": self._random_bytes,
            "wasi:clocks/wall-clock#now": self._wall_clock,
            "wasi:clocks/wall-clock#resolution": lambda store: _instant(TICK_NS),
            "wasi:clocks/monotonic-clock#now": self._monotonic_clock,
            "wasi:clocks/monotonic-clock#resolution": lambda store: TICK_NS,
            "wasi:clocks/monotonic-clock#subscribe-duration": self._sleep_for,
            "wasi:clocks/monotonic-clock#subscribe-instant": self._sleep_until,
            "wasi:io/poll#[method]pollable.block": lambda store, pollable: pollable.drop(store),
            "wasi:io/poll#poll": self._poll,
            "wasi:cli/environment#get-environment": lambda store: [],
            "wasi:cli/environment#get-arguments": lambda store: [],
            "wasi:cli/exit#exit": self._exit,
            "wasi:cli/stdin#get-stdin": lambda store: self._new("input-stream"),
            "wasi:cli/stdout#get-stdout": lambda store: self._new("output-stream"),
            "wasi:cli/stderr#get-stderr": lambda store: self._new("output-stream"),
            "wasi:cli/terminal-stdin#get-terminal-stdin": lambda store: None,
            "wasi:cli/terminal-stdout#get-terminal-stdout": lambda store: None,
            "wasi:cli/terminal-stderr#get-terminal-stderr": lambda store: None,
            "wasi:io/streams#[method]input-stream.read": self._end_of_file,
            "wasi:io/streams#[method]input-stream.subscribe": self._ready,
            "wasi:io/streams#[method]output-stream.check-write": self._room,
            "wasi:io/streams#[method]output-stream.write": self._swallow,
            "wasi:io/streams#[method]output-stream.blocking-write-and-flush": self._swallow,
            "wasi:io/streams#[method]output-stream.blocking-flush": self._swallow,
            "wasi:io/streams#[method]output-stream.subscribe": self._ready,
            "wasi:filesystem/preopens#get-directories": lambda store: [],
            "wasi:sockets/instance-network#instance-network": lambda store: self._new("network"),
            "wasi:sockets/tcp-create-socket#create-tcp-socket": self._no_network,
            "wasi:sockets/udp-create-socket#create-udp-socket": self._no_network,
            "wasi:sockets/ip-name-lookup#resolve-addresses": self._no_network,
        }

    def _new(self, kind: str) -> ResourceHost:
        self.world.resources += 1
        return ResourceHost.own(self.world.resources, self.resource_types[kind])

    def _random_bytes(self, store, count):
        if count > MAX_RANDOM_BYTES:
            raise WasmtimeError("guest value over the limit")
        return self.world.dice.bytes(count)

    def _wall_clock(self, store):
        self.world.advance(TICK_NS)
        return _instant(self.world.wall_ns)

    def _monotonic_clock(self, store):
        self.world.advance(TICK_NS)
        return self.world.monotonic_ns

    def _sleep_for(self, store, duration):
        self.world.advance(duration)  # the clock jumps, and nobody waits
        return self._new("pollable")

    def _sleep_until(self, store, instant):
        self.world.advance(max(0, instant - self.world.monotonic_ns))
        return self._new("pollable")

    def _poll(self, store, pollables):
        for pollable in pollables:
            pollable.drop(store)  # a borrowed resource that is kept ends the run
        return list(range(len(pollables)))

    def _exit(self, store, status):
        raise WasmtimeError("guest called exit")

    def _ready(self, store, stream):
        stream.drop(store)
        return self._new("pollable")

    def _end_of_file(self, store, stream, count):
        stream.drop(store)  # None answers "closed"

    def _room(self, store, stream):
        stream.drop(store)
        return SINK_BYTES

    def _swallow(self, store, stream, data=b""):
        stream.drop(store)
        return Variant("ok")

    def _no_network(self, store, *arguments):
        for argument in arguments:
            if hasattr(argument, "drop"):
                argument.drop(store)
        return "not-supported"


def _instant(nanoseconds: int) -> Record:
    instant: Any = Record()
    instant.seconds, instant.nanoseconds = divmod(nanoseconds, SECOND_NS)
    return instant
