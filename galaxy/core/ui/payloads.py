"""Inputs and outputs of a run as readable JSON. What is shown was redacted before it was stored."""

import json
import re
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

# A key with its colon, another string, or whatever lies between.
_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*")(\s*:)?|[^"]+')
SHOWN = 20_000  # characters; a browser lays out more, but nobody reads it here


def highlight(value: Any) -> SafeString:
    """``value`` as indented JSON, keys and strings in their colours, everything escaped; long ones end with a note."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    rest = len(text) - SHOWN
    shown = format_html_join("", "{}", ((_token(match),) for match in _TOKEN.finditer(text[:SHOWN])))
    return format_html("{}\n… {} more characters", shown, rest) if rest > 0 else shown


def _token(match: re.Match[str]) -> SafeString:
    quoted, colon = match[1], match[2]
    if quoted is None:
        return format_html("{}", match[0])
    return format_html('<span class="{}">{}</span>{}', "k" if colon else "s", quoted, colon or "")
