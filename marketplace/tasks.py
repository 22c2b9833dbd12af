"""Celery doors of the marketplace. Every task may come twice."""

from celery import shared_task


@shared_task
def count_listings() -> int:
    """Count how listed extensions fare where they run; returns how many figures changed."""
    from marketplace.figures import count_figures

    return count_figures()


@shared_task
def tend_search() -> int:
    """Write what is missing of entries and cards, let releases age, count words and place entries in their tiers."""
    from marketplace.tending import tend

    return tend()
