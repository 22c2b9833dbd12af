from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from galaxy.core import demo
from galaxy.core.accounts import create_account
from galaxy.core.members import add_member, create_workspace, marketplace_workspace, scope_of
from galaxy.core.models import Membership, User, Workspace


class Command(BaseCommand):
    help = "Make the demo workspaces and their people; safe to run twice. Refused in production."

    def handle(self, *args, **options):
        if settings.HARDENED:
            raise CommandError("Demo people have a published password, so they are made in development only.")
        made = self._fill(demo.WORKSPACE, demo.PEOPLE) + self._fill(demo.NEIGHBOUR, demo.NEIGHBOURS)
        there = marketplace_workspace()
        if there is None or there.slug == demo.DESK[1]:
            made += self._fill(demo.DESK, demo.DESK_PEOPLE, is_marketplace=True)
        self.stdout.write(f"Demo workspaces ready, {made} memberships new.")

    @transaction.atomic
    def _fill(self, workspace: tuple[str, str], people: list, *, is_marketplace: bool = False) -> int:
        users = [self._user(name, email) for _, name, email in people]
        name, slug = workspace
        with scope_of(users[0]):
            found = Workspace.objects.filter(slug=slug).first()
        made = 0
        if found is None:
            found = create_workspace(name=name, slug=slug, owner=users[0], is_marketplace=is_marketplace)
            made = 1
        with scope_of(users[0]):
            for user, (role, _, _) in zip(users, people, strict=True):
                if not Membership.objects.filter(workspace=found, user=user).exists():
                    add_member(found, user=user, role=role, actor=users[0])
                    made += 1
        return made

    def _user(self, name: str, email: str) -> User:
        found = User.objects.filter(email=email).first()
        return found or create_account(email, name=name, password=demo.PASSWORD)
