"""A line of the table that the measurements print and write down."""

from typing import Any


def row(goal: str, what: str, value: float, unit: str, bar: str = "", ok: bool = True) -> dict[str, Any]:
    """``goal`` names what is aimed at; ``bar`` is what ``value`` is held to, empty where it is only told."""
    return {"row": goal, "what": what, "value": round(value, 2), "unit": unit, "bar": bar, "ok": ok}
