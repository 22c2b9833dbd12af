"""Rows for tests, made through the services where there is one."""

import itertools
from dataclasses import dataclass
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import make_password
from django.db import transaction

from galaxy.core import audit
from galaxy.core.accounts import create_account
from galaxy.core.members import create_workspace
from galaxy.core.models import Membership, Role, RoleGroup, User, Workspace
from galaxy.core.scope import workspace_scope

PASSWORD = "correct horse battery"
_numbers = itertools.count(1)


def make_user(name: str = "Somebody", email: str = "") -> User:
    number = next(_numbers)
    return create_account(email or f"person{number}@example.test", password=PASSWORD, name=f"{name} {number}")


def make_people(*names: str) -> list[User]:
    """As ``make_user`` makes one after the other, in two statements: most tests begin with seven."""
    password = make_password(PASSWORD)
    numbered = zip(names, _numbers, strict=False)
    people = [
        User(email=f"person{number}@example.test", name=f"{name} {number}", password=password)
        for name, number in numbered
    ]
    User.objects.bulk_create(people)
    EmailAddress.objects.bulk_create(
        EmailAddress(user=person, email=person.email, verified=True, primary=True) for person in people
    )
    return people


def make_staff(name: str = "Staff") -> User:
    """Somebody who runs Galaxy, with a second factor and in no workspace."""
    user = make_user(name)
    user.is_staff = True
    user.save()
    Authenticator.objects.create(user=user, type=Authenticator.Type.TOTP, data={"secret": "unused"})
    return user


def make_workspace(name: str, people: dict[str, User], *, is_marketplace: bool = False) -> Workspace:
    """A workspace whose members are ``people`` by role; there must be an owner."""
    owner = people["owner"]
    workspace = create_workspace(name=name, slug=name.lower(), owner=owner, is_marketplace=is_marketplace)
    others = {role: user for role, user in people.items() if role in Role.values and role != Role.OWNER}
    with workspace_scope([workspace.pk]):
        make_members(workspace, others, actor=people["owner"])
    return workspace


def make_cast() -> dict[str, Any]:
    """Meridian with one person in each role, and Tidewater with a stranger; {role or name: user or workspace}."""
    people = dict(zip((*Role.values, "stranger"), make_people(*Role.labels, "Stranger"), strict=True))
    people["meridian"] = make_workspace("Meridian", people)
    people["tidewater"] = make_workspace("Tidewater", {"owner": people["stranger"]})
    return people


@dataclass(frozen=True)
class Desk:
    """The marketplace's own workspace and its people; none of them is in another workspace. Not in scope by itself."""

    workspace: Workspace
    owner: User
    reviewer: User
    second: User


def make_desk() -> Desk:
    owner, reviewer, second = make_people("Desk", "Reviewer", "Reviewer")
    workspace = make_workspace("Marketplace", {"owner": owner, "approver": reviewer}, is_marketplace=True)
    with workspace_scope([workspace.pk]):
        make_members(workspace, {"approver": second}, actor=owner)
    return Desk(workspace, owner, reviewer, second)


@transaction.atomic
def make_members(workspace: Workspace, people: dict[str, User], *, actor: User) -> None:
    """As ``add_member`` adds one after the other: rows in two statements, and an event for each."""
    groups = {one.role: one for one in RoleGroup.objects.in_workspace(workspace)}
    rows = Membership.objects.bulk_create(
        Membership(workspace=workspace, user=user, role=role) for role, user in people.items()
    )
    holds = User.groups.through
    holds.objects.bulk_create(holds(user=row.user, group_id=groups[row.role].group_id) for row in rows)
    for row in rows:
        after = {"user": row.user, "role": groups[row.role].label}
        audit.record("membership.created", actor=actor, target=row, after=after)
