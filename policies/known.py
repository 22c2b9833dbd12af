"""What a workspace has that its rules can name: people, roles, groups, agents, and what is installed."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from galaxy.core.errors import DomainError
from galaxy.core.models import Agent, Membership, Role, RoleGroup, Workspace
from galaxy.core.permissions import holders_of
from policies.models import ApproverGroup, ApproverGroupMember
from policies.triggers import triggers_of
from registry.manifests import Manifest
from registry.models import Installation, Kind
from registry.services import verified_manifest

DEEPEST = 4  # maps within maps that numbers of the inputs are looked for in


@dataclass(frozen=True)
class KnownAgent:
    name: str
    owner: str
    is_over: bool


@dataclass(frozen=True)
class KnownGroup:
    """``members`` are ids of those who are still in the workspace."""

    name: str
    members: frozenset[str]
    is_over: bool


@dataclass(frozen=True)
class KnownExtension:
    name: str
    kind: str


@dataclass(frozen=True)
class KnownAction:
    """Something that can be called. ``kind`` is that of its extension, as rules are told it; ``numbers`` are dotted
    fields of its inputs."""

    target: str
    extension: str
    kind: str
    effect: str = "read"
    scopes: tuple[str, ...] = ()
    destructive: bool = False
    classes: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    counts_records: bool = False


class Known:
    """Each part is read once, when it is first asked for. People are ids as text, roles are as rules name them."""

    def __init__(self, workspace: Workspace):
        self.workspace = workspace

    # --- People ---------------------------------------------------------------------------------------------------

    @cached_property
    def _memberships(self) -> list[Membership]:
        rows = Membership.objects.in_workspace(self.workspace).filter(user__is_active=True)
        return list(rows.select_related("user").order_by("user__name", "user__email"))

    @cached_property
    def people(self) -> dict[str, str]:
        """Active members: {id: name}."""
        return {str(row.user_id): str(row.user) for row in self._memberships}

    @cached_property
    def roles(self) -> dict[str, str]:
        """{role or id of a role of the workspace's own: label}."""
        own = RoleGroup.objects.in_workspace(self.workspace).filter(role="").order_by("name")
        return {**dict(Role.choices), **{str(row.pk): row.name for row in own}}

    def in_role(self, role: str) -> frozenset[str]:
        return frozenset(
            str(row.user_id) for row in self._memberships if role in (row.role, str(row.custom_role_id or ""))
        )

    @cached_property
    def deciders(self) -> frozenset[str]:
        """Whom ``approvers`` means."""
        return self._holders("decide_approval")

    @cached_property
    def runners(self) -> frozenset[str]:
        """Who may call something at all."""
        return self._holders("run_installation")

    def _holders(self, codename: str) -> frozenset[str]:
        return frozenset(str(pk) for pk in holders_of(self.workspace, codename).values_list("pk", flat=True))

    @cached_property
    def groups(self) -> dict[str, KnownGroup]:
        members: dict[str, set[str]] = {}
        rows = ApproverGroupMember.objects.in_workspace(self.workspace).values_list("group_id", "user_id")
        for group, user in rows:
            members.setdefault(str(group), set()).add(str(user))
        return {
            str(row.pk): KnownGroup(
                row.name,
                frozenset(members.get(str(row.pk), ())) & self.people.keys(),
                row.ended_at is not None,
            )
            for row in ApproverGroup.objects.in_workspace(self.workspace)
        }

    @cached_property
    def agents(self) -> dict[str, KnownAgent]:
        rows = Agent.objects.in_workspace(self.workspace)
        return {str(row.pk): KnownAgent(row.name, str(row.owner_id), row.is_over) for row in rows}

    def answering(self, ref: str) -> frozenset[str]:
        """The people that a reference to reviewers means; nobody where it names what is not there, or has ended."""
        kind, _, name = ref.partition(":")
        if kind == "approvers":
            return self.deciders
        if kind == "role":
            return self.in_role(name)
        if kind == "group":
            group = self.groups.get(name)
            return group.members if group and not group.is_over else frozenset()
        return frozenset({name}) & self.people.keys()

    def called(self, ref: str) -> str:
        """A reference to reviewers in words."""
        kind, _, name = ref.partition(":")
        if kind == "role":
            return f"role {self.roles.get(name, 'that is gone')}"
        if kind == "group":
            return self.groups[name].name if name in self.groups else "a group that is gone"
        if kind == "person":
            return self.people.get(name, "somebody who left")
        return "approvers"

    # --- What is installed ------------------------------------------------------------------------------------------

    @cached_property
    def _installed(self) -> list[tuple[KnownExtension, str, Manifest | None]]:
        rows = Installation.objects.in_workspace(self.workspace).active().select_related("extension", "pin")
        return [
            (KnownExtension(row.extension.name, row.extension.kind), row.extension.slug, _manifest(row.pin.digest))
            for row in rows
        ]

    @cached_property
    def extensions(self) -> dict[str, KnownExtension]:
        return {slug: extension for extension, slug, _ in self._installed}

    @cached_property
    def triggers(self) -> dict[str, str]:
        """What starts calls by itself: {slug: name}."""
        return triggers_of(self.workspace)

    def slugs(self, kind: str) -> list[str]:
        """Names that rules may use of packs and the like; of triggers those of the workspace, which start calls."""
        if kind == Kind.TRIGGER:
            return sorted(self.triggers)
        return sorted(slug for slug, extension in self.extensions.items() if extension.kind == kind)

    @cached_property
    def actions(self) -> dict[str, KnownAction]:
        """Everything that can be called here, by target, as its pinned version declares it."""
        found = [
            action
            for extension, slug, manifest in self._installed
            if manifest
            for action in _actions(slug, extension.kind, manifest)
        ]
        return {action.target: action for action in sorted(found, key=lambda one: one.target)}

    @cached_property
    def scopes(self) -> list[str]:
        return sorted({scope for action in self.actions.values() for scope in action.scopes})

    @cached_property
    def numbers(self) -> list[str]:
        return sorted({name for action in self.actions.values() for name in action.numbers})


def _manifest(digest: str) -> Manifest | None:
    """None where the stored version is not what was published: nothing of it runs."""
    try:
        return verified_manifest(digest)
    except DomainError:
        return None


def _actions(slug: str, kind: str, manifest: Manifest) -> Iterator[KnownAction]:
    if kind in (Kind.TRANSFORM, Kind.PACK):
        yield KnownAction(slug, slug, kind, numbers=frozenset(_numbers(manifest.inputs)))
    for name, action in manifest.actions.items():
        yield KnownAction(
            target=f"{slug}.{name}" if kind == Kind.CONNECTOR else slug,
            extension=slug,
            kind=kind,
            effect=action.effect,
            scopes=action.scopes,
            destructive=action.destructive,
            classes=action.classes,
            numbers=frozenset(_numbers(action.inputs)),
            counts_records=action.bulk is not None,
        )


def _numbers(schema: dict[str, Any], path: str = "", depth: int = 1) -> Iterator[str]:
    """Dotted names of the numbers that inputs of ``schema`` may hold, those with a data class left out."""
    for name, inner in schema.get("properties", {}).items():
        if not isinstance(inner, dict) or "x-data-class" in inner:
            continue
        kinds = inner.get("type")
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if {"number", "integer"} & set(kinds):
            yield f"{path}{name}"
        if "object" in kinds and depth < DEEPEST:
            yield from _numbers(inner, f"{path}{name}.", depth + 1)
