"""How much one run may take. A manifest may lower each limit and raise none."""

from dataclasses import asdict, dataclass, fields

KIB, MIB = 1 << 10, 1 << 20

MIN_MEMORY_BYTES = 32 * MIB  # an instance takes 17 MiB before the creator's first line
CODE_BYTES = 256 * KIB  # of one file, in UTF-8
INPUT_BYTES = 1 * MIB
SIGNATURES = 100  # that a run may ask for
LINE_OVERHEAD_BYTES = 64  # what a line of the log counts besides its text, so that empty lines end as well


@dataclass(frozen=True)
class Limits:
    """Times in milliseconds, sizes in bytes. Raises ValueError for what is above a default or of no use.

    ``cpu_ms`` is the time that the run kept a core busy; waiting for a reply is not in it. ``http_bytes`` counts
    requests and replies as the JSON that the run hands over and gets.
    """

    wall_ms: int = 10_000
    cpu_ms: int = 5_000
    memory_bytes: int = 256 * MIB
    output_bytes: int = 1 * MIB
    output_depth: int = 32
    log_bytes: int = 64 * KIB
    http_calls: int = 20
    http_bytes: int = 8 * MIB

    def __post_init__(self) -> None:
        for field in fields(self):
            value, most = getattr(self, field.name), getattr(type(self), field.name)
            least = 0 if field.name.startswith(("http", "log")) else 1
            if type(value) is not int or not least <= value <= most:
                raise ValueError(f"{field.name} must be a whole number from {least} to {most}, not {value!r}.")
        if self.memory_bytes < MIN_MEMORY_BYTES:
            raise ValueError(f"memory_bytes must be at least {MIN_MEMORY_BYTES}.")

    def as_dict(self) -> dict[str, int]:
        return asdict(self)


class HttpAllowance:
    """What is left of the calls and bytes of one run. Worker and parent each keep one, and must come to the same."""

    def __init__(self, limits: Limits):
        self._left = {"http": limits.http_calls, "sign": SIGNATURES}
        self._bytes_left = limits.http_bytes

    def refusal(self, operation: str, request: str) -> str:
        """The code of the limit that stands in the way of ``request``; empty when it was counted and may go.

        ``operation`` is http or sign.
        """
        size = len(request.encode("utf-8", "replace"))
        if self._left[operation] <= 0:
            return "http_calls_limit" if operation == "http" else "sign_limit"
        if size > self._bytes_left:
            return "http_bytes_limit"
        self._left[operation] -= 1
        self._bytes_left -= size
        return ""

    def received(self, reply: str) -> None:
        self._bytes_left -= len(reply.encode("utf-8", "replace"))
