"""Levels age: what is not proven for 30 days is told, and a week later the level is lowered; it can be asked back."""

from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import F, Max, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import User, Workspace
from galaxy.core.notifications import notify
from galaxy.core.permissions import holders_of, require
from galaxy.core.scope import scope_with
from galaxy.core.sweeps import apart
from marketplace.desk import MAY_REVIEW, desk
from marketplace.evidence.models import Evidence, Lowering
from marketplace.evidence.proving import prove_version
from marketplace.evidence.rules import AMBER_DAYS, COMMUNITY, GRACE_DAYS, LEVELS, Rule, level_below
from marketplace.evidence.standing import AMBER, LAPSED, MISSING, RuleStanding, standing_of
from marketplace.models import Listing
from marketplace.services import give_level
from registry.errors import NotPublisher
from registry.models import Installation, Publisher
from registry.publishers.team import is_of_team

log = structlog.get_logger(__name__)
BATCH = 20  # versions tested at a time, the longest untested first
EVERY = timedelta(hours=20)  # once a day, whatever the hour


class NoAppeal(Conflict):
    code = "no_appeal"
    next_step = "See on the listing what is open."


def prove_listed(*, now: datetime | None = None, most: int = BATCH) -> int:
    """Test listed versions again, the longest untested first and each once a day; returns how many."""
    now = now or timezone.now()
    newest = Evidence.objects.public().filter(digest=OuterRef("version__digest"), rule="contract-tests")
    newest = newest.order_by().values("digest").annotate(at=Max("ran_at")).values("at")
    rows = Listing.objects.public().filter(is_made_up=False).select_related("version__extension")
    rows = rows.annotate(tested_at=Subquery(newest)).filter(Q(tested_at=None) | Q(tested_at__lte=now - EVERY))
    due = rows.order_by(F("tested_at").asc(nulls_first=True), "pk")[:most]
    done = 0
    for listing in due:
        try:
            prove_version(listing.version, now=now)
            done += 1
        except Exception:
            log.exception("sweep.failed", sweep="prove_listed", listing=str(listing.pk))
    return done


def age_levels(*, now: datetime | None = None) -> int:
    """Lower every level that rests on a rule which is not proven any more; tell of those that soon will be. Returns
    how many were lowered. Safe to run at any time, twice as well."""
    now = now or timezone.now()
    lowered = 0
    listings = (
        Listing.objects.public()
        .filter(is_made_up=False)
        .exclude(level=COMMUNITY)
        .select_related("extension", "version__extension")
    )
    for listing in listings.order_by("pk").iterator(chunk_size=200):
        try:
            lowered += _age(listing, now)
        except Exception:
            log.exception("sweep.failed", sweep="age_levels", listing=str(listing.pk))
    return lowered


@transaction.atomic
def appeal(lowering: Lowering, *, plea: str, workspace: Workspace, actor: User) -> Lowering:
    """Ask the desk to give a level back. ``workspace`` is the publisher's, on whose team ``actor`` is.

    Raises NotGranted, NotPublisher, Invalid without a reason, or NoAppeal where it was asked already.
    """
    require(actor, "core.write_extension", workspace)
    require_team(lowering, workspace=workspace, user=actor)
    plea = plea.strip()
    if not plea:
        raise Invalid("Nothing is asked.", {"plea": "Say in a sentence why the level should stand."})
    asked = Lowering.objects.filter(pk=lowering.pk, appeal=Lowering.Answer.NONE)
    if not asked.update(appeal=Lowering.Answer.OPEN, plea=plea[:1000], asked_by=actor, asked_at=timezone.now()):
        raise NoAppeal("It was asked already.")
    lowering.refresh_from_db()
    facts = {"extension": lowering.listing.extension.slug, "plea": plea}
    audit.record("level.appealed", actor=actor, target=workspace, after=facts)
    _tell_desk(lowering, f"{lowering.listing} asks to have its level back. {plea}")
    return lowering


def publishers_of(user: User, workspace: Workspace) -> QuerySet[Publisher]:
    """The names of ``workspace`` on whose teams ``user`` is: for what bears them they may appeal."""
    return Publisher.objects.filter(workspace=workspace, team__user=user)


def require_team(lowering: Lowering, *, workspace: Workspace, user: User) -> None:
    """Raises NotPublisher unless the listing is published under a name of ``workspace`` and ``user`` is on its team."""
    extension = lowering.listing.extension
    if extension.owner_id not in publishers_of(user, workspace).values_list("pk", flat=True):
        raise NotPublisher(f"{extension} is published by {extension.publisher}, whose team asks for its level.")


