"""Addresses and correct bodies of submissions and reviews: of Meridian's own catalogue, one that nobody took and one
that the approver reviews."""

from marketplace.workshop.drafts import begin_draft
from tests.submitting import submitted, taken, text_of

OF_WAITING = ("submission-detail", "submission-withdrawal", "review-detail", "review-taking", "review-proof")


def submissions(workspace, cast) -> dict:
    waiting = submitted(workspace, cast["creator"], text=text_of(name="waiting-tasks"), catalogue="private")
    reviewed = submitted(workspace, cast["creator"], text=text_of(name="reviewed-tasks"), catalogue="private")
    draft = begin_draft(workspace, text=text_of(name="drafted-tasks"), actor=cast["creator"])
    return {"waiting": waiting, "reviewed": taken(reviewed, workspace, cast["approver"]), "submittable": draft}


def place(route: str, things: dict) -> dict:
    space, _, name = route.partition(":")
    if route == "submissions:submission-create":
        return {"pk": things["submittable"].pk}
    if space == "submissions" and name in ("review-release", "review-decision"):
        return {"pk": things["reviewed"].pk}
    if space in ("submissions", "api") and name in OF_WAITING:
        return {"pk": things["waiting"].pk}
    return {}


def body(route: str, things: dict) -> dict:
    return {
        "submissions:submission-create": {"catalogue": "private", "changes": "The first."},
        "submissions:review-decision": {"decision": "reject", "reason": "It names no owner."},
        "api:submission-list": {
            "manifest": text_of(name="sent-tasks"),
            "files": {"notes.md": "# Notes"},
            "catalogue": "private",
        },
    }.get(route, {})
