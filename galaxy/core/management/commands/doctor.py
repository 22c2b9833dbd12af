from django.core.management.base import BaseCommand, CommandError

from galaxy.core.ops.conditions import BAD, GOOD
from galaxy.core.ops.configuration import configuration
from galaxy.core.ops.readiness import readiness

MARKS = {GOOD: "ok", "warn": "look", "bad": "BAD", "unknown": "?"}


class Command(BaseCommand):
    help = "Say what works, what is configured, what is missing, what that means and what to do. Exits with 1 if bad."
    requires_system_checks = ()

    def handle(self, *args, **options):
        bad = 0
        for title, conditions in (("Servers", readiness()), ("Configuration", configuration())):
            self.stdout.write(title)
            for one in conditions:
                self.stdout.write(f"  {MARKS[one.state]:<4} {one.name}: {one.sentence}")
                if one.state != GOOD:
                    self.stdout.write(f"       {one.meaning}\n       What to do: {one.remedy}")
                bad += one.state == BAD
        if bad:
            raise CommandError(f"{bad} of these must be put right before anybody relies on this Galaxy.", returncode=1)
        self.stdout.write("Nothing is broken.")
