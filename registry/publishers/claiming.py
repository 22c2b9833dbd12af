"""Claiming a name, and the team behind it."""

from django.db import transaction

from galaxy.core import audit
from galaxy.core.errors import Conflict
from galaxy.core.models import Membership, User, Workspace
from galaxy.core.permissions import can, require
from registry.errors import AlreadyOnTeam, LastManager, NotManager
from registry.models import Publisher, PublisherMember
from registry.publishers.naming import make_publisher
from registry.publishers.team import is_manager

MAY_CLAIM = "core.write_extension"
MAY_VOUCH = "core.review_submission"
MOST_UNPROVEN = 20  # names of a workspace: a name is for good, so that whoever hoards them keeps them from others


@transaction.atomic
def claim_name(workspace: Workspace, *, name: str, actor: User) -> Publisher:
    """Make ``name`` a publisher of ``workspace``, not proven yet; ``actor`` manages it.

    Raises NotGranted, Invalid for what cannot be a name, NameTaken where another has it or one that looks alike, or
    Conflict where many wait to be proven.
    """
    require(actor, MAY_CLAIM, workspace)
    Workspace.objects.select_for_update(no_key=True).get(pk=workspace.pk)  # two at once count each other's
    if Publisher.objects.filter(workspace=workspace, proof=Publisher.Proof.NONE).count() >= MOST_UNPROVEN:
        raise Conflict(f"{workspace} has {MOST_UNPROVEN} names that are not proven.", "Prove one of them first.")
    publisher = make_publisher(" ".join(name.split()), workspace=workspace, created_by=actor)
    PublisherMember.objects.create(publisher=publisher, user=actor, role=PublisherMember.Role.MANAGER, added_by=actor)
    record(publisher, "publisher.claimed", actor, after={"name": publisher.name})
    return publisher


@transaction.atomic
def add_to_team(publisher: Publisher, *, user: User, role: str, actor: User) -> PublisherMember:
    """Let a member of the publisher's workspace publish for it. Raises NotManager, Invalid or AlreadyOnTeam."""
    require_manager(actor, publisher)
    if not Membership.objects.filter(workspace=publisher.workspace, user=user).exists():
        raise NotManager(f"{user} is not a member of this workspace.", "Invite them first.")
    row, made = PublisherMember.objects.get_or_create(
        publisher=publisher, user=user, defaults={"role": role, "added_by": actor}
    )
    if not made:
        raise AlreadyOnTeam(f"{user} is on the team of {publisher} already.")
    record(publisher, "publisher.member_added", actor, after={"user": user, "role": role})
    return row


@transaction.atomic
def remove_from_team(member: PublisherMember, *, actor: User) -> None:
    """Raises NotManager, or LastManager: somebody has to answer for a name."""
    publisher = Publisher.objects.select_for_update(of=("self",)).get(pk=member.publisher_id)
    if member.user != actor:
        require_manager(actor, publisher)
    others = publisher.team.filter(role=PublisherMember.Role.MANAGER).exclude(pk=member.pk)
    if member.role == PublisherMember.Role.MANAGER and not others.exists():
        raise LastManager(f"{member.user} is the only manager of {publisher}.")
    member.delete()
    record(publisher, "publisher.member_removed", actor, before={"user": member.user, "role": member.role})


def is_maker_in(workspace: Workspace, user: User) -> bool:
    """Whether publishers are ``user``'s business there: who publishes from it, or decides about names at the desk."""
    return can(user, MAY_CLAIM, workspace) or (workspace.is_marketplace and can(user, MAY_VOUCH, workspace))


def may_manage(user: User, publisher: Publisher) -> bool:
    """Managers, and whoever sets what holds for the workspace, should the last of them have left."""
    if publisher.workspace_id is None:
        return False
    home = Workspace.objects.filter(pk=publisher.workspace_id).first()  # out of scope, say at the desk, there is none
    return is_manager(user, publisher) or bool(home and can(user, "core.change_settings", home))


def require_manager(user: User, publisher: Publisher) -> None:
    if not may_manage(user, publisher):
        raise NotManager(f"Only managers of {publisher} change this.")


def record(publisher: Publisher, action: str, actor: User | None, **facts) -> None:
    """An event in the trail of the workspace that has the name."""
    if publisher.workspace:
        audit.record(action, actor=actor, target=publisher.workspace, publisher=publisher.name, **facts)
