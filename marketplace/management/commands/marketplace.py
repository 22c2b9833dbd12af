from django.core.management.base import BaseCommand, CommandError

from galaxy.core.accounts import plain_address
from galaxy.core.errors import DomainError
from galaxy.core.models import User
from marketplace.desk import NAME, SLUG, open_desk


class Command(BaseCommand):
    help = "Run the marketplace: `desk` makes its own workspace, where what is submitted is reviewed."

    def add_arguments(self, parser):
        verbs = parser.add_subparsers(dest="verb", required=True)
        desk = verbs.add_parser("desk", help="make the workspace of the marketplace, or let an owner into it")
        desk.add_argument("--owner", required=True, metavar="EMAIL", help="the address the owner signs in with")
        desk.add_argument("--name", default=NAME, help="what it is called (default: %(default)s)")
        desk.add_argument("--slug", default=SLUG, help="its address below /w/ (default: %(default)s)")

    def handle(self, *, verb: str, **options):
        getattr(self, f"_{verb}")(**options)

    def _desk(self, *, owner: str, name: str, slug: str, **options) -> None:
        person = User.objects.filter(email=plain_address(owner), is_active=True).first()
        if person is None:
            raise CommandError(f"Nobody signs in as {owner}.")
        try:
            desk, changed = open_desk(person, name=name, slug=slug)
        except DomainError as error:
            raise CommandError(f"{error} {error.next_step}") from error
        done = "owns it now" if changed else "was in it already; nothing changed"
        self.stdout.write(f"The desk is {desk} at /w/{desk.slug}/. {person.email} {done}.")
