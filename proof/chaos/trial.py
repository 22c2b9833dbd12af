"""One trial: kills under traffic, then the special cases, then the judgement."""

import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from proof.chaos.killing import Killer
from proof.chaos.recovery import percentile, recoveries
from proof.chaos.special import clock, disk, flush
from proof.chaos.town import Town
from proof.clocks import clock_in

CASES: dict[str, Callable[[Town, Callable[[str], None]], list[dict[str, Any]]]] = {
    "flush": flush,
    "disk": disk,
    "clock": clock,
}
GOAL_S = 15.0
WARM_UP_S = 3.0


def run_trial(
    folder: Path,
    *,
    seed: int,
    kills: int,
    rate: float,
    cases: Collection[str],
    say: Callable[[str], None] = lambda text: None,
    **options: Any,
) -> list[dict[str, Any]]:
    """Rows {what, count, bad, some}. ``options`` are the stack's."""
    folder.mkdir(parents=True, exist_ok=True)
    moved = clock_in(folder) if "clock" in cases else None
    with Town(folder, seed=seed, rate=rate, moved=moved, **options) as town:
        say("everything is up")
        rows = _kills(town, seed, kills, say) if kills else []
        for name in cases:
            say(f"special case: {name}")
            rows += CASES[name](town, say)
        say("judging")
        return rows + town.judge()


def _kills(town: Town, seed: int, kills: int, say: Callable[[str], None]) -> list[dict[str, Any]]:
    began = time.monotonic()
    town.begin()
    time.sleep(WARM_UP_S)
    killer = Killer(town.stack, seed, kills, told=town.is_back)
    killer.work(say)
    killer.wait()
    say(f"all {kills} kills are made")
    town.end()
    took_s = time.monotonic() - began
    settled_s = town.settle()
    say(f"settled {settled_s:.0f} s after the last call")
    accepted = [call for call in town.calls if call.run]
    by_part: dict[str, int] = {}
    for kill in killer.kills:
        by_part[kill.part] = by_part.get(kill.part, 0) + 1
    found = recoveries(killer.kills, town.calls, town.peer.heard())
    every = [one for some in found.values() for one in some]
    late = sum(one > GOAL_S for one in every)
    rows = [
        _told("kills (SIGKILL), by part", by_part),
        _told("kills that found nobody, since it was being started", killer.missed),
        _told("calls made a second, and held back for", f"{len(town.calls) / took_s:.1f}, {town.held_back_s:.0f} s"),
        _told("calls accepted only at a later try", sum(call.tries > 1 for call in accepted)),
        _told("decisions by people, by answer", dict(town.deciding.answers) if town.deciding else {}),
        _told("seconds from the last call until nothing was under way", round(settled_s, 1)),
        _told("recovery p50 / p99 / worst, s (goal: p99 <= 15)", _three(every)),
        _told("recoveries over 15 s", f"{late} of {len(every)}"),
    ]
    return rows + [_told(f"  of {name}: p50 / p99 / worst, s", _three(some)) for name, some in sorted(found.items())]


def _three(values: list[float]) -> str:
    return " / ".join(
        f"{one:.1f}" for one in (percentile(values, 0.5), percentile(values, 0.99), max(values, default=0))
    )


def _told(what: str, count: object) -> dict[str, Any]:
    return {"what": what, "count": count, "bad": None, "some": []}
