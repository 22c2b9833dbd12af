"""One thing an operator wants to know of a Galaxy, and how it stands."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

GOOD, WARN, BAD, UNKNOWN = "good", "warn", "bad", "unknown"


@dataclass(frozen=True)
class Condition:
    """How one thing stands: ``state`` is GOOD, WARN, BAD or UNKNOWN.

    ``sentence`` says what was found, ``meaning`` what follows from it and ``remedy`` what to do; both are empty where
    all is well. None of them ever holds a secret or an address.
    """

    name: str
    state: str
    sentence: str
    meaning: str = ""
    remedy: str = ""

    @property
    def title(self) -> str:
        return "HTTPS" if self.name == "https" else self.name.capitalize()

    @property
    def ok(self) -> bool | None:
        """For machines: None where it cannot be known."""
        return None if self.state == UNKNOWN else self.state != BAD


Check = Callable[[], Condition]


def look(checks: Iterable[tuple[str, Check]]) -> list[Condition]:
    """Ask every check; one that breaks is a bad condition that names the kind of error and nothing of its text."""
    found = []
    for name, check in checks:
        try:
            found.append(check())
        except Exception as error:
            found.append(
                Condition(
                    name,
                    BAD,
                    f"The check of the {name} failed with {type(error).__name__}.",
                    "Galaxy cannot say whether this works, so it is taken for broken.",
                    "Look into the log, and check the address and the credentials of this part.",
                )
            )
    return found
