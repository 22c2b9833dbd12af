"""Proof of a name: a TXT record of its domain, which is looked for again and again, or the word of staff."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.errors import DomainError, Invalid
from galaxy.core.members import marketplace_workspace
from galaxy.core.models import User, Workspace
from galaxy.core.permissions import require
from galaxy.core.scope import scope_with
from registry.errors import NeedsAnother, NoDomain
from registry.models import Publisher
from registry.publishers.claiming import MAY_VOUCH, record, require_manager
from registry.publishers.domains import plain_domain
from registry.publishers.naming import new_token
from registry.publishers.news import settle_team, tell_team
from registry.publishers.team import is_of_team
from registry.signals import proof_changed

log = structlog.get_logger(__name__)
CHECK_EVERY = timedelta(hours=12)
LAPSES_AFTER = timedelta(days=3)  # a record that is gone may be an accident; a proof is not taken away for that
AT_MOST = 50
Lookup = Callable[[str], list[str]]  # the texts of TXT records under a name; raises DomainError
_lookups: list[Lookup] = []


def register_lookup(lookup: Lookup) -> None:
    """Say who looks records up; once, when the app is ready."""
    if lookup not in _lookups:
        _lookups.append(lookup)


@transaction.atomic
def set_domain(publisher: Publisher, *, domain: str, actor: User) -> Publisher:
    """Say by which domain the name is to be proven. Another domain ends the proof by the one before, and has a record
    of its own. Raises NotManager or Invalid."""
    require_manager(actor, publisher)
    try:
        plain = plain_domain(domain)
    except ValueError as error:
        raise Invalid(str(error), {"domain": str(error)}) from error
    row = Publisher.objects.select_for_update(of=("self",)).get(pk=publisher.pk)
    if row.domain != plain:
        before, row.domain, row.token = row.domain, plain, new_token()
        row.checked_at = row.missing_since = None
        if row.proof == Publisher.Proof.DNS:
            row.proof, row.proven_at = Publisher.Proof.NONE, None
            tell_of_proof(row)
        row.save()
        record(row, "publisher.domain_set", actor, before={"domain": before}, after={"domain": plain})
    return row


def check_proof(publisher: Publisher, *, actor: User | None = None, now: datetime | None = None) -> bool:
    """Look for the record now; whether it is there. A proof whose record is gone for three days lapses.

    Raises NotManager, NoDomain, or what says that the record could not be looked for, which changes nothing.
    """
    if actor:
        require_manager(actor, publisher)
    if not publisher.domain or not _lookups:
        raise NoDomain(f"{publisher} has no domain to look at.")
    is_there = publisher.record_text in _lookups[0](publisher.record_name)
    with transaction.atomic():
        row = Publisher.objects.select_for_update(of=("self",)).get(pk=publisher.pk)
        if (row.domain, row.token) == (publisher.domain, publisher.token):
            _found(row, is_there, actor, now or timezone.now())
    publisher.refresh_from_db()
    return is_there


def _found(row: Publisher, is_there: bool, actor: User | None, now: datetime) -> None:
    row.checked_at, before = now, row.proof
    if is_there:
        if row.missing_since is not None:
            row.missing_since = None
            settle_team(row, "publisher_record_missing")
        if row.proof == Publisher.Proof.NONE:
            row.proof, row.proven_at = Publisher.Proof.DNS, now
            record(row, "publisher.proven", actor, after={"proof": row.proof, "domain": row.domain})
    elif row.proof == Publisher.Proof.DNS:
        if row.missing_since is None:
            row.missing_since = now
            tell_team(row, "publisher_record_missing", note=_put_back(row))
        if now - row.missing_since >= LAPSES_AFTER:
            row.proof, row.proven_at = Publisher.Proof.NONE, None
            record(row, "publisher.proof_lapsed", actor, before={"proof": "dns", "domain": row.domain})
            settle_team(row, "publisher_record_missing")
            tell_team(row, "publisher_proof_lapsed", note=f"The record of {row.domain} is gone for three days.")
    row.save()
    if row.proof != before:
        tell_of_proof(row)


def _put_back(row: Publisher) -> str:
    return f"Put {row.record_name} back: after three days the name counts as not proven."


def check_due_proofs(now: datetime | None = None) -> int:
    """Look for each record that was last looked for half a day ago; returns how many proofs stand."""
    now = now or timezone.now()
    due = Publisher.objects.filter(proof=Publisher.Proof.DNS, checked_at__lte=now - CHECK_EVERY)
    standing = 0
    for row in due.select_related(None).order_by("checked_at")[:AT_MOST]:
        with scope_with(*filter(None, [row.workspace_id])):
            try:
                standing += check_proof(row, now=now)
            except DomainError as error:
                log.warning("publisher not looked up", publisher=row.slug, code=error.code)
    return standing


@transaction.atomic
def vouch(publisher: Publisher, *, reason: str, actor: User) -> Publisher:
    """Say at the desk that the name is its publisher's, and how that is known. Raises NotGranted, Invalid, or
    NeedsAnother for whoever publishes under it."""
    desk = require_desk(actor)
    if is_of_team(actor, publisher):
        raise NeedsAnother(f"You are of the team of {publisher}, so somebody else vouches for it.")
    reason = reason_of(reason)
    now = timezone.now()
    row = Publisher.objects.select_for_update(of=("self",)).get(pk=publisher.pk)
    before = row.proof
    row.proof, row.proven_at, row.vouched_by, row.vouch_reason = Publisher.Proof.STAFF, now, actor, reason
    row.save()
    tell_of_proof(row)
    _record_both(row, desk, "publisher.vouched", actor, before={"proof": before}, after={"proof": "staff"}, why=reason)
    return row


@transaction.atomic
def withdraw_vouch(publisher: Publisher, *, reason: str, actor: User) -> Publisher:
    """Take the word back; a record of the domain may prove the name still, when it is next looked for."""
    desk = require_desk(actor)
    reason = reason_of(reason)
    row = Publisher.objects.select_for_update(of=("self",)).get(pk=publisher.pk)
    if row.proof == Publisher.Proof.STAFF:
        row.proof, row.proven_at, row.vouched_by, row.vouch_reason = Publisher.Proof.NONE, None, None, ""
        row.save()
        tell_of_proof(row)
        facts = {"before": {"proof": "staff"}, "after": {"proof": "none"}, "why": reason}
        _record_both(row, desk, "publisher.vouch_withdrawn", actor, **facts)
    return row


def tell_of_proof(row: Publisher) -> None:
    """Say after the commit that its proof is another."""
    transaction.on_commit(partial(proof_changed.send_robust, sender=Publisher, publisher=row))


def require_desk(actor: User) -> Workspace:
    """The desk, at which ``actor`` decides about names. Raises NotGranted."""
    desk = marketplace_workspace()
    if desk is None:
        raise PermissionDenied("There is no desk yet, and only people at the desk vouch for a name.")
    require(actor, MAY_VOUCH, desk)
    return desk


def reason_of(text: str) -> str:
    """Raises Invalid for none, or a long one."""
    text = text.strip()
    if not 0 < len(text) <= 300:
        raise Invalid("Say in at most 300 characters why.", {"reason": "Say in at most 300 characters why."})
    return text


def _record_both(row: Publisher, desk: Workspace, action: str, actor: User, **facts) -> None:
    audit.record(action, actor=actor, target=desk, publisher=row.name, **facts)
    if row.workspace_id and row.workspace_id != desk.pk:
        with scope_with(row.workspace_id):
            record(row, action, actor, **facts)
