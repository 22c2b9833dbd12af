"""The header of a Python file, one line a key (``# timeout_s: 5``)."""

from __future__ import annotations

import re

from .steps import NEWEST, Step

_API = re.compile(r"^# api:\s*(\S+)\s*$", re.MULTILINE)


def migrate_header(text: str, step: Step) -> str:
    api = _API.search(text)
    if api is None or api[1] != step.of:
        return text
    for old, new, factor in step.header:
        if old == "api":
            text = text[: api.start(1)] + NEWEST + text[api.end(1) :]
        elif not re.search(rf"^# {new}:", text, re.MULTILINE):
            text = re.sub(rf"^# {old}:(\s*)(.*)$", lambda line: _line(line, new, factor), text, flags=re.MULTILINE)  # noqa: B023
    return text


def _line(line: re.Match[str], new: str, factor: int) -> str:
    if factor == 1:
        return f"# {new}:{line[1]}{line[2]}"
    try:
        return f"# {new}:{line[1]}{round(float(line[2]) * factor)}"
    except ValueError:
        return line[0]
