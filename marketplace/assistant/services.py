"""The verbs of the assistant: look again, put off, dismiss. Acting on advice: marketplace.assistant.acting.

Looking again is safe to do at any time and twice: what the rules say is written once for each rule and subject while it
is open, brought up to date where its facts moved, and closed where they are gone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import Membership, User, Workspace
from galaxy.core.notifications import notify, settle
from galaxy.core.permissions import Denied, NotGranted, holders_of, why_not
from galaxy.core.sweeps import apart
from marketplace.assistant.drafts import INFO, Draft
from marketplace.assistant.facts import Called, Facts
from marketplace.assistant.judging import judge_due
from marketplace.assistant.models import Advice
from marketplace.assistant.reading import facts_of
from marketplace.assistant.records import quiet_rules
from marketplace.assistant.rules import advise
from marketplace.assistant.rules.running import LEAST_CALLS, is_failing
from policies.services.changes import NotMember
from registry.models import Installation
from sandbox.issues import close_issues, open_issue
from sandbox.models import Issue

NEWS = "advice_given"
QUIET_FOR = timedelta(days=90)  # what was dismissed is not said again for so long, unless it grew more urgent
LONGEST_SNOOZE = timedelta(days=90)
SWEEP = "marketplace.advise"
LOOKED_FOR = timedelta(minutes=30)
LOOKED_BY_HAND_FOR = timedelta(seconds=20)
# Who is told of new advice, and puts it away or off for everybody: those who can do it. Asking is open to more.
DOERS = {
    "version_withdrawn": "pin_installation",
    "version_ending": "pin_installation",
    "roll_back": "pin_installation",
    "update_available": "pin_installation",
    "alternative": "install_extension",
    "pack_unmet": "install_extension",
    "pack_live": "install_extension",
    "unmet_scope": "install_extension",
    "keeps_failing": "manage_connection",
    "slow": "manage_connection",
    "renew_connection": "manage_connection",
    "trigger_off": "manage_trigger",
    "queue_old": "decide_approval",
    "manual_steps": "manage_rule",
    "unused_scope": "manage_rule",
}
Place = tuple[str, str, UUID, str]


class AdviceOver(Conflict):
    """It was dismissed meanwhile, or what it tells of is so no more."""

    code = "advice_over"
    next_step = "Go back to the list to see what is advised now."


@dataclass(frozen=True)
class Renewed:
    made: int = 0
    changed: int = 0
    closed: int = 0


def advise_due(now: datetime | None = None) -> int:
    """Look again where nobody did for half an hour, or something moved since, judge what is due and forget what is
    old; returns how much is new. One workspace that fails holds up no other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT workspace_id FROM marketplace_advised_workspaces()")
        ids = [row[0] for row in cursor.fetchall()]
    made = 0
    for id in ids:
        if not cache.add(_looked(id), True, timeout=LOOKED_FOR.total_seconds()):
            continue
        with apart(SWEEP, id):
            workspace = Workspace.objects.get(pk=id)
            made += renew(workspace, now).made
            judge_due(workspace, now)
            forget_old(workspace, now)
    return made


def forget_old(workspace: Workspace, now: datetime | None = None) -> int:
    """Delete advice that was over for GALAXY_KEEP_ADVICE_DAYS and that nobody waits to judge; returns how much. What
    was done about it stays in the trail."""
    before = (now or timezone.now()) - timedelta(days=settings.GALAXY_KEEP_ADVICE_DAYS)
    old = Advice.objects.in_workspace(workspace).exclude(state=Advice.State.OPEN).filter(ended_at__lt=before)
    count, _ = old.filter(Q(judge_at=None) | Q(judged_at__isnull=False)).delete()
    return count


def look_now(workspace: Workspace, *, actor: User) -> Renewed | None:
    """Look again at once, as a member asks; None where somebody did within the last seconds. Raises NotMember."""
    require_member(actor, workspace)
    if not cache.add(f"{_looked(workspace.pk)}.by_hand", True, timeout=LOOKED_BY_HAND_FOR.total_seconds()):
        return None
    return renew(workspace)


def something_moved(workspace_id: UUID) -> None:
    """The next sweep looks again, within a minute."""
    cache.delete(_looked(workspace_id))


def _looked(workspace_id: UUID) -> str:
    return f"galaxy.assistant.looked.{workspace_id}"


