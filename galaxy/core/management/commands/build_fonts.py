from django.conf import settings
from django.core.management.base import BaseCommand

from galaxy.core import fonts


class Command(BaseCommand):
    help = "Make the console's web fonts from their packages, once for each version of them."

    def handle(self, **options):
        folder = settings.DATA_DIR / "fonts"
        made = fonts.build(folder)
        self.stdout.write(f"{'Made' if made else 'Kept'} {len(fonts.FACES)} fonts in {folder}.")
