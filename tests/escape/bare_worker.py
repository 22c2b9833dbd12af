"""A worker as it is, with walls of the operating system left out: WebAssembly has to hold what they would have.

``main`` takes the names of the walls that are left out, joined by commas, before what a worker is told.
"""

from sandbox.pool import worker
from tests.escape.native_worker import take_away


def main(arguments: list[str]) -> None:
    for wall in arguments[0].split(","):
        take_away(wall)
    worker.main(arguments[1:])
