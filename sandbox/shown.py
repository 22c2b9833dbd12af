"""Values, redacted already, in few words for people."""

import json
from typing import Any

LONGEST = 120


def shown_value(value: Any) -> str:
    """A text or number as it is, whatever else as JSON, cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