@transaction.atomic
def answer_appeal(lowering: Lowering, *, uphold: bool, note: str, actor: User) -> Lowering:
    """The desk's answer: give the level back, or not. Whoever asked does not answer, nor anybody of the publisher's
    team. The desk's workspace is in scope.

    Raises NotGranted, Invalid without a reason, or NoAppeal where nothing is open or one of them answers.
    """
    house = desk()
    if house is None:
        raise NoAppeal("There is no desk to answer.")
    require(actor, MAY_REVIEW, house)
    if not note.strip():
        raise Invalid("The answer has no reason.", {"note": "Say why."})
    row = Lowering.objects.select_for_update(of=("self",)).select_related("listing__extension").get(pk=lowering.pk)
    if row.appeal != Lowering.Answer.OPEN or row.asked_by_id == actor.pk:
        raise NoAppeal("It is not open, or you asked for it yourself.")
    owner = row.listing.extension.owner
    if owner is not None and is_of_team(actor, owner):
        raise NoAppeal(f"You are of the team of {owner}, so somebody else answers.")
    row.appeal = Lowering.Answer.UPHELD if uphold else Lowering.Answer.REFUSED
    row.answered_by, row.answered_at, row.answer_note = actor, timezone.now(), note.strip()[:1000]
    row.save()
    if uphold:
        give_level(row.listing, before=row.after, level=row.before)
    facts = {"extension": row.listing.extension.slug, "answer": row.appeal, "level": row.before, "note": note}
    audit.record("level.answered", actor=actor, target=house, after=facts)
    return row


@transaction.atomic
def lower(listing: Listing, rule: Rule, after: str, reason: str, now: datetime) -> int:
    """Lower the level of a listing to ``after`` since ``rule`` does not hold, and tell the desk and whoever uses it.
    Returns 1, or 0 where it stands there already or has another level by now."""
    before = listing.level
    if after == before or not give_level(listing, before=before, level=after):
        return 0
    lowering = Lowering.objects.create(
        listing=listing, before=before, after=after, rule=rule.code, reason=reason[:300], lowered_at=now
    )
    note = f"{listing} is {after} now, before {before}. {reason}"
    house = desk()
    if house is not None:
        with scope_with(house.pk):
            facts = {"extension": listing.extension.slug, "before": before, "after": after, "rule": rule.code}
            audit.record("level.lowered", actor=None, target=house, after=facts, reason=reason)
    _tell_desk(lowering, note)
    _tell_users(listing, "level_lowered", note)
    return 1


def _age(listing: Listing, now: datetime) -> int:
    rules = [one for one in standing_of(listing.version.digest, listing.level, now=now) if one.rule.ages]
    lapsed = [one for one in rules if _state(one, listing, now) == LAPSED]
    if lapsed:
        worst = min(lapsed, key=lambda one: LEVELS.index(one.rule.level))
        after = min((listing.level, level_below(worst.rule)), key=LEVELS.index)
        days = AMBER_DAYS + GRACE_DAYS
        return lower(listing, worst.rule, after, f"“{worst.rule.title}” was not proven for {days} days.", now)
    for one in rules:
        if _state(one, listing, now) == AMBER:
            _warn(listing, one)
    return 0


def _state(one: RuleStanding, listing: Listing, now: datetime) -> str:
    """What was never looked at is unproven since it was listed."""
    if one.state != MISSING:
        return one.state
    age = now - listing.listed_at
    return LAPSED if age >= timedelta(days=AMBER_DAYS + GRACE_DAYS) else AMBER if age >= timedelta(AMBER_DAYS) else ""


def _warn(listing: Listing, one: RuleStanding) -> None:
    note = f"{listing}: {one.rule.title.lower()} is not proven for {AMBER_DAYS} days. In a week its level is lowered."
    house = desk()
    if house is not None:
        with scope_with(house.pk):
            notify(house, holders_of(house, "review_submission"), "level_amber", house, note=note, again=False)
    _tell_users(listing, "level_amber", note)


def _tell_desk(lowering: Lowering, note: str) -> None:
    house = desk()
    if house is not None:
        with scope_with(house.pk):
            notify(house, holders_of(house, "review_submission"), "level_lowered", house, note=note)


def _tell_users(listing: Listing, kind: str, note: str) -> None:
    """Whoever may install for a workspace that has it, workspace by workspace."""
    for workspace in Workspace.objects.order_by("pk"):
        with apart("tell_of_level", workspace.pk, listing=listing.pk):
            here = Installation.objects.in_workspace(workspace).active().filter(extension=listing.extension_id)
            for row in here.select_related("workspace", "extension"):
                notify(workspace, holders_of(workspace, "install_extension"), kind, row, note=note, again=False)
