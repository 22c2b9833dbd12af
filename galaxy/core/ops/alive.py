"""Signs of life on a process's own disk, for whoever starts it anew when they stop coming.

A web server is asked over HTTP. A worker, beat, the sequencer and sandboxd are asked by nobody, and to start Python
only to look would cost more than they do. So each touches a file as it goes round its loop, and a probe looks how old
it is:

    find /var/lib/galaxy/alive/worker -mmin -1 | grep -q .
"""

import time
from pathlib import Path

import structlog
from django.conf import settings

log = structlog.get_logger(__name__)
EVERY_S = 5.0
WORKER, BEAT, SEQUENCER, SANDBOXD = "worker", "beat", "sequencer", "sandboxd"
_marked: dict[str, float] = {}


def place(name: str) -> Path:
    return settings.DATA_DIR / "alive" / name


def mark(name: str) -> None:
    """``name`` is alive. Cheap enough for any loop, and never fails: a full disk is no reason to end a process."""
    now = time.monotonic()
    if now - _marked.get(name, -EVERY_S) < EVERY_S:
        return
    _marked[name] = now
    path = place(name)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.touch()
    except OSError as error:
        log.warning("a sign of life could not be left", name=name, error=error.strerror)


def connect() -> None:
    """Workers say so with each heartbeat to their broker, which they send from the loop that takes their tasks."""
    from celery.signals import heartbeat_sent

    heartbeat_sent.connect(_mark_worker, dispatch_uid="galaxy.alive")


def _mark_worker(**_: object) -> None:
    mark(WORKER)