def renew(workspace: Workspace, now: datetime | None = None) -> Renewed:
    """Load the facts, ask the rules, and bring the rows up to date. Whoever can do something about what is new and
    needs a look is told, in the digest."""
    now = now or timezone.now()
    facts = facts_of(workspace, now)
    _tend_issues(workspace, facts)
    drafts = {draft.place: draft for draft in advise(facts)}
    quiet = quiet_rules(workspace)
    with transaction.atomic():
        open_rows = Advice.objects.in_workspace(workspace).open().select_for_update(of=("self",)).order_by("pk")
        there = {_place(row): row for row in open_rows.select_related("workspace")}
        kept = {place: draft for place, draft in drafts.items() if place in there}
        changed = sum(_bring_up_to_date(there[place], draft, now) for place, draft in kept.items())
        closed = [row for place, row in there.items() if place not in drafts]
        for row in closed:
            row.state, row.ended_at = Advice.State.CLOSED, now
            row.save(update_fields=["state", "ended_at"])
            settle(workspace, row, NEWS)
        unsaid = _not_said_again(workspace, (drafts[place] for place in drafts if place not in there), now)
        made = Advice.objects.bulk_create(
            [_row(workspace, draft, now) for draft in unsaid], ignore_conflicts=True, batch_size=500
        )
        fresh = Advice.objects.in_workspace(workspace).open().filter(made_at=now)
        told = {_place(row): row for row in fresh.select_related("workspace", "connection")}
        for row in made:
            if _place(row) in told:
                _tell(told[_place(row)], quiet)
    return Renewed(len(told), changed, len(closed))


@transaction.atomic
def dismiss(advice: Advice, *, actor: User, reason: str, via: Actor | None = None) -> Advice:
    """Put advice away, for a reason; the same is not said again for 90 days. Audited. Raises NotMember,
    NotGranted, AdviceOver or Invalid."""
    require_to_answer(advice, actor)
    reason = _reasoned(reason)
    row = _locked(advice)
    row.state, row.ended_at, row.ended_by, row.reason = Advice.State.DISMISSED, timezone.now(), actor, reason
    row.save(update_fields=["state", "ended_at", "ended_by", "reason"])
    audit.record("advice.dismissed", actor=via or actor, target=row, after=row.as_facts(), reason=reason)
    settle(row.workspace, row, NEWS)
    return row


@transaction.atomic
def snooze(advice: Advice, *, actor: User, until: datetime, via: Actor | None = None) -> Advice:
    """Put advice off until a moment within 90 days; it stays open, and closes itself all the same. Audited. Raises
    NotMember, NotGranted, AdviceOver or Invalid."""
    require_to_answer(advice, actor)
    now = timezone.now()
    if not now < until <= now + LONGEST_SNOOZE:
        raise Invalid("That is no time to put it off to.", {"until": "Choose a day within the next 90."})
    row = _locked(advice)
    row.snoozed_until = until
    row.save(update_fields=["snoozed_until"])
    audit.record("advice.snoozed", actor=via or actor, target=row, after={**row.as_facts(), "until": until})
    settle(row.workspace, row, NEWS)
    return row


def require_member(actor: User, workspace: Workspace) -> None:
    """Whoever only looks in answers nothing. Raises NotMember."""
    if not Membership.objects.in_workspace(workspace).filter(user=actor, user__is_active=True).exists():
        raise NotMember(f"{actor} is not a member of {workspace.name}.")


def denied_to_answer(advice: Advice, user: User) -> Denied | None:
    """None where ``user`` may put it away or off, for everybody who sees it: who can do it, and whose connection it is
    about; else what is missing."""
    if advice.connection and advice.connection.owner_id == user.pk:
        return None
    return why_not(user, f"core.{DOERS[advice.rule]}", advice.installation or advice.workspace)


def require_to_answer(advice: Advice, user: User) -> None:
    """Raises NotMember or NotGranted."""
    require_member(user, advice.workspace)
    if denied := denied_to_answer(advice, user):
        raise NotGranted(denied)


def locked_open(advice: Advice) -> Advice:
    """The row as it is now, open and held until the transaction ends. Raises AdviceOver."""
    return _locked(advice)


def _locked(advice: Advice) -> Advice:
    rows = Advice.objects.in_workspace(advice.workspace).select_for_update(of=("self",))
    related = ("workspace", "installation__extension", "installation__workspace", "installation__pin__version")
    row = rows.select_related(*related, "connection").get(pk=advice.pk)
    if not row.is_open:
        raise AdviceOver("This advice is over.")
    return row


