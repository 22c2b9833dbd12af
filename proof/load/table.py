"""What a load came to, as lines for people; the same stands in the JSON beside them."""

from collections.abc import Iterator
from typing import Any

from proof.load.traffic import Tally
from proof.load.watching import CLIENT, slope

HOLDS_MS = 500  # p95 of every door, counted from when a request was due
MB = 1024 * 1024


def quantile(values: list[float], share: float) -> float:
    """Of the sorted values that one below which ``share`` of them lie (nearest rank)."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def doors(tally: Tally) -> list[dict[str, Any]]:
    """{door, count, p50, p95, p99, most, kb, errors} of each, in milliseconds."""
    found = []
    for door, seconds in sorted(tally.seconds.items()):
        ms = [one * 1000 for one in seconds]
        found.append(
            {
                "door": door,
                "count": len(ms),
                "p50": quantile(ms, 0.5),
                "p95": quantile(ms, 0.95),
                "p99": quantile(ms, 0.99),
                "most": max(ms),
                "kb": sum(tally.sizes[door]) / len(ms) / 1024,
                "errors": {kind: count for (where, kind), count in tally.errors.items() if where == door},
            }
        )
    return found


def holds(tally: Tally) -> bool:
    """Whether nothing failed, and of the doors together, pages, calls and what approvers do apart, 95 of 100 were soon
    enough."""
    if tally.errors:
        return False
    groups: dict[str, list[float]] = {}
    for door, seconds in tally.seconds.items():
        groups.setdefault(door.partition(":")[0], []).extend(seconds)
    return all(quantile(seconds, 0.95) * 1000 <= HOLDS_MS for seconds in groups.values())


def processes(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """{part, first_mb, last_mb, most_mb, mb_per_min, cores} of each."""
    first, last = rows[0], rows[-1]
    elapsed = max(0.001, last["at"] - first["at"])
    return [
        {
            "part": part,
            "first_mb": first["memory"][part] / MB,
            "last_mb": last["memory"][part] / MB,
            "most_mb": max(row["memory"][part] for row in rows) / MB,
            "mb_per_min": slope(rows, part) / MB,
            "cores": max(0.0, last["processor"][part] - first["processor"][part]) / elapsed,
        }
        for part in first["memory"]
    ]


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The report, from what proof.load.run returns."""
    asked, ran = found["asked"], found["ran"]
    yield f"Asked for: {_words(asked)}."
    for one in found["tried"]:
        said = "holds" if one["holds"] else f"does not hold ({one['why']})"
        yield f"  tried for {one['seconds']:.0f} s at {one['scale']:.0%}: {said}."
    if ran["scale"] < 1:
        yield f"SCALED DOWN to {ran['scale']:.0%}, where it holds or where trying ended: {_words(ran)}."
    said = "It held" if ran["holds"] else "IT DID NOT HOLD"
    yield f"Ran for {ran['seconds']:.0f} s. {said}: to hold is no error, and p95 <= {HOLDS_MS} ms of all pages, of all"
    yield "that approvers ask for, and of all calls."
    yield ""
    yield f"{'door':<26}{'count':>8}{'p50 ms':>9}{'p95 ms':>9}{'p99 ms':>9}{'most':>9}{'KB':>7}  errors"
    for row in found["doors"]:
        errors = ", ".join(f"{kind}: {count}" for kind, count in row["errors"].items()) or "0"
        numbers = "".join(f"{row[name]:>9.0f}" for name in ("p50", "p95", "p99", "most"))
        yield f"{row['door']:<26}{row['count']:>8}{numbers}{row['kb']:>7.1f}  {errors}"
    yield ""
    yield f"{'process':<16}{'first MB':>9}{'last MB':>9}{'most MB':>9}{'MB/min':>9}{'cores':>8}"
    for row in found["processes"]:
        numbers = "".join(f"{row[name]:>9.1f}" for name in ("first_mb", "last_mb", "most_mb"))
        yield f"{row['part']:<16}{numbers}{row['mb_per_min']:>9.2f}{row['cores']:>8.2f}"
    yield f"The driver shares the cores with what it measures: it took {found['driver_cores']:.2f} of them, and was"
    yield f"late by {found['driver_late_ms']:.0f} ms (p95), which is within the times above."
    yield ""
    yield f"{'page':<26}{'statements before':>18}{'after':>7}"
    for page, before in found["statements"]["before"].items():
        yield f"{page:<26}{before:>18}{found['statements']['after'].get(page, 0):>7}"
    yield ""
    queue = found["waiting"]
    yield f"Database connections: at most {found['connections']}. Tasks waiting in the queue: at most {queue['most']},"
    left = f"none {queue['drained_s']:.0f} s later" if queue["drained_s"] is not None else "SOME MINUTES LATER"
    yield f"{queue['end']} at the end, {left}."
    yield f"Calls accepted: {found['accepted']}. Effects at the peer, trials included: {found['effects']}, of them"
    yield f"more than once: {found['twice']}."
    yield f"Requests decided: {found['decided']}."
    for kind, count in found["errors"].items():
        yield f"ERROR {kind}: {count}"


def driver(rows: list[dict[str, Any]]) -> float:
    return next(row["cores"] for row in processes(rows) if row["part"] == CLIENT)


def _words(one: dict[str, Any]) -> str:
    pages, calls = one["pages_per_s"], one["calls_per_s"]
    return f"{one['people']} people ({pages:.1f} pages/s), {one['approvers']} approvers, {calls:.0f} calls/s"
