"""What commands have in common that fill the demo."""

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from galaxy.core import demo
from galaxy.core.members import scope_of
from galaxy.core.models import User, Workspace


class DemoCommand(BaseCommand):
    """Fills the demo's first workspace in the scope of its admin: in development only, and safe to run twice."""

    ready = ""  # what is said at the end, with {made}

    def handle(self, *args, **options):
        if settings.HARDENED:
            raise CommandError("The demo is made in development only.")
        people = {user.email.partition("@")[0]: user for user in User.objects.filter(email__endswith="@demo.example")}
        if "admin" not in people:
            raise CommandError("There are no demo people yet: run `manage.py seed_demo` first.")
        with scope_of(people["admin"]):
            made = self.fill(Workspace.objects.get(slug=demo.WORKSPACE[1]), people)
        self.stdout.write(self.ready.format(made=made))

    def fill(self, workspace: Workspace, people: dict[str, User]) -> int:
        """Put into ``workspace`` what is not there yet, and return how much; ``people`` by what is before their @."""
        raise NotImplementedError