def _reasoned(reason: str) -> str:
    reason = " ".join(reason.split())
    if not reason:
        raise Invalid("Say why it is dismissed.", {"reason": "Say why, in a few words."})
    if len(reason) > 300:
        raise Invalid("The reason is too long.", {"reason": "At most 300 characters."})
    return reason


def _place(row: Advice) -> Place:
    return row.rule, row.subject_kind, row.subject_id, row.key


def _row(workspace: Workspace, draft: Draft, now: datetime) -> Advice:
    return Advice(
        workspace=workspace,
        rule=draft.rule,
        key=draft.key,
        subject_kind=draft.subject_kind,
        subject_id=draft.subject_id,
        installation_id=draft.installation,
        connection_id=draft.connection,
        needs=draft.needs,
        severity=draft.severity,
        digest=draft.digest,
        measure=draft.measure.as_json(),
        made_at=now,
        renewed_at=now,
        **draft.content(),
    )


def _bring_up_to_date(row: Advice, draft: Draft, now: datetime) -> bool:
    """Whether its facts moved. What somebody acted on keeps the measure that it is judged by."""
    if row.digest == draft.digest:
        return False
    for name, value in draft.content().items():
        setattr(row, name, value)
    if row.severity < draft.severity:
        row.snoozed_until = None  # it was put off when it was less urgent
    row.severity, row.needs, row.digest, row.renewed_at = draft.severity, draft.needs, draft.digest, now
    row.rephrased = row.not_believed = ""
    words = ("rephrased", "not_believed")
    names = [*draft.content(), "severity", "needs", "digest", "renewed_at", "snoozed_until", *words]
    if row.acted_at is None:
        row.measure = draft.measure.as_json()
        names.append("measure")
    row.save(update_fields=names)
    return True


def _not_said_again(workspace: Workspace, drafts: Iterable[Draft], now: datetime) -> list[Draft]:
    """Without what somebody dismissed lately, unless it is more urgent by now."""
    rows = Advice.objects.in_workspace(workspace).filter(state=Advice.State.DISMISSED, ended_at__gt=now - QUIET_FOR)
    dismissed: dict[Place, int] = {}
    for rule, kind, subject, key, severity in rows.values_list("rule", "subject_kind", "subject_id", "key", "severity"):
        place = (rule, kind, subject, key)
        dismissed[place] = max(severity, dismissed.get(place, 0))
    return [draft for draft in drafts if draft.severity > dismissed.get(draft.place, 0)]


def _tell(row: Advice, quiet: frozenset[str]) -> None:
    if row.severity == INFO or (row.rule in quiet and row.severity < Advice.Severity.URGENT):
        return
    people = holders_of(row.workspace, DOERS[row.rule])
    if row.connection_id and row.connection and row.connection.owner_id:
        people = User.objects.filter(pk=row.connection.owner_id)
    notify(row.workspace, people, NEWS, row, note=str(row), later=True)


def _tend_issues(workspace: Workspace, facts: Facts) -> None:
    """Open an issue for each action that keeps failing and has none, and close those of what is healed."""
    failing = {(one.installation.id, one.target): one for one in facts.called if is_failing(one)}
    rows = Issue.objects.in_workspace(workspace).open().filter(kind=Issue.Kind.KEEPS_FAILING)
    for issue in rows.select_related("installation__workspace"):
        if (issue.installation_id, issue.target) not in failing:
            close_issues(
                issue.installation,
                Issue.Kind.KEEPS_FAILING,
                target=issue.target,
                because=f"The newest call succeeded, most did, or fewer than {LEAST_CALLS} were made in seven days.",
            )
    new = {place: one for place, one in failing.items() if one.issue is None}
    if not new:
        return
    installations = Installation.objects.in_workspace(workspace).in_bulk({pk for pk, _ in new})
    for (pk, _), one in new.items():
        _open(installations[pk], workspace, one)


def _open(installation: Installation, workspace: Workspace, one: Called) -> None:
    installation.workspace = workspace
    figures = one.figures
    open_issue(
        installation,
        Issue.Kind.KEEPS_FAILING,
        target=one.target,
        sentence=f"{figures.bad} of {figures.calls} calls of {one.target} failed within seven days.",
        next_step="Look at what the calls that failed have in common, and whether another version does better.",
        facts={
            "failed": figures.bad,
            "calls": figures.calls,
            "category": one.category,
            **({"run": str(one.run)} if one.run else {}),
        },
    )
