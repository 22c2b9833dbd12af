"""Who runs Galaxy: see docs/accounts.md for what that opens, and what it does not."""

from django.core.management.base import BaseCommand, CommandError

from galaxy.core.accounts import plain_address
from galaxy.core.models import User


class Command(BaseCommand):
    help = "Make a person one of those who run Galaxy, or with --remove an ordinary person again."

    def add_arguments(self, parser):
        parser.add_argument("email", help="the address the person signs in with")
        parser.add_argument("--remove", action="store_true", help="take it back; what they look into ends at once")

    def handle(self, *, email: str, remove: bool, **options):
        if not User.objects.filter(email=plain_address(email)).update(is_staff=not remove):
            raise CommandError(f"Nobody signs in as {email}.")
        self.stdout.write(f"{email} {'no longer runs' if remove else 'runs'} Galaxy.")
