"""Reading what somebody typed. Any text is a search: words, what stands in quotes as it stands, and signs ignored."""

import re
from dataclasses import dataclass

MAX_CHARACTERS = 400  # what follows is not read: nobody types that, and a longer text finds nothing more exact
MAX_WORDS = 12
MAX_WORD = 60
_BREAK = re.compile(r"[\W_]+")
_QUOTED = re.compile(r'["“”„]([^"“”„]*)["“”„]')


@dataclass(frozen=True)
class Typed:
    """``words`` are all of them in order, lower-case; ``phrases`` those groups that have to stand side by side.

    ``is_blank`` is True where nothing was typed at all. Signs alone are not nothing: they find nothing.
    """

    words: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    is_blank: bool = True

    @property
    def key(self) -> str:
        return " ".join(self.words)


def read(text: str) -> Typed:
    text = text[:MAX_CHARACTERS]
    phrases = [" ".join(split(quoted)) for quoted in _QUOTED.findall(text)]
    return Typed(
        words=tuple(split(text)[:MAX_WORDS]),
        phrases=tuple(phrase for phrase in phrases if " " in phrase)[:MAX_WORDS],
        is_blank=not text.strip(),
    )


def split(text: str) -> list[str]:
    """The words of a text: letters and digits, lower-case, cut off where one is longer than any word."""
    return [word[:MAX_WORD] for word in _BREAK.split(text.lower()) if word]


def name_key(name: str) -> str:
    """A name as it is compared and sorted: its words alone."""
    return " ".join(split(name))[:80]
