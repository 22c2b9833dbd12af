"""Addresses and correct bodies of the routes of reviews: Meridian ran "probe" live once, and wrote of it."""

from marketplace.reviews.services import write_review
from policies.models import Decision
from tests.sandbox.run_rows import make_run


def reviews(workspace, admin, probe) -> dict:
    decided = Decision.objects.in_workspace(workspace).first()  # one the gate made: the API shows what it was asked
    make_run(workspace, probe, admin, mode="live", scenario="", decision=decided)
    return {"review": write_review(workspace, probe.pin.version, rating=4, actor=admin)}


def place(route: str, things: dict) -> dict:
    probe = {"slug": "probe"}
    review = probe | {"pk": things["review"].pk}
    return {
        "reviews:review-list": probe,
        "reviews:review-write": probe | {"number": "1.0.0"},
        "reviews:review-removal": review,
        "reviews:review-hiding": review,
        "reviews:review-showing": review,
    }.get(route, {})


def body(route: str, things: dict) -> dict:
    return {
        "reviews:review-write": {"rating": "5", "text": "Better still."},
        "reviews:review-hiding": {"reason": "It names somebody."},
    }.get(route, {})
