from django.core.management.base import BaseCommand

from marketplace.checks.reference import tables


class Command(BaseCommand):
    help = "Print the codes of findings as docs/findings.md has them."
    requires_system_checks: list[str] = []  # it needs no database

    def handle(self, *args, **options):
        self.stdout.write(tables(), ending="")
