"""Celery doors: each calls one service."""

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
