from datetime import time

from django.db import transaction

from galaxy.core.management.demo_command import DemoCommand
from galaxy.core.models import User, Workspace
from marketplace.evidence.proving import keep_review
from marketplace.models import Listing
from marketplace.services import list_extension
from registry.manifests import load
from registry.models import Installation, UpdateDefaults, Version
from registry.services import publish_version
from registry.signing import operator_keys
from registry.updates.rules import set_defaults, set_updates

RULES = {
    "policy": "minor", "weekdays": 0b11111, "opens_at": time(20), "closes_at": time(4), "time_zone": "Europe/Berlin",
    "wait_verified": 7,
}  # fmt: skip
RELEASES = (
    ("notion", 2, "Waits a little longer after a 429, as the API asks for.", ""),
    ("gmail", 1, "Reads attachments of up to 25 MB.", ""),
    ("hubspot", 2, "Leaves addresses out of its own log.", "Addresses of contacts stood in the log of a failed call."),
)  # slug, the part of the number that goes up (1 minor, 2 patch), what changed, the hole it closes
OWN = ("gmail", {"policy": "patch"})


class Command(DemoCommand):
    help = "Let the demo go forward by rules, and publish releases that wait; safe to run twice. Not in production."

    ready = "Demo updates ready, {made} releases new."

    def fill(self, workspace: Workspace, people: dict[str, User]) -> int:
        with operator_keys(), transaction.atomic():
            return self._filled(workspace, people["admin"])

    def _filled(self, workspace: Workspace, admin: User) -> int:
        """Nothing where somebody chose rules already."""
        if UpdateDefaults.objects.in_workspace(workspace).exists():
            return 0
        set_defaults(workspace, actor=admin, values=RULES)
        slug, values = OWN
        rows = Installation.objects.in_workspace(workspace).active().select_related("workspace", "extension")
        if own := rows.filter(extension__slug=slug).first():
            set_updates(own, actor=admin, values=values)
        return sum(self._publish(*release) for release in RELEASES)

    def _publish(self, slug: str, part: int, changes: str, security_fix: str) -> bool:
        listing = Listing.objects.select_related("version__extension__owner").filter(extension__slug=slug).first()
        if listing is None:
            return False
        before: Version = listing.version
        numbers = [int(one) for one in before.number.split("-")[0].split(".")]
        numbers = [*numbers[:part], numbers[part] + 1, *[0] * (2 - part)]
        version = publish_version(
            load(before.manifest | {"version": ".".join(map(str, numbers))}),
            files={path: bytes(content) for path, content in before.files.values_list("path", "content")},
            publisher=before.extension.owner or before.extension.publisher,
            changes=changes,
            security_fix=security_fix,
        )
        list_extension(version, level=listing.level, summary=listing.summary)
        keep_review(version, level=listing.level, note="Made for the demo")
        return True
