"""Celery doors: each calls one service."""

from celery import shared_task


@shared_task
def expire_approvals() -> int:
    """Close what nobody decided in time, in every workspace; returns how many were closed."""
    from policies.services.approvals import expire_approvals as sweep

    return sweep()


@shared_task
def escalate_approvals() -> int:
    """Take the steps of ladders that are due, in every workspace; returns how many approvals that was."""
    from policies.services.approvals import escalate_approvals as escalate

    return escalate()


@shared_task
def remind_of_approvals() -> int:
    """Remind reviewers of what half its time has gone by of; returns how many approvals."""
    from policies.services.approvals import remind_of_approvals as remind

    return remind()


@shared_task
def tell_of_expiring_approvals() -> int:
    """Warn reviewers of what ends undecided within the hour; returns how many approvals."""
    from policies.notifications import tell_of_expiring_approvals as tell

    return tell()


@shared_task
def end_due_auto_approvals() -> int:
    """End every Auto-Approve grant whose time is over, in every workspace; returns how many."""
    from policies.services.granting import end_due_auto_approvals as end

    return end()


@shared_task
def settle_decided() -> int:
    """Take up decided changes and grants that nobody acted upon, in every workspace; returns how many."""
    from policies.services.changes import settle_decided as settle

    return settle()
