"""What a publisher's team is told: of its proof, its keys, and versions that wait for its signature."""

from collections.abc import Iterable
from typing import cast
from uuid import UUID

from galaxy.core.models import User, Workspace, WorkspaceModel
from galaxy.core.notifications import Kind, Place, add_kind, add_target, notify, settle
from galaxy.core.permissions import can
from galaxy.core.scope import scope_with
from registry.models import NameClaim, Publisher
from registry.publishers.claiming import MAY_CLAIM, is_maker_in

KINDS = (
    Kind(
        "publisher_record_missing",
        "The record that proves a publisher is not found",
        "Records of publishers that are missing",
        "badge-alert",
        "warn",
        by_mail=True,
    ),
    Kind(
        "publisher_proof_lapsed",
        "A publisher is not proven any more",
        "Publishers that are not proven any more",
        "badge-x",
        "bad",
        by_mail=True,
    ),
    Kind("signing_key_revoked", "A signing key was revoked", "Signing keys revoked", "key-round", "bad", by_mail=True),
    Kind(
        "publisher_handed_over",
        "A name was given to its owner by right",
        "Names that were given to others",
        "badge-x",
        "bad",
        by_mail=True,
    ),
    Kind(
        "name_claim_waiting",
        "Somebody asks for a name that another has",
        "Names that are asked for",
        "scale",
        "warn",
        by_mail=True,
    ),
    Kind("name_claim_decided", "The name you asked for", "Names that I asked for", "scale", "info", by_mail=True),
    Kind(
        "version_unsigned",
        "What is published waits for your signature",
        "Versions that wait for my signature",
        "pen-line",
        "warn",
        by_mail=True,
    ),
)


def connect() -> None:
    """Register once, when the app is ready."""
    for kind in KINDS:
        add_kind(kind)
    add_target("registry.publisher", _publishers)
    add_target("registry.nameclaim", _claims)


def tell_team(publisher: Publisher, kind: str, *, note: str, by: User | None = None, again: bool = True) -> int:
    """Tell the people who publish under the name, in the workspace that has it; returns how many they are."""
    if publisher.workspace_id is None:
        return 0
    with scope_with(publisher.workspace_id):
        home = Workspace.objects.get(pk=publisher.workspace_id)
        people = User.objects.filter(pk__in=publisher.team.values("user"))
        return notify(home, people, kind, _as_target(publisher), by=by, note=note, again=again)


def settle_team(publisher: Publisher, kind: str) -> None:
    """What they were told of is over."""
    if publisher.workspace_id is not None:
        with scope_with(publisher.workspace_id):
            settle(Workspace.objects.get(pk=publisher.workspace_id), _as_target(publisher), kind)


def _as_target(publisher: Publisher) -> WorkspaceModel:
    """By its label and id, which is all that news keeps of it: it has no wall of its own."""
    return cast(WorkspaceModel, publisher)


def _publishers(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    if not can(user, MAY_CLAIM, workspace):
        return {}
    rows = Publisher.objects.filter(pk__in=ids, workspace=workspace)
    return {row.pk: Place(row.name, row.url_in(workspace)) for row in rows}


def _claims(user: User, workspace: Workspace, ids: Iterable[UUID]) -> dict[UUID, Place]:
    if not is_maker_in(workspace, user):
        return {}
    rows = NameClaim.objects.filter(pk__in=ids).select_related("publisher")
    rows = rows if workspace.is_marketplace else rows.filter(workspace=workspace)
    return {row.pk: Place(str(row.publisher), row.url_in(workspace)) for row in rows}
