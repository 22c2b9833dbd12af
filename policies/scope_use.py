"""Scopes of a workspace: what each installation asks for, holds and uses, and which rules stand before it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from galaxy.core.models import User, Workspace
from policies.engine import Action, Context, Effect, Evaluation, Principal, Resource, evaluate
from policies.rules.compiling import Snapshot
from policies.rules.snapshots import snapshot_of
from policies.services.standing import name_of
from registry.levels import level_of
from registry.manifests import ActionSpec, Manifest, scopes
from registry.models import Extension, Installation, Kind

LOOKED_BACK = timedelta(days=90)
MOST_DECISIONS = 50_000  # the newest; older ones add nothing that a person would decide otherwise by
_USE = """
SELECT installation, action, count(*), max(decided_at) FROM (
    SELECT input->'resource'->>'installation_id' AS installation, action, decided_at FROM policies_decision
    WHERE workspace_id = %s AND decided_at >= %s AND coalesce(input->'context'->>'act', 'call') = 'call'
    ORDER BY decided_at DESC LIMIT %s
) AS newest GROUP BY 1, 2
"""
_STRENGTH = (Effect.ALLOW, Effect.REQUIRE_APPROVAL, Effect.DENY)


@dataclass(frozen=True)
class Gate:
    """What stands before a scope for somebody with every grant: the strictest answer over the actions that use it,
    the numbers of the rules that speak, and whom they ask ("" where nobody)."""

    effect: str
    rules: tuple[int, ...] = ()
    asks: str = ""

    def get_effect_display(self) -> str:
        return Effect(self.effect).label


@dataclass(frozen=True)
class Line:
    """``is_asked``: the pinned version asks for it; ``is_held``: the workspace agreed to it. ``calls`` within
    LOOKED_BACK, ``last`` of them."""

    scope: str
    verb: str
    sentence: str
    is_asked: bool
    is_held: bool
    calls: int
    last: datetime | None
    gate: Gate

    @property
    def is_idle(self) -> bool:
        """Held, and no call used it: a workspace could do without."""
        return self.is_held and not self.calls


@dataclass(frozen=True)
class Group:
    installation: Installation
    lines: list[Line]


def scopes_of(workspace: Workspace, user: User) -> list[Group]:
    """Every installation that ``user`` may see, by name. A fixed number of queries, but for the names of reviewers."""
    rows = Installation.objects.in_workspace(workspace).visible_to(user, workspace).filter(removed_at=None)
    installations = list(rows.select_related("extension", "pin__version", "workspace").order_by("extension__name"))
    used = _use(workspace)
    snapshot = snapshot_of(workspace)
    names: dict[str, str] = {}
    return [Group(one, _lines(one, used[str(one.pk)], snapshot, workspace, names)) for one in installations]


def gates_of(workspace: Workspace, manifest: Manifest, level: str) -> dict[str, Gate]:
    """Which rules would stand before each scope of ``manifest`` if it were installed, for the page that asks."""
    resource = Resource(manifest.id, manifest.kind, "", "", level, tuple(manifest.scopes))
    snapshot, names = snapshot_of(workspace), {}
    return {scope: _gate(snapshot, scope, manifest, resource, workspace, names) for scope in manifest.scopes}


def tell(workspace: Workspace, extension: Extension, manifest: Manifest) -> dict[str, tuple[str, str, str]]:
    """For registry.asks: of each scope that a rule speaks about, (word, tone of its badge, sentence)."""
    if not workspace.policy_version:
        return {}
    found = gates_of(workspace, manifest, level_of(extension))
    return {scope: _words(gate) for scope, gate in found.items() if gate.rules}


def _words(gate: Gate) -> tuple[str, str, str]:
    rules = f"By rule {gate.rules[0]}" if len(gate.rules) == 1 else f"By rules {', '.join(map(str, gate.rules))}"
    if gate.effect == Effect.DENY:
        return "Denied", "bad", f"{rules}: nobody uses it here."
    if gate.effect == Effect.REQUIRE_APPROVAL:
        return "Asks a person", "warn", f"{rules}: each call waits for {gate.asks}."
    return "Allowed", "line", f"{rules}."


def _use(workspace: Workspace) -> dict[str, dict[str, tuple[int, datetime]]]:
    """{installation: {action: (calls, last)}}"""
    found: dict[str, dict[str, tuple[int, datetime]]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(_USE, [workspace.pk, timezone.now() - LOOKED_BACK, MOST_DECISIONS])
        for installation, action, calls, last in cursor.fetchall():
            found[installation][action] = (calls, last)
    return found


def _lines(
    installation: Installation,
    used: dict[str, tuple[int, datetime]],
    snapshot: Snapshot,
    workspace: Workspace,
    names: dict[str, str],
) -> list[Line]:
    manifest = installation.pin.version.parsed
    asked, held = set(manifest.scopes), set(installation.scopes)
    resource = Resource(
        extension=installation.extension.slug,
        kind=manifest.kind,
        installation_id=str(installation.pk),
        version_digest=installation.pin.digest,
        level=level_of(installation.extension),
        scopes_granted=tuple(held),
    )
    lines = []
    for scope in asked | held:
        calls = [used[target] for target, _ in _using(manifest, scope, resource) if target in used]
        lines.append(
            Line(
                scope=scope,
                verb=scopes.verb(scope),
                sentence=scopes.sentence(scope),
                is_asked=scope in asked,
                is_held=scope in held,
                calls=sum(count for count, _ in calls),
                last=max((last for _, last in calls), default=None),
                gate=_gate(snapshot, scope, manifest, resource, workspace, names),
            )
        )
    return sorted(lines, key=lambda line: (scopes.VERBS.index(line.verb), line.scope))


def _using(manifest: Manifest, scope: str, resource: Resource) -> Iterable[tuple[str, ActionSpec]]:
    """The actions that use ``scope``, by what their calls are named; an extension of its own is called by its slug."""
    for name, spec in manifest.actions.items():
        if scope in spec.scopes:
            yield f"{resource.extension}.{name}" if resource.kind == Kind.CONNECTOR else resource.extension, spec


def _gate(
    snapshot: Snapshot, scope: str, manifest: Manifest, resource: Resource, workspace: Workspace, names: dict[str, str]
) -> Gate:
    """The strictest answer that somebody with every grant gets, over the actions that use ``scope``."""
    answers = [_ask(snapshot, target, spec, resource) for target, spec in _using(manifest, scope, resource)]
    if not answers:
        return Gate(Effect.ALLOW)
    worst = max(answers, key=lambda answer: _STRENGTH.index(answer.effect))
    numbers = {reason.rule for answer in answers for reason in answer.reasons if reason.rule}
    refs = {stage.reviewers for answer in answers if answer.ask for stage in answer.ask.stages}
    for ref in refs - set(names):
        names[ref] = name_of(ref, workspace.pk)
    return Gate(worst.effect, tuple(sorted(numbers)), ", ".join(sorted(names[ref] for ref in refs)))


def _ask(snapshot: Snapshot, target: str, spec: ActionSpec, resource: Resource) -> Evaluation:
    """A live call of one record by a person who may do everything: whatever stands in the way are rules. What changes
    something may go anywhere, and what reads goes nowhere new (sandbox.services.calls)."""
    person = Principal("person", "", "Somebody", roles=("member",), holds_read=True, holds_write=True)
    action = Action(
        target=target,
        effect=spec.effect,
        scopes=spec.scopes,
        destructive=spec.destructive,
        bulk_field=spec.bulk["field"] if spec.bulk else None,
        bulk_over=spec.bulk["over"] if spec.bulk else None,
        required_for=spec.approval_tags,
    )
    agreed = Resource(**{**vars(resource), "scopes_granted": tuple({*resource.scopes_granted, *spec.scopes})})
    context = Context(
        mode="live",
        bulk_count=1,
        data_classes=tuple(spec.classes),
        now=timezone.now(),
        caller="person",
        new_destination=None if action.deletes or spec.effect != "read" else False,
    )
    return evaluate(snapshot, person, action, agreed, context)
