import time

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from marketplace.seeding.making import make_listings
from marketplace.seeding.texts import MARK

MOST = 1_000_000


class Command(BaseCommand):
    help = "Fill the marketplace with made-up listings, the same ones each time; safe to run twice. Not in production."

    def add_arguments(self, parser):
        parser.add_argument("count", type=int, help="How many there are to be.")
        parser.add_argument("--no-cards", action="store_true", help="Leave the cards to beat: half the time.")

    def handle(self, *args, count, **options):
        if settings.HARDENED:
            raise CommandError("Made-up listings are for development only: people would take them for real ones.")
        if not 1 <= count <= MOST:
            raise CommandError(f"Choose a number from 1 to {MOST:,}.")
        began = time.monotonic()
        make_listings(
            count, with_cards=not options["no_cards"], tell=self.stderr.write if options["verbosity"] > 1 else str
        )
        took = time.monotonic() - began
        self.stdout.write(f"{count:,} made-up listings, their publishers marked {MARK}, in {took:.0f} s.")
