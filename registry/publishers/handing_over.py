"""A name for its owner by right: a workspace asks for one that another has, and two people of the desk say yes."""

from typing import cast

from django.db import IntegrityError, transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.errors import Invalid
from galaxy.core.members import marketplace_workspace
from galaxy.core.models import Membership, User, Workspace, WorkspaceModel
from galaxy.core.notifications import notify, settle
from galaxy.core.permissions import holders_of, require
from galaxy.core.scope import scope_with
from registry.errors import AlreadyClaimed, AlreadyDecided, NeedsAnother, NotClaimable
from registry.models import NameClaim, Publisher, PublisherMember, SigningKey
from registry.publishers import news
from registry.publishers.claiming import MAY_CLAIM, MAY_VOUCH
from registry.publishers.naming import new_token
from registry.publishers.proving import reason_of, require_desk, tell_of_proof
from registry.publishers.team import is_of_team

MOST_PLEA = 1000


@transaction.atomic
def ask_for_name(workspace: Workspace, *, publisher: Publisher, plea: str, actor: User) -> NameClaim:
    """Ask the desk for a name that another workspace has. Raises NotGranted, Invalid without a reason, NotClaimable,
    or AlreadyClaimed."""
    require(actor, MAY_CLAIM, workspace)
    plea = plea.strip()
    if not 0 < len(plea) <= MOST_PLEA:
        sentence = f"Say in at most {MOST_PLEA} characters why the name is yours, and where that can be seen."
        raise Invalid(sentence, {"plea": sentence})
    desk = marketplace_workspace()
    if desk is None or publisher.workspace_id in (None, workspace.pk):
        raise NotClaimable(f"{publisher} is no name that somebody else has, or nobody is there to decide.")
    row = NameClaim(
        publisher=publisher,
        workspace=workspace,
        workspace_name=workspace.name[:80],
        holder_id=publisher.workspace_id,
        plea=plea,
        asked_by=actor,
    )
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        raise AlreadyClaimed(f"{workspace} asked for {publisher} already.") from error
    audit.record("publisher.asked_for", actor=actor, target=workspace, publisher=publisher.name, why=plea)
    with scope_with(desk.pk):
        _tell_desk(desk, row, by=actor)
    return row


@transaction.atomic
def answer_claim(claim: NameClaim, *, grant: bool, reason: str, actor: User) -> NameClaim:
    """Say at the desk what becomes of it. One no ends it; the name goes over with the yes of a second person.

    What is published under the name goes with it, and so do its keys, retired: what they signed stays good. A demand of
    the publisher's own signature ends for what comes, since no key is left that could make one, and holds for what was
    published under it. Proof, domain and team are those of the new owner to make. Raises NotGranted, Invalid,
    AlreadyDecided, or NeedsAnother for who asked, and for a second yes of the same person.
    """
    desk = require_desk(actor)
    reason = reason_of(reason)
    row = NameClaim.objects.select_for_update(of=("self",)).select_related("publisher", "asked_by").get(pk=claim.pk)
    if row.state != NameClaim.State.OPEN:
        raise AlreadyDecided(f"{row} is {row.get_state_display().lower()} already.")
    if row.asked_by_id == actor.pk:
        raise NeedsAnother("You asked for it, so somebody else decides.")
    if is_of_team(actor, row.publisher):
        raise NeedsAnother("You are of the team whose name it is, so somebody else decides.")
    with scope_with(row.workspace_id):
        if Membership.objects.filter(workspace=row.workspace_id, user=actor).exists():
            raise NeedsAnother("You belong to the workspace that asks for it, so somebody else decides.")
    now = timezone.now()
    if grant and row.first_by_id is None:
        row.first_by, row.first_at, row.first_reason = actor, now, reason
        row.save()
        _record(row, desk, "publisher.claim_supported", actor, reason)
        return row
    if grant and row.first_by_id == actor.pk:
        raise NeedsAnother("You said yes already: a second person of the desk has to.")
    publisher = _held(row) if grant else row.publisher
    row.state = NameClaim.State.GRANTED if grant else NameClaim.State.REFUSED
    row.decided_by, row.decided_at, row.reason = actor, now, reason
    row.save()
    settle(desk, cast(WorkspaceModel, row), "name_claim_waiting")
    if grant:
        demanded = _hand_over(row, publisher, actor)
        _record(row, desk, "publisher.handed_over", actor, reason, signed_since=demanded)
    else:
        _record(row, desk, "publisher.claim_refused", actor, reason)
    with scope_with(row.workspace_id):
        home = Workspace.objects.get(pk=row.workspace_id)
        words = f"{row.publisher} is yours now." if grant else f"{row.publisher} stays where it is."
        notify(home, [row.asked_by], "name_claim_decided", cast(WorkspaceModel, row), note=f"{words} {reason}")
    return row


def _held(row: NameClaim) -> Publisher:
    """The publisher, locked. Raises AlreadyDecided where another has it than was asked."""
    publisher = Publisher.objects.select_for_update(of=("self",)).get(pk=row.publisher_id)
    if publisher.workspace_id != row.holder_id:
        raise AlreadyDecided(f"{publisher} is not whose it was when it was asked for.")
    return publisher


def _hand_over(row: NameClaim, publisher: Publisher, actor: User) -> str:
    """Returns since when its signatures were demanded, as ``_end_demand`` does."""
    news.tell_team(publisher, "publisher_handed_over", note=f"{publisher} goes to {row.workspace_name}. {row.reason}")
    SigningKey.objects.filter(publisher=publisher, retired_at=None, revoked_at=None).update(retired_at=row.decided_at)
    demanded = _end_demand(publisher, row)
    publisher.team.all().delete()
    publisher.workspace_id = row.workspace_id
    publisher.domain, publisher.token = "", new_token()
    publisher.proof, publisher.proven_at = Publisher.Proof.NONE, None
    publisher.vouched_by, publisher.vouch_reason = None, ""
    publisher.checked_at = publisher.missing_since = None
    publisher.save()
    PublisherMember.objects.create(
        publisher=publisher, user=row.asked_by, role=PublisherMember.Role.MANAGER, added_by=actor
    )
    tell_of_proof(publisher)
    row.publisher = publisher
    return demanded


def _end_demand(publisher: Publisher, row: NameClaim) -> str:
    """Since when signatures were demanded, as text, "" where none were. What was published unsigned since then waits
    still: whoever has the name now may sign it."""
    begins, ends = publisher.signs_from, row.decided_at
    publisher.signs_from = None
    if begins is None or ends is None or begins >= ends:
        return ""
    publisher.signed_spans = [*publisher.signed_spans, [begins.isoformat(), ends.isoformat()]]
    return begins.isoformat()


def _record(row: NameClaim, desk: Workspace, action: str, actor: User, reason: str, **facts: str) -> None:
    """In the trail of the desk; once it is decided in those of who asked and of who has the name as well."""
    homes = [desk.pk] if row.state == NameClaim.State.OPEN else [desk.pk, row.workspace_id, row.holder_id]
    for home in dict.fromkeys(homes):
        with scope_with(home):
            target = Workspace.objects.get(pk=home)
            audit.record(
                action,
                actor=actor,
                target=target,
                publisher=row.publisher.name,
                asked_by=row.workspace_name,
                first_yes=row.first_by,
                why=reason,
                **facts,
            )


def _tell_desk(desk: Workspace, row: NameClaim, *, by: User) -> None:
    people = holders_of(desk, MAY_VOUCH.partition(".")[2])
    notify(desk, people, "name_claim_waiting", cast(WorkspaceModel, row), by=by, note=row.plea)
