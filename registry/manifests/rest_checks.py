"""Checks of what a REST action says of its pages, its file and its fallbacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .findings import Findings
from .model import effect_of

_NEEDED = {"cursor": ("cursor", "cursor_param"), "page": ("page_param",), "link": ()}
_WITH_FILE = ("multipart", "related", "raw")


def check_rest(action: dict[str, Any], place: tuple[Any, ...], locate: Callable[..., Any], findings: Findings) -> None:
    def add(code: str, keys: tuple[Any, ...], message: str, fix: str = "") -> None:
        written = f"actions[{place[1]}]." if place else ""
        findings.add(code, locate(*place, *keys), written + ".".join(map(str, keys)), message, fix)

    if "pagination" in action:
        _check_pages(action, add)
    _check_file(action, add)
    known = action.get("inputs", {}).get("properties")
    for at, fallback in enumerate(action.get("fallbacks", [])):
        if "model" in fallback and known is not None and "model" not in known:
            message = "A fallback to another model goes into the input model, and there is none."
            add("bad-reference", ("fallbacks", at, "model"), message, "Declare an input called model.")


def _check_pages(action: dict[str, Any], add: Callable[..., None]) -> None:
    pages = action["pagination"]
    for key in _NEEDED.get(pages.get("style", ""), ()):
        if key not in pages:
            add("missing-key", ("pagination",), f"The style {pages['style']} needs {key}.", f"Add {key}.")
    if effect_of(action) != "read":
        message = "An action that changes something is done once, so it has no pages."
        add("bad-value", ("pagination",), message, "Declare a read scope, or remove pagination.")
    if pages.get("in") == "body" and action.get("method") in ("GET", "HEAD", "DELETE"):
        add("bad-value", ("pagination", "in"), f"A {action['method']} has no body.", "Write in: query.")


def _check_file(action: dict[str, Any], add: Callable[..., None]) -> None:
    body_format = action.get("body_format", "json")
    if "upload" in action and body_format not in _WITH_FILE:
        message = f"A body sent as {body_format} holds no file."
        add("bad-value", ("upload",), message, f"Set body_format to one of {', '.join(_WITH_FILE)}.")
    if body_format in ("related", "raw") and "upload" not in action:
        add("missing-key", ("body_format",), f"A body sent as {body_format} needs a file.", "Add upload.")
    if body_format == "raw" and "body" in action:
        add("unknown-key", ("body",), "A body sent as raw is the file and nothing else.", "Remove body.")
