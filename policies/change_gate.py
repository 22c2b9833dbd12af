"""The rules at the doors of the registry: what an install, an upgrade or a wider set of scopes meets there."""

from collections.abc import Sequence

from django.urls import reverse

from galaxy.core.models import Membership
from galaxy.core.permissions import label_of
from policies.models import Change, Effect
from policies.proofs import proof_of, replayed
from policies.rules.asks import Ask
from policies.services.change_questions import is_only_a_try, question, verdict_on, verdicts_apart
from policies.services.decisions import decide
from policies.waiting import who_will_be_asked
from registry.gates import UPGRADE, NeedsApproval, Outlook, RuledOut, Step

_AWAITED = "It calls inputs otherwise, so the calls recorded here are replayed on it first."


class RulesGate:
    """What the workspace's rules say (registry.gates.Gate). What its makers only try out passes: it reaches nothing."""

    def check(self, step: Step) -> None:
        """Decide, and keep the decision. Raises NeedsApproval, RuledOut or ReplayFirst."""
        if is_only_a_try(step):
            return
        decision = decide(step.workspace, **question(step))
        why = decision.reasons[0]["text"] if decision.reasons else ""
        if decision.effect == Effect.REQUIRE_APPROVAL:
            asked = who_will_be_asked(Ask.from_json(decision.ask), step.workspace)
            raise NeedsApproval(f"{why} Nothing was done. A person is asked first: {asked.sentence}".strip())
        if decision.effect == Effect.DENY:
            raise RuledOut(why or "Nothing allows this.")
        proof = replayed(step)
        if proof and proof.one_way:
            raise NeedsApproval(f"There is no proven way back: {' '.join(proof.one_way)} Nothing was done.")

    def hindrances(self, steps: Sequence[Step]) -> list[str]:
        """By the rules alone. What a workspace only tries out is asked for one by one: it has few of those."""
        found = []
        for step, verdict in zip(steps, verdicts_apart(steps), strict=True):
            passes = verdict.effect == Effect.ALLOW or is_only_a_try(step)
            why = " ".join(reason.text for reason in verdict.reasons)
            asks = verdict.effect == Effect.REQUIRE_APPROVAL
            usual = "A rule wants a person’s yes first." if asks else "A rule forbids it."
            found.append("" if passes else why or usual)
        return found

    def outlook(self, steps: Sequence[Step], may: bool) -> Outlook | None:
        if not steps or all(is_only_a_try(step) for step in steps):
            return None
        verdict = verdict_on(steps)
        wanted = steps[-1]
        proof = proof_of(wanted)
        if verdict.effect == Effect.REQUIRE_APPROVAL or not may or (proof and proof.one_way):
            proof = proof_of(wanted, wants=True)  # it is asked for, so there has to be a report
        one_way, awaited = (proof.one_way, proof.awaited) if proof else ((), None)
        replay = {"replay": awaited.url, "is_replaying": awaited.is_under_way} if awaited else {}
        if verdict.effect == Effect.ALLOW and may and not one_way:
            return Outlook((_AWAITED, *filter(None, (awaited.stuck,))), **replay) if awaited else None
        why = tuple(reason.text for reason in verdict.reasons) if verdict.effect != Effect.ALLOW else ()
        if verdict.effect == Effect.DENY:
            return Outlook(why)
        if not may:
            why = (f"Needs “{_needed(wanted)}”, which you do not have: somebody else has to agree.", *why)
        members = Membership.objects.in_workspace(wanted.workspace).filter(user=wanted.actor, user__is_active=True)
        if not members.exists():
            return Outlook(why)
        asked = who_will_be_asked(verdict.ask or Ask(), wanted.workspace)
        return Outlook(
            why,
            url=reverse("policies:change-create", args=[wanted.workspace.slug]),
            asked=asked.sentence,
            waiting=_waiting(wanted),
            one_way=one_way,
            **replay,
        )


def _needed(wanted: Step) -> str:
    """The permission, in words, that lets it be done without asking."""
    wider = wanted.new_scopes or wanted.new_hosts or wanted.weaker
    return label_of("pin_installation" if wanted.act == UPGRADE and not wider else "install_extension")


def _waiting(wanted: Step) -> str:
    """The page of the request of theirs for just this version that waits, "" where none does; step by step, by whatever
    course."""
    rows = Change.objects.in_workspace(wanted.workspace).filter(
        asked_by=wanted.actor,
        extension=wanted.extension,
        version=wanted.version,
        kind=wanted.act,
        state=Change.State.WAITING,
        course__isnull=wanted.course is None,
    )
    found = rows.select_related("workspace").first()
    return found.get_absolute_url() if found else ""
