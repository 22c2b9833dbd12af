from django.core.management.base import BaseCommand, CommandError

from galaxy.core.accounts import plain_address
from galaxy.core.models import User
from galaxy.core.sso.admission import release


class Command(BaseCommand):
    help = "Untie an account from its identities at single sign-on providers, so that another one may be tied to it."

    def add_arguments(self, parser):
        parser.add_argument("email", help="the address of the account")

    def handle(self, *args, email, **options):
        user = User.objects.filter(email=plain_address(email)).first()
        if user is None:
            raise CommandError(f"No account has the address {email}.")
        self.stdout.write(f"{user} was untied from {release(user)} identities.")
