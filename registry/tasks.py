"""Celery doors: each calls one service."""

from celery import shared_task


@shared_task
def take_due_updates() -> int:
    """Take the releases that are due, in every workspace; returns how many installations were moved."""
    from registry.updates.sweeping import take_due_updates as take

    return take()
