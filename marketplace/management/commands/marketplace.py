from django.core.management.base import BaseCommand, CommandError

from galaxy.core.accounts import plain_address
from galaxy.core.errors import DomainError
from galaxy.core.models import User
from marketplace.desk import NAME, SLUG, open_desk
from registry.signing.command import add_key_verbs
from registry.signing.command import handle as handle_key


class Command(BaseCommand):
    help = (
        "Run the marketplace: its own workspace, where what is submitted is reviewed, and the keys that it signs with."
    )

    def add_arguments(self, parser):
        verbs = parser.add_subparsers(dest="verb", required=True)
        desk = verbs.add_parser("desk", help="make the workspace of the marketplace, or let an owner into it")
        desk.add_argument("--owner", required=True, metavar="EMAIL", help="the address the owner signs in with")
        desk.add_argument("--name", default=NAME, help="what it is called (default: %(default)s)")
        desk.add_argument("--slug", default=SLUG, help="its address below /w/ (default: %(default)s)")
        add_key_verbs(verbs.add_parser("key", help="look after the keys that versions are signed with"))

    def handle(self, *, verb: str, **options):
        getattr(self, f"_{verb}")(**options)

    def _key(self, *, act: str, **options) -> None:
        handle_key(act, self.stdout.write, **options)

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
