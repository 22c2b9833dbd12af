"""The lines of the table that the measurements print and write down.

Each has ``row`` (the line of PERFORMANCE's table that it belongs to), ``what``, ``clock`` ("processor" or "wall", where
two times are compared), ``unit``, ``ceiling`` and ``product`` (medians of the rounds), ``ratio`` with ``min`` and
``max`` of the rounds, ``goal`` and ``pass``. What has no ceiling is held to its goal by itself; what has no goal is
only told, and its ``pass`` is None.
"""

import statistics
from collections.abc import Sequence
from typing import Any

PROCESSOR, WALL = "processor", "wall"


def row(
    goal: str, what: str, value: float, unit: str, bar: str = "", ok: bool = True, rounds: Sequence[float] = ()
) -> dict[str, Any]:
    """One value, the median of ``rounds`` where there are some; ``bar`` is what it is held to, or empty."""
    found = _line(goal, what, unit)
    found |= {"product": _short(value), "goal": bar, "pass": bool(ok) if bar else None}
    return found | ({"min": _short(min(rounds)), "max": _short(max(rounds))} if rounds else {})


def compared(
    goal: str,
    what: str,
    product: Sequence[float],
    ceiling: Sequence[float],
    unit: str,
    *,
    clock: str = PROCESSOR,
    most: float | None = None,
    least: float | None = None,
) -> dict[str, Any]:
    """Product beside its ceiling, each by rounds that took turns: the ratio is the median of those of the rounds."""
    ratios = [ours / theirs for ours, theirs in zip(product, ceiling, strict=True)]
    ratio = statistics.median(ratios)
    said = [f"<= {most:g} x"] if most is not None else []
    said += [f">= {least:g} x"] if least is not None else []
    held = (most is None or ratio <= most) and (least is None or ratio >= least)
    return _line(goal, what, unit) | {
        "clock": clock,
        "ceiling": _short(statistics.median(ceiling)),
        "product": _short(statistics.median(product)),
        "ratio": _short(ratio),
        "min": _short(min(ratios)),
        "max": _short(max(ratios)),
        "goal": " and ".join(said),
        "pass": held if said else None,
    }


def _line(goal: str, what: str, unit: str) -> dict[str, Any]:
    empty = dict.fromkeys(("ceiling", "product", "ratio", "min", "max"))
    return {"row": goal, "what": what, "clock": "", "unit": unit, **empty, "goal": "", "pass": None}


def _short(value: float) -> float:
    """Two digits after the point, of small values as many as say something."""
    return round(value, 2) if abs(value) >= 1 else round(value, 4)
