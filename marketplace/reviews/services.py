"""Writing a review, taking it back, and hiding what breaks the rules of the marketplace."""

from django.db import transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.errors import DomainError, Invalid
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import require
from galaxy.core.scope import scope_with
from marketplace.desk import MAY_REVIEW
from marketplace.errors import NotPublic
from marketplace.reviews.models import Review
from registry.models import Version
from sandbox.models import Run

MAY_WRITE = "core.install_extension"  # it speaks for the workspace, as installing does
MOST_COUNTED = 10_000
MOST_CHARACTERS = 2_000
_OVER = (Run.State.SUCCEEDED, Run.State.FAILED, Run.State.UNKNOWN)


class NoLiveRuns(DomainError):
    """Whoever did not run it has nothing to tell of it."""

    status = 403
    code = "no_live_runs"
    next_step = "Run it live first; a simulated run reaches no system and does not count."


class OnlyAtTheDesk(DomainError):
    """Only the marketplace's own people hide a review."""

    status = 403
    code = "only_at_the_desk"
    next_step = "Write to the marketplace about it."


def live_runs(workspace: Workspace, version: Version) -> int:
    """How many live runs of ``version`` the workspace has behind it, counted up to 10,000."""
    rows = Run.objects.in_workspace(workspace).filter(
        installation__extension=version.extension_id,
        version=version,
        mode=Run.Mode.LIVE,
        state__in=_OVER,
        is_check=False,
    )
    return rows.order_by()[:MOST_COUNTED].count()


@transaction.atomic
def write_review(workspace: Workspace, version: Version, *, rating: int, text: str = "", actor: User) -> Review:
    """Write the review of ``version`` by ``workspace``, or write it anew: there is one for each.

    ``rating`` goes from 1 to 5; ``text`` is plain, at most 2,000 characters. One that was hidden stays hidden. Raises
    NotGranted, NotPublic (a private version), NoLiveRuns or Invalid.
    """
    require(actor, MAY_WRITE, workspace)
    text = _checked(rating, text)
    if version.workspace_id is not None:
        raise NotPublic(f"{version} is not in the marketplace, so nobody else would read of it.")
    runs = live_runs(workspace, version)
    if not runs:
        raise NoLiveRuns(f"{workspace} has not run {version} live yet.")
    there = Review.objects.in_workspace(workspace).select_for_update(of=("self",)).filter(version=version).first()
    if there is None:
        review = Review.objects.create(
            workspace=workspace,
            extension_id=version.extension_id,
            version=version,
            rating=rating,
            text=text,
            live_runs=runs,
            written_by=actor,
        )
        audit.record("review.written", actor=actor, target=review, after=_facts(review))
        return review
    before = _facts(there)
    there.rating, there.text, there.live_runs = rating, text, runs
    there.written_by, there.changed_at = actor, timezone.now()
    there.save(update_fields=["rating", "text", "live_runs", "written_by", "changed_at"])
    audit.record("review.changed", actor=actor, target=there, before=before, after=_facts(there))
    return there


@transaction.atomic
def take_back_review(review: Review, *, actor: User) -> None:
    """Delete it, for good. Raises NotGranted."""
    require(actor, MAY_WRITE, review.workspace)
    audit.record("review.taken_back", actor=actor, target=review, before=_facts(review))
    Review.objects.filter(workspace=review.workspace_id, pk=review.pk).delete()


def hide_review(review: Review, *, desk: Workspace, reason: str, actor: User) -> Review:
    """Take it off everybody's pages; its workspace still sees it, with ``reason``. Raises NotGranted, OnlyAtTheDesk or
    Invalid."""
    _require_desk(actor, desk)
    if not reason.strip() or len(reason) > 300:
        raise Invalid("Say why.", {"reason": "Say in at most 300 characters why it is hidden; its writer reads it."})
    return _set_hidden(review, desk, reason.strip(), actor)


def show_review(review: Review, *, desk: Workspace, actor: User) -> Review:
    """Put it back on everybody's pages. Raises NotGranted or OnlyAtTheDesk."""
    _require_desk(actor, desk)
    return _set_hidden(review, desk, "", actor)


def _set_hidden(review: Review, desk: Workspace, reason: str, actor: User) -> Review:
    """The trails of both say so: the desk's, since it decided, and the workspace's, since the review is its own."""
    with scope_with(desk.pk, review.workspace_id), transaction.atomic():
        rows = Review.objects.select_for_update(of=("self",)).select_related("workspace", "version__extension")
        row = rows.get(workspace=review.workspace_id, pk=review.pk)
        if bool(row.hidden_at) == bool(reason):
            return row
        row.hidden_at, row.hidden_by = (timezone.now(), actor) if reason else (None, None)
        row.hidden_reason = reason
        row.save(update_fields=["hidden_at", "hidden_by", "hidden_reason"])
        action = "review.hidden" if reason else "review.shown"
        about = {"version": str(row.version), "reason": reason}
        audit.record(action, actor=actor, target=row, after=about)
        audit.record(action, actor=actor, target=desk, after=about | {"review": str(row.pk)})
    return row


def _require_desk(actor: User, desk: Workspace) -> None:
    if not desk.is_marketplace:
        raise OnlyAtTheDesk("A review is hidden at the marketplace's desk alone.")
    require(actor, MAY_REVIEW, desk)


def _checked(rating: int, text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    fields = {}
    if rating not in range(1, 6):
        fields["rating"] = "Between 1 and 5."
    if len(text) > MOST_CHARACTERS:
        fields["text"] = f"At most {MOST_CHARACTERS:,} characters; it has {len(text):,}."
    if "\x00" in text:
        fields["text"] = "It holds a character that cannot be kept."
    if fields:
        raise Invalid("The review cannot be taken as it is.", fields)
    return text


def _facts(review: Review) -> dict:
    return {"version": str(review.version), "rating": review.rating, "live_runs": review.live_runs}
