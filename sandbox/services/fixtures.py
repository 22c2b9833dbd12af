"""Fixtures: what a recorded run heard, as a file for ``manage.py action run --http``, reviewed for personal data."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from galaxy.core import audit
from galaxy.core.models import User
from galaxy.core.permissions import require
from sandbox.models import Run
from sandbox.sandboxd.client import ask
from sandbox.sandboxd.orders import FixtureOrder
from sandbox.services.replaying import sealed_recording

SECONDS = 30.0  # a full half megabyte of telephone numbers takes a few
# Whoever may run the action hears answers like these anyway, masked; to let a person's data out of the recording takes
# the right to write through this installation.
MAY_MAKE = "registry.run_installation"
MAY_KEEP = "registry.write_installation"


def review_fixture(run: Run, *, actor: User) -> dict[str, Any]:
    """What a fixture of ``run`` would hold, with every personal value masked: a Review of sandbox.fixture_review.

    Raises NotGranted, NotRecorded, or what sandboxd answers (Unreachable, Lost, Refused).
    """
    require(actor, MAY_MAKE, run.installation)
    return _ask(run, ())


def make_fixture(run: Run, *, actor: User, keep: Sequence[str]) -> list[dict[str, Any]]:
    """The exchanges of ``run`` in the form of fixtures. ``keep`` are ids of places that ``actor`` says are harmless.

    Audited with the places and never a value. Raises as review_fixture does.
    """
    require(actor, MAY_MAKE, run.installation)
    if keep:
        require(actor, MAY_KEEP, run.installation)
    answer = _ask(run, keep)
    kept = [place["id"] for place in answer["places"] if place["is_kept"]]
    with transaction.atomic():
        audit.record(
            "run.fixture_made",
            actor=actor,
            target=run,
            simulated=run.is_simulated,
            exchanges=len(answer["exchanges"]),
            masked=len(answer["places"]) - len(kept),
            kept=kept,
        )
    return answer["exchanges"]


def _ask(run: Run, keep: Sequence[str]) -> dict[str, Any]:
    order = FixtureOrder(
        run.workspace_id, str(run.pk), run.version_digest, run.target, sealed_recording(run), sorted(set(keep))
    )
    return ask("fixture", order.as_body(), seconds=SECONDS)
