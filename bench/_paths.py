"""What is measured, in its order, and the lines of PERFORMANCE's table that have to come out of a whole run."""

from typing import Any

# Those of the table. A whole run takes them; each is a module here with ``main()``, which returns rows (``_rows``).
PATHS = (
    "policy",
    "redaction",
    "secrets",
    "refresh",
    "pool",
    "live",
    "dispatch",
    "audit",
    "export",
    "marketplace",
    "search",  # after marketplace, whose catalogue it finds made
    "pages",
    "metrics",
    "trail",
)
# Beyond the table, and run by name: what takes minutes by its nature, or measures a promise of its own.
NAMED = ("budget", "grants", "growth", "health")

WANTED = {
    "1": "policy decision",
    "2": "audit append",
    "2b": "audit export",
    "3": "marketplace page",
    "3 list": "lists",
    "3 detail": "pages of one thing",
    "3 approvals": "approval queue",
    "3 audit": "audit search, a million rows",
    "3 dashboard": "dashboard",
    "3 bytes": "HTML, compressed",
    "3 partial": "HTMX partial",
    "4": "search",
    "5": "task dispatch",
    "6": "secret read",
    "6b": "redaction",
    "7": "OAuth refresh",
    "9": "figures of actions",
    "10": "Python action",
    "11": "live action",
}  # 12, the first run on a new machine, cannot be measured on one that has a cache


def missing(rows: list[dict[str, Any]]) -> list[str]:
    """The lines of the table that nothing in ``rows`` holds to a goal."""
    held = {row["row"] for row in rows if row["goal"]}
    return [f"{name} ({what})" for name, what in WANTED.items() if name not in held]
