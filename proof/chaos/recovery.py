"""How long it took from each kill until the same door or queue did its work again."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from proof.chaos.killing import Kill
from proof.chaos.traffic import Call

BEHIND = frozenset({"postgres", "valkey", "sandboxd", "worker"})  # what every call to the other side goes through


def recoveries(kills: Iterable[Kill], calls: Sequence[Call], heard: Iterable[dict[str, Any]]) -> dict[str, list[float]]:
    """{kind of part: seconds for each kill}. The part says itself that it is ready; and after that,

    - of a web process: it has accepted a call;
    - of a worker, PostgreSQL, Valkey and sandboxd: a call has arrived at the other side, which takes all four.

    A kill after the last such call counts by the first alone, as do those of beat and of the sequencer.
    """
    arrived = sorted(one["at"] for one in heard)
    accepted: dict[int, list[float]] = defaultdict(list)
    for call in calls:
        accepted[call.door].append(call.accepted_at)
    found: dict[str, list[float]] = defaultdict(list)
    for kill in kills:
        kind, _, number = kill.part.partition("-")
        signs = sorted(accepted[int(number) - 1]) if kind == "web" else arrived if kind in BEHIND else []
        again = next((at for at in signs if at > kill.ready_at), kill.ready_at)
        found[kind].append(again - kill.at)
    return dict(found)


def percentile(values: Sequence[float], part: float) -> float:
    """Nearest rank; 0 of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0
