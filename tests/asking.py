"""A word from one process of the tests to those beside it: undo what you keep between your tests.

The sequencer seals what lies behind the oldest transaction of the whole server, and the playhouse of a file is a
transaction for as long as the file takes. A test that waits for a sequencer calls ``for_quiet``, and each other process
makes its playhouse anew before its next test.
"""

from pathlib import Path

from django.conf import settings


def _word() -> Path:
    return Path(settings.DATA_DIR) / "tests-asked-for-quiet"


def for_quiet() -> None:
    _word().touch()


def last_asked() -> int:
    """When that was, in nanoseconds; 0 where nobody ever did."""
    try:
        return _word().stat().st_mtime_ns
    except FileNotFoundError:
        return 0
