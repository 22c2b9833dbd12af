"""Rows for tests, made through the services where there is one."""

import itertools

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import make_password

from galaxy.core.accounts import create_account
from galaxy.core.members import add_member, create_workspace
from galaxy.core.models import User, Workspace
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


def make_workspace(name: str, people: dict[str, User]) -> Workspace:
    """A workspace whose members are ``people`` by role; there must be an owner."""
    workspace = create_workspace(name=name, slug=name.lower(), owner=people["owner"])
    with workspace_scope([workspace.pk]):
        for role, user in people.items():
            if role in {"admin", "approver", "creator", "auditor", "member"}:
                add_member(workspace, user=user, role=role, actor=people["owner"])
    return workspace
