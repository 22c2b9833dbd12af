"""Leaving mails by their own header (RFC 2369, RFC 8058): a signed address that shows by GET and acts by POST."""

from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse

from galaxy.core.members import scope_of
from galaxy.core.models import Membership, NewsSettings, User, Workspace
from galaxy.core.notifications.choosing import OFF, choices_of
from galaxy.core.notifications.kinds import Kind, kind_of

_SALT = "galaxy.core.notifications.unsubscribing"
_POST = "List-Unsubscribe=One-Click"


@dataclass(frozen=True)
class Mailed:
    """What a link is about: mails of one ``kind`` from one workspace, or its digests where that is None."""

    user: User
    workspace: Workspace
    kind: Kind | None

    @property
    def is_left(self) -> bool:
        choices = choices_of(self.user, self.workspace)
        return choices.digest_off if self.kind is None else choices.mail(self.kind.name) == OFF


def headers_for(user: User, workspace: Workspace, kind: str) -> dict[str, str]:
    """The headers of a mail of ``kind`` ("" is a digest); none where nobody told Galaxy its own address, or where
    the mail cannot be switched off."""
    base = settings.GALAXY_URL.rstrip("/")
    if not base or (kind and kind_of(kind).fixed):
        return {}
    return {"List-Unsubscribe": f"<{base}{path_for(user, workspace, kind)}>", "List-Unsubscribe-Post": _POST}


def path_for(user: User, workspace: Workspace, kind: str) -> str:
    token = signing.dumps([user.pk.hex, workspace.pk.hex, kind], salt=_SALT)
    return reverse("core:unsubscription", args=[token])


def read(token: str) -> Mailed | None:
    """None for a token that is not of ours, or whose person or workspace is not there (any more)."""
    try:
        user_id, workspace_id, kind = signing.loads(token, salt=_SALT)
        user = User.objects.filter(pk=UUID(user_id), is_active=True).first()
        found = kind_of(kind) if kind else None
    except (signing.BadSignature, ValueError, TypeError, KeyError):
        return None
    if user is None:
        return None
    with scope_of(user):
        rows = Membership.objects.filter(user=user, workspace=UUID(workspace_id)).select_related("workspace")
        membership = rows.first()
    return Mailed(user, membership.workspace, found) if membership else None


@transaction.atomic
def leave(mailed: Mailed) -> None:
    """No mail of that kind from that workspace any more; safe to run twice. The workspace must be in scope."""
    own = NewsSettings.objects.in_workspace(mailed.workspace).of(mailed.user)
    NewsSettings.objects.bulk_create(
        [NewsSettings(workspace=mailed.workspace, person=mailed.user)], ignore_conflicts=True
    )
    row = own.select_for_update().get()
    if mailed.kind is None:
        row.digest_off = True
    else:
        row.mail = row.mail | {mailed.kind.name: OFF}
    row.save(update_fields=["mail", "digest_off"])
