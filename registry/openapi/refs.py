"""References within one document (RFC 6901), with a guard against circles; what leads out of it is never followed."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from registry.openapi.losses import Losses
from registry.openapi.text import plain

MOST_HOPS = 20


def follow(root: dict[str, Any], node: Any, losses: Losses) -> dict[str, Any]:
    """``node``, or the map that its ``$ref`` leads to; an empty map, with a loss, where that is none."""
    for _ in range(MOST_HOPS):
        if not isinstance(node, dict):
            return {}
        ref = node.get("$ref")
        if not isinstance(ref, str):
            return node
        found = lookup(root, ref)
        if found is None:
            add_lost(ref, losses)
            return {}
        node = found
    losses.add("circular-reference", f"{shown(str(node['$ref']))} leads in a circle, so it says nothing.")
    return {}


def lookup(root: dict[str, Any], ref: str) -> Any:
    """What ``#/a/b`` stands for, None where there is nothing or the reference leads elsewhere."""
    if not ref.startswith("#"):
        return None
    place: Any = root
    for part in ref.removeprefix("#").split("/")[1:]:
        name = unquote(part).replace("~1", "/").replace("~0", "~")
        if isinstance(place, dict):
            place = place.get(name)
        elif isinstance(place, list) and name.isascii() and name.isdigit() and int(name[:9]) < len(place):
            place = place[int(name[:9])]
        else:
            return None
    return place


def add_lost(ref: str, losses: Losses) -> None:
    if ref.startswith("#"):
        losses.add("broken-reference", f"{shown(ref)} leads to nothing in the document.")
    else:
        losses.add("remote-reference", f"{shown(ref)} leads out of the document and was not followed.")


def shown(ref: str) -> str:
    return f"“{plain(ref, 120)}”"
