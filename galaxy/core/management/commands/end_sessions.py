"""End sessions from outside: of somebody whose device is in wrong hands, or of everybody after a break-in."""

from allauth.usersessions.models import UserSession
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from galaxy.core.accounts import plain_address
from galaxy.core.models import User
from galaxy.core.sessions import end_sessions_of


class Command(BaseCommand):
    help = "End every session of a person, or with --all of everybody; felt at the next request, and in the trail."

    def add_arguments(self, parser):
        parser.add_argument("email", nargs="?", default="", help="the address the person signs in with")
        parser.add_argument("--all", action="store_true", dest="everybody", help="sessions of everybody")

    @transaction.atomic
    def handle(self, *, email: str, everybody: bool, **options):
        if bool(email) == everybody:
            raise CommandError("Name an address, or --all.")
        found = User.objects.filter(email=plain_address(email)) if email else User.objects.all()
        if email and not found.exists():
            raise CommandError(f"Nobody signs in as {email}.")
        signed_in = found.filter(pk__in=UserSession.objects.values("user"))
        ended = sum(end_sessions_of(user) for user in signed_in.order_by("pk"))
        self.stdout.write(f"{ended} session{'' if ended == 1 else 's'} ended.")
