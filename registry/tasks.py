"""Celery doors: each calls one service."""

from uuid import UUID

from celery import shared_task


@shared_task
def take_due_updates() -> int:
    """Take the releases that are due, in every workspace; returns how many installations were moved."""
    from registry.updates.sweeping import take_due_updates as take

    return take()


@shared_task
def sign_waiting() -> int:
    """Have what was published without a signature signed; returns how many were."""
    from registry.signing.sweeping import sign_waiting as sweep

    return sweep()


@shared_task
def tell_of_quarantine(quarantine: str) -> int:
    """Tell every workspace that holds the version; returns how many installations were told of."""
    from registry.services.quarantining import tell_of_quarantine as tell

    return tell(UUID(quarantine))


@shared_task
def tell_of_recent_quarantines() -> int:
    """The same for those of the last hour, whom a lost worker may not have reached."""
    from registry.services.quarantining import tell_of_recent_quarantines as tell

    return tell()


@shared_task
def end_versions() -> int:
    """Tell of versions that end, and on their last day move or pause what holds them; returns how many."""
    from registry.services import ending

    return ending.tell_of_endings() + ending.end_versions()


@shared_task
def make_due_moves() -> int:
    """Make the moves whose time has come, in every workspace; returns how many were made."""
    from registry.updates.scheduling import make_due_moves as make

    return make()


@shared_task
def end_lapsed_holds() -> int:
    """End the holds whose time is over, in every workspace; returns how many."""
    from registry.updates.rules import end_lapsed_holds as end

    return end()


@shared_task
def check_due_proofs() -> int:
    """Look for the records that prove publishers' domains where it is time to; returns how many are there."""
    from registry.publishers.proving import check_due_proofs as sweep

    return sweep()
