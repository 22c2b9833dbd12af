"""Celery doors: each calls one service."""

from celery import shared_task


@shared_task
def expire_approvals() -> int:
    """Close what nobody decided in time, in every workspace; returns how many were closed."""
    from policies.services.approvals import expire_approvals as sweep

    return sweep()


@shared_task
def tell_of_expiring_approvals() -> int:
    """Warn reviewers of what ends undecided within the hour; returns how many approvals."""
    from policies.notifications import tell_of_expiring_approvals as tell

    return tell()
