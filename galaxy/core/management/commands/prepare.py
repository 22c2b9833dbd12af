from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from galaxy.core.db.states import drawn_once


class Command(BaseCommand):
    help = "Make what the console needs before it starts: fonts, tables, catalogue, keys and, here, the demo."

    def handle(self, *args, **options):
        call_command("build_fonts", verbosity=0, stdout=self.stdout)
        with drawn_once():
            call_command("migrate", verbosity=0, interactive=False, stdout=self.stdout)
        call_command("load_catalog", stdout=self.stdout)
        if not settings.HARDENED:
            call_command("vault", "make-key", stdout=self.stdout)
            call_command("audit", "make-key", stdout=self.stdout)
            call_command("seed_demo", stdout=self.stdout)
            call_command("seed_agents", stdout=self.stdout)
            call_command("seed_rules", stdout=self.stdout)
            call_command("seed_approvals", stdout=self.stdout)
            call_command("seed_triggers", stdout=self.stdout)
            call_command("seed_updates", stdout=self.stdout)
            call_command("seed_submissions", stdout=self.stdout)
            call_command("seed_golden", stdout=self.stdout)
            call_command("seed_advice", stdout=self.stdout)
        self.stdout.write("Everything is prepared.")
