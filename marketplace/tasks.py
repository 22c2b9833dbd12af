"""Celery doors of the marketplace. Every task may come twice."""

from uuid import UUID

from celery import shared_task

from galaxy.core.scope import workspace_scope


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


@shared_task
def perform_test_run(workspace_id: str, run_id: str) -> None:
    from marketplace.evidence.testing import perform_test_run as perform

    with workspace_scope([workspace_id]):
        perform(UUID(run_id))


@shared_task
def prove_listed() -> int:
    """Test a few listed versions again, the longest untested first; returns how many."""
    from marketplace.evidence.ageing import prove_listed as prove

    return prove()


@shared_task
def age_levels() -> int:
    """Lower levels that rest on what is not proven any more; returns how many."""
    from marketplace.evidence.ageing import age_levels as age

    return age()


@shared_task
def count_telemetry() -> int:
    """Count what publishers read of how their extensions fare, and what levels rest on; returns how much changed."""
    from marketplace.evidence.spread import count_spread
    from marketplace.telemetry.counting import count_telemetry as count

    changed = count()
    count_spread()
    return changed


@shared_task
def watch_levels() -> int:
    """Tell of levels that are not kept to where an extension is used, and lower them; returns how many."""
    from marketplace.evidence.falling_short import watch_levels as watch

    return watch()


@shared_task
def prove_submission(submission_id: str, desk_id: str) -> bool:
    """Look at what a submission has to prove; returns whether it was still open."""
    from marketplace.submissions.proof import prove_submission as prove

    with workspace_scope([desk_id]):
        return prove(UUID(submission_id))


@shared_task
def drop_old_bundles() -> int:
    """Delete bundles that were handed in and left; returns how many."""
    from marketplace.bundles.importing import drop_old_uploads

    return drop_old_uploads()


@shared_task
def advise() -> int:
    """Let the assistant look again where it is time, and judge advice that is due; returns how much is new."""
    from marketplace.assistant.services import advise_due

    return advise_due()


@shared_task
def rephrase_advice() -> int:
    """Have a model say new sentences of the assistant in other words, where one is named; returns how many it may."""
    from marketplace.assistant.rephrasing import rephrase_all

    return rephrase_all()
