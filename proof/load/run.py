"""A stack, the people in it, trying how much it holds, and the long run at that."""

import asyncio
import contextlib
import gc
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from proof.load import table
from proof.load.traffic import LOOK_EVERY_S, THINK_S, Tally, Traffic
from proof.load.watching import Watch, waiting
from proof.peer import Peer
from proof.stack import Stack

HOST = "api.ledger.example"
AGENTS = 8
SCALES = (1.0, 0.7, 0.5, 0.35, 0.25, 0.15, 0.1, 0.05)
DRAINED_S = 300
ENOUGH_LOOKS = 20  # of all approvers: of fewer, the slowest alone would be the 95th percentile


class _Peopled(Stack):
    """A stack with the shipped catalogue and the people of ``wanted``, which a template keeps as well."""

    def __init__(self, folder: Path, wanted: dict[str, Any], **options: Any):
        super().__init__(folder, **options)
        self._wanted = wanted

    @property
    def setting(self) -> Path:
        return self.folder / "data" / "prepare" / "load.json"

    def fill(self) -> None:
        self.manage("load_catalog")
        self.setting.write_text(json.dumps(self._wanted), encoding="utf-8")
        self.program("-m", "proof.load.setting", str(self.setting))


class Load:
    """``people``, ``approvers`` and ``calls_per_s`` are what is asked for; ``options`` are the stack's."""

    def __init__(self, folder: Path, *, people: int, approvers: int, calls_per_s: float, **options: Any):
        self.folder, self.calls_per_s = folder, calls_per_s
        self.drained_s: float | None = 0.0
        self.asked = {
            "people": people, "approvers": approvers, "calls_per_s": calls_per_s, "pages_per_s": people / THINK_S,
        }  # fmt: skip
        self.peer = Peer(folder / "peer", HOST)
        peers = {HOST: self.peer.port}
        wanted = {"people": people, "approvers": approvers, "agents": AGENTS, "host": HOST}
        self.stack = _Peopled(folder / "stack", wanted, peers=peers, authority=self.peer.authority, **options)

    def __enter__(self) -> "Load":
        with contextlib.ExitStack() as opened:
            opened.callback(self.peer.close)
            opened.enter_context(self.stack)
            self.setting = json.loads(self.stack.setting.read_text(encoding="utf-8"))
            self._opened = opened.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._opened.close()

    # --- the run -----------------------------------------------------------------------------------------------

    def run(
        self,
        seconds: float,
        *,
        try_s: float = 30,
        every_s: float = 5,
        scales: tuple = SCALES,
        say: Callable[[str], object] = str,
    ) -> dict[str, Any]:
        """Everything that ``table.lines`` tells. ``try_s`` is how long each scale is tried at least; one scale alone is
        not. ``say`` hears how far it is."""
        self.drive(scales[-1], min(try_s, 5))  # warms up what starts lazily
        before = self._statements()
        tried = []
        scale = scales[0]
        for scale in scales if len(scales) > 1 else ():
            length = max(try_s, ENOUGH_LOOKS * LOOK_EVERY_S / max(1, round(self.asked["approvers"] * scale)))
            say(f"trying {scale:.0%} of what was asked for, {length:.0f} s")
            tally = self.drive(scale, length).tally
            tried.append({"scale": scale, "seconds": length, "holds": table.holds(tally), "why": _why(tally)})
            say("it holds" if tried[-1]["holds"] else f"it does not hold: {tried[-1]['why']}")
            self._drain()
            say(f"what waited was done after {self._waited}")
            if tried[-1]["holds"]:
                break
        say(f"the long run, {seconds / 60:g} min at {scale:.0%}")
        with Watch(self.stack, every_s) as watch:
            traffic = self.drive(scale, seconds)
        left = watch.rows[-1]["waiting"]
        self._drain()
        effects = self.peer.effects()
        return {
            "asked": self.asked,
            "tried": tried,
            "ran": {
                "people": len(traffic.people),
                "approvers": len(traffic.approvers),
                "calls_per_s": traffic.calls_per_s,
                "pages_per_s": traffic.pages_per_s,
                "scale": scale,
                "seconds": seconds,
                "holds": table.holds(traffic.tally),
            },
            "doors": table.doors(traffic.tally),
            "processes": table.processes(watch.rows),
            "driver_cores": table.driver(watch.rows),
            "driver_late_ms": table.quantile(traffic.tally.late_s, 0.95) * 1000,
            "statements": {"before": before, "after": self._statements()},
            "connections": max(row["connections"] for row in watch.rows),
            "waiting": {
                "most": max(row["waiting"] for row in watch.rows),
                "end": left,
                "drained_s": self.drained_s,
            },
            "accepted": traffic.accepted,
            "effects": len(effects),
            "twice": sum(1 for count in effects.values() if count > 1),
            "decided": dict(traffic.decided),
            "errors": {f"{door}: {kind}": count for (door, kind), count in traffic.tally.errors.items()},
            "over_time": watch.rows,
        }

    def drive(self, scale: float, seconds: float) -> Traffic:
        traffic = Traffic(
            self.stack.urls,
            self.stack.headers,
            self.setting,
            calls_per_s=self.calls_per_s,
            scale=scale,
            seed=time.time_ns() % 1_000_000,
        )
        gc.collect()
        gc.freeze()
        asyncio.run(traffic.go(seconds))
        return traffic

    def _drain(self) -> None:
        """Wait until no task is left in the queue, and keep how long that took; None where it took too long."""
        began = time.monotonic()
        while waiting(self.stack):
            if time.monotonic() - began > DRAINED_S:
                self.drained_s = None
                return
            time.sleep(0.5)
        time.sleep(1)  # what was taken last
        self.drained_s = time.monotonic() - began

    @property
    def _waited(self) -> str:
        return f"more than {DRAINED_S} s" if self.drained_s is None else f"{self.drained_s:.0f} s"

    def _statements(self) -> dict[str, int]:
        return json.loads(
            self.stack.program("-m", "proof.load.counting", str(self.stack.setting)).strip().splitlines()[-1]
        )


def _why(tally: Tally) -> str:
    if tally.errors:
        return ", ".join(f"{door}: {kind} ({count})" for (door, kind), count in tally.errors.most_common(3))
    slowest = max(table.doors(tally), key=lambda row: row["p95"])
    return f"{slowest['door']} has p95 {slowest['p95']:.0f} ms"
