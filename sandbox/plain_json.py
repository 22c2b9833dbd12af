"""What may enter a run and leave it: JSON that every reader here takes alike, whoever sends it."""

from typing import Any

from galaxy.core import jcs

MAX_DEPTH = 40  # as deep as transforms go


class NotPlain(ValueError):
    """The sentence says what to do about it, and repeats no value."""


def require_plain(value: Any, *, max_bytes: int) -> None:
    """Raise NotPlain unless ``value`` is JSON that RFC 8785 can write in ``max_bytes`` and PostgreSQL can store.

    Counts before it writes, so that a small value that refers to its own parts many times over stays small here.
    """
    too_large = f"At most {max_bytes // 1024} KiB are taken."
    waiting, size = [(value, 0)], 0
    while waiting:
        part, depth = waiting.pop()
        inner: list[Any] = []
        if isinstance(part, dict):
            inner = [*part, *part.values()]
        elif isinstance(part, list):
            inner = part
        elif isinstance(part, str):
            size += len(part)
            if "\0" in part:
                raise NotPlain("A text holds a null character, which cannot be stored.")
        size += 1 + len(inner)
        if size > max_bytes:
            raise NotPlain(too_large)
        if inner and depth == MAX_DEPTH:
            raise NotPlain(f"At most {MAX_DEPTH} levels of lists and objects are taken.")
        waiting += [(one, depth + 1) for one in inner]
    try:
        written = jcs.dumps(value)
    except (ValueError, TypeError) as error:
        raise NotPlain("Plain JSON is taken: numbers that fit a double, and valid text.") from error
    if len(written) > max_bytes:
        raise NotPlain(too_large)
