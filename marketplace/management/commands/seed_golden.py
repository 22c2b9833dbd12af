from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from galaxy.core.management.demo_command import DemoCommand
from galaxy.core.models import User, Workspace
from marketplace.models import Listing
from marketplace.seeding.installing import see_to
from registry.models import Installation
from sandbox.golden.nights import mark, play_night
from sandbox.models import GoldenNight

PACK = "customer.onboarding"
NIGHTS = 4


class Command(DemoCommand):
    help = "Give the demo a pack that was played for some nights; safe to run twice. Not in production."

    ready = "Demo golden flow ready, {made} nights new."

    def fill(self, workspace: Workspace, people: dict[str, User]) -> int:
        """Nothing where it was played already, or where the pack is not in the marketplace."""
        admin = people["admin"]
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
        if not Listing.objects.filter(extension__slug=PACK).exists():
            return None
        return see_to(workspace, PACK, actor=admin)
