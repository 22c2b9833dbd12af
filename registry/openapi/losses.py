"""What of a document a manifest cannot say, told one by one."""

from __future__ import annotations

from dataclasses import dataclass

MOST = 300  # more than this helps nobody and lets a hostile document make a long answer


@dataclass(frozen=True)
class Loss:
    """``code`` is stable; ``where`` is an operation (``GET /pets``) or "" for the document; ``sentence`` is for people
    and holds words of the document, which are untrusted."""

    code: str
    where: str
    sentence: str


class Losses:
    """Collects losses in the order they are met, each once."""

    def __init__(self) -> None:
        self._found: dict[Loss, None] = {}
        self.where = ""

    def add(self, code: str, sentence: str) -> None:
        if len(self._found) < MOST:
            self._found.setdefault(Loss(code, self.where, sentence[:400]))

    @property
    def all(self) -> tuple[Loss, ...]:
        return tuple(self._found)
