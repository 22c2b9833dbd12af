"""Before a version moves: what replays of recorded calls show, what it means here, and whether there is a way back.

``is_safe(installation, version) -> Proof`` says whether the move changes nothing for anybody (docs/rollback.md).
"""

from typing import Any


def is_safe(*arguments: Any, **named: Any) -> Any:
    """sandbox.upgrades.safety.is_safe, which loads models; the child process imports this package without any."""
    from sandbox.upgrades import safety

    return safety.is_safe(*arguments, **named)
