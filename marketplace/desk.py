"""The desk: the marketplace's own workspace. Its people review what workspaces submit for all, and vouch for it.

It is a workspace like any other, with roles, a trail and its own settings; there is one at most, and none turns into
it later. Who holds ``core.review_submission`` there reviews.
"""

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from galaxy.core import audit
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.members import add_member, create_workspace, marketplace_workspace
from galaxy.core.models import Membership, Role, User, Workspace
from galaxy.core.scope import scope_with

MAY_REVIEW = "core.review_submission"
NAME, SLUG = "Galaxy Marketplace", "marketplace"


class AddressTaken(Conflict):
    code = "address_taken"
    next_step = "Give it another one with --slug."


def desk() -> Workspace | None:
    """The marketplace's workspace, None where there is none yet. Whoever asks; its rows need its scope all the same."""
    return marketplace_workspace()


@transaction.atomic
def open_desk(owner: User, *, name: str = NAME, slug: str = SLUG) -> tuple[Workspace, bool]:
    """Make the marketplace's workspace with ``owner``, or let them into the one there is as an owner.

    For who runs Galaxy: nobody's permission is asked. Returns it, and whether anything changed. Raises Invalid or
    AddressTaken.
    """
    there = desk()
    if there is None:
        return _made(name, slug, owner), True
    with scope_with(there.pk):
        if Membership.objects.in_workspace(there).filter(user=owner).exists():
            return there, False
        audit.record("workspace.opened", actor=None, target=there, after={"owner": owner})
        add_member(there, user=owner, role=Role.OWNER, actor=None)
    return there, True


def _made(name: str, slug: str, owner: User) -> Workspace:
    try:
        Workspace(name=name, slug=slug).clean_fields()
    except ValidationError as error:
        fields = {field: " ".join(said) for field, said in error.message_dict.items()}
        raise Invalid(" ".join(f"{field}: {said}" for field, said in fields.items()), fields) from error
    try:
        with transaction.atomic():
            return create_workspace(name=name, slug=slug, owner=owner, is_marketplace=True)
    except IntegrityError as error:
        if desk():
            raise Conflict("Somebody else made the desk a moment ago.", "Run it again.") from error
        raise AddressTaken(f"Another workspace has the address {slug}.") from error
