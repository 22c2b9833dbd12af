"""What the engine is asked about an install, an upgrade or a wider set of scopes, and what a yes to it is bound to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils import timezone

from galaxy.core.models import Agent, Membership
from policies.answers import Evaluation, Reason
from policies.engine import evaluate
from policies.models import Effect
from policies.proofs import proof_of
from policies.questions import Action, Context, Principal, Resource
from policies.rules.asks import Ask, merged
from policies.services.decisions import snapshot_of
from registry.gates import UPGRADE, WIDEN, Step
from registry.levels import UNVOUCHED, level_of, levels_of
from registry.manifests import Manifest, scopes
from registry.services import verified_manifest
from registry.services.holding import is_tried_out, why_not_hold, why_not_move


@dataclass(frozen=True)
class Verdict:
    """What the rules say of steps done together, whoever may do them: ``effect`` is the strongest of theirs, and
    ``ask`` what all of those ask for that do."""

    effect: Effect
    reasons: tuple[Reason, ...]
    ask: Ask | None
    policy_version: int


def question(step: Step) -> dict[str, Any]:
    """The arguments of the engine: {principal, action, resource, context}, with the permissions as they are now."""
    member = Membership.objects.in_workspace(step.workspace).filter(user=step.actor, user__is_active=True).first()
    principal = _principal(step, member, holds=member is not None and may(step))
    return _question(step, principal, level_of(step.extension), step.version.parsed)


def verdicts_apart(steps: Sequence[Step]) -> list[Verdict]:
    """What the rules say of each of ``steps`` by itself, as ``verdict_on`` does, in a fixed number of queries. All are
    of one workspace."""
    workspace = steps[0].workspace
    snapshot, levels = snapshot_of(workspace), levels_of([step.extension for step in steps])
    rows = Membership.objects.in_workspace(workspace).filter(
        user__in={step.actor.pk for step in steps}, user__is_active=True
    )
    members = {row.user_id: row for row in rows}
    found = []
    for step in steps:
        level = UNVOUCHED if step.extension.is_private else levels[step.extension.pk]
        principal = _principal(step, members.get(step.actor.pk), holds=True)
        asked = _question(step, principal, level, verified_manifest(step.version.digest))
        answer = evaluate(snapshot, **asked)
        found.append(Verdict(answer.effect, tuple(answer.reasons), answer.ask, snapshot.version))
    return found


def _question(step: Step, principal: Principal, level: str, manifest: Manifest) -> dict[str, Any]:
    wanted = step.new_scopes if step.act == WIDEN else step.scopes
    classes = sorted({name for action in manifest.actions.values() for name in action.classes})
    return {
        "principal": principal,
        "action": Action(
            target=step.extension.slug,
            effect=scopes.strongest([scopes.verb(one) for one in wanted]) if wanted else "read",
            scopes=tuple(wanted),
        ),
        "resource": Resource(
            extension=step.extension.slug,
            kind=step.extension.kind,
            installation_id=str(step.installation.pk) if step.installation else "",
            version_digest=step.version.digest,
            level=level,
            scopes_granted=tuple(step.scopes),
        ),
        "context": Context(mode="live", data_classes=tuple(classes), now=timezone.now(), caller="person", act=step.act),
    }


def may(step: Step) -> bool:
    """Whether the permissions alone let its actor do it."""
    if step.act == UPGRADE and step.installation is not None:
        wider = bool(step.new_scopes or step.new_hosts or step.weaker)
        return why_not_move(step.actor, step.installation, widens=wider) is None
    return why_not_hold(step.actor, step.workspace, step.extension) is None


def is_only_a_try(step: Step) -> bool:
    """Whether it is of an extension that the workspace makes for itself and that reaches nothing yet."""
    return is_tried_out(step.extension, step.workspace)


def verdict_on(steps: Sequence[Step]) -> Verdict:
    """What the rules say of ``steps``, as if the permission were there: a yes stands in for that alone. Stores nothing.

    An effect of allow has no ask; where the permission is missing, somebody is asked all the same.
    """
    snapshot = snapshot_of(steps[0].workspace)
    answers: list[Evaluation] = []
    for step in steps:
        asked = question(step)
        answers.append(evaluate(snapshot, **asked | {"principal": replace(asked["principal"], holds_write=True)}))
    effects = {answer.effect for answer in answers}
    effect = next(one for one in (Effect.DENY, Effect.REQUIRE_APPROVAL, Effect.ALLOW) if one in effects)
    reasons = dict.fromkeys(reason for answer in answers if answer.effect == effect for reason in answer.reasons)
    asks = [answer.ask for answer in answers if answer.ask]
    return Verdict(effect, tuple(reasons), merged(asks) if asks else None, snapshot.version)


def bound_parts(steps: Sequence[Step], verdict: Verdict, agent: Agent | None) -> dict[str, Any]:
    """What a yes holds for: any part that changes gives another digest. The last step is the one that is wanted."""
    wanted = steps[-1]
    there = wanted.installation
    proof = proof_of(wanted)
    proven = {"report": proof.digest, "one_way": list(proof.one_way)} if proof and proof.digest else {}
    return (
        ({"agent": str(agent.pk)} if agent else {})
        | ({"course": wanted.course.as_json()} if wanted.course else {})
        | proven
        | {
            "workspace": str(wanted.workspace.pk),
            "requester": str(wanted.actor.pk),
            "act": wanted.act,
            "extension": str(wanted.extension.pk),
            "version": wanted.version.digest,
            "held version": there.pin.digest if there else None,
            "along": [step.version.digest for step in steps[:-1]],
            "scopes": sorted({scope for step in steps for scope in step.scopes}),
            "hosts": sorted({host for step in steps for host in step.hosts}),
            "policy_version": verdict.policy_version,
            "rules": [
                str(verdict.effect),
                sorted([reason.rule, reason.code, reason.text] for reason in verdict.reasons),
            ],
        }
    )


def _principal(step: Step, member: Membership | None, *, holds: bool) -> Principal:
    """Always a person: agents install nothing."""
    user = step.actor
    roles = (member.role, str(member.custom_role_id or "")) if member else ()
    return Principal(
        kind="person",
        id=str(user.pk),
        label=str(user),
        roles=tuple(filter(None, roles)),
        holds_read=holds,
        holds_write=holds,
    )
