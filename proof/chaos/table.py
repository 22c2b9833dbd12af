"""Rows as people read them."""

from collections.abc import Iterable
from typing import Any


def print_rows(rows: Iterable[dict[str, Any]]) -> None:
    """Each with its count and, where it must be none, how many there are."""
    for row in rows:
        print(line_of(row))


def line_of(row: dict[str, Any]) -> str:
    count = row["count"]
    if isinstance(count, dict):
        count = ", ".join(f"{name} {number}" for name, number in sorted(count.items(), key=str)) or "none"
    verdict = "" if row["bad"] is None else "ok" if not row["bad"] else f"BROKEN: {row['bad']} {'; '.join(row['some'])}"
    return f"  {row['what']:<58} {count}  {verdict}".rstrip()
