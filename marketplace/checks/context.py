"""What a check knows besides the text and its files."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Context:
    """``publisher`` is the name under which it would be published, "" where that is not decided: then the manifest's
    own ``publisher`` counts."""

    publisher: str = ""


NOBODY = Context()
