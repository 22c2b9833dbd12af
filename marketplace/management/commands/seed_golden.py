from datetime import timedelta

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from galaxy.core import demo
from galaxy.core.members import scope_of
from galaxy.core.models import User, Workspace
from marketplace.models import Listing
from marketplace.services import install_listing, plan_installation
from registry.models import Installation
from sandbox.golden.nights import mark, play_night
from sandbox.models import GoldenNight

PACK = "customer.onboarding"
NIGHTS = 4


class Command(BaseCommand):
    help = "Give the demo a pack that was played for some nights; safe to run twice. Not in production."

    def handle(self, *args, **options):
        if settings.HARDENED:
            raise CommandError("The demo is made in development only.")
        admin = User.objects.filter(email="admin@demo.example").first()
        if admin is None:
            raise CommandError("There are no demo people yet: run `manage.py seed_demo` first.")
        with scope_of(admin):
            made = self._fill(Workspace.objects.get(slug=demo.WORKSPACE[1]), admin)
        self.stdout.write(f"Demo golden flow ready, {made} nights new.")

    def _fill(self, workspace: Workspace, admin: User) -> int:
        """Nothing where it was played already, or where the pack is not in the marketplace."""
        pack = self._pack(workspace, admin)
        if pack is None or GoldenNight.objects.in_workspace(workspace).exists():
            return 0
        flow = mark(pack, is_marked=True, actor=admin)
        for ago in range(NIGHTS, 0, -1):
            at = (timezone.now() - timedelta(days=ago)).replace(hour=settings.GALAXY_GOLDEN_HOUR, minute=10)
            night = GoldenNight.objects.create(workspace=workspace, flow=flow, night=at.date(), asked_at=at)
            play_night(night.pk)
        return NIGHTS

    def _pack(self, workspace: Workspace, admin: User) -> Installation | None:
        rows = Installation.objects.in_workspace(workspace).active().filter(extension__slug=PACK)
        rows = rows.select_related("workspace", "extension", "pin__version", "installed_by")
        listing = Listing.objects.select_related("extension", "version__extension").filter(extension__slug=PACK).first()
        if listing is not None and not rows.exists():
            install_listing(workspace, listing, seen=plan_installation(workspace, listing).seen, actor=admin)
        return rows.first()
