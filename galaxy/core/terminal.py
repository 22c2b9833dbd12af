"""What comes from elsewhere, as a terminal may be shown it: it commands none, and does not look like our own words.

Escape sequences, the other control characters (C0 and C1) and those that change the direction of writing or cannot be
seen are all characters that Unicode calls not printable; Trojan Source (CVE-2021-42574) tells what the latter do.
"""

import re
from typing import Any

_ODD = "\N{REPLACEMENT CHARACTER}"
# What ECMA-48 calls a control sequence or a string, with what it would do: gone as a whole.
_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x90\x98\x9c-\x9f]*(?:\x07|\x1b\\|\x9c)"
)


def calm(text: str) -> str:
    """``text`` without what a terminal would obey; its lines and tabs stay."""
    clean = _SEQUENCE.sub(_ODD, text)
    if clean.isprintable():
        return clean
    return "".join(one if one.isprintable() or one in "\n\t" else _ODD for one in clean)


def calm_line(text: str) -> str:
    """The same in one line, for a value within a sentence of ours: it begins no line of its own."""
    return calm(" ".join(text.split()))


def calm_values(value: Any) -> Any:
    """Decoded JSON with every text and name in it as ``calm_line``."""
    if isinstance(value, str):
        return calm_line(value)
    if isinstance(value, dict):
        return {calm_line(name): calm_values(one) for name, one in value.items()}
    return [calm_values(one) for one in value] if isinstance(value, list) else value


def calm_json(text: str) -> str:
    """JSON that says the same: what is not printable in it is written as an escape."""
    return "".join(one if one.isprintable() or one == "\n" else _escaped(one) for one in text)


def _escaped(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
