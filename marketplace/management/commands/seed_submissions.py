from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from galaxy.core import demo
from galaxy.core.members import scope_of
from galaxy.core.models import User, Workspace
from galaxy.core.scope import scope_with
from marketplace.desk import desk
from marketplace.submissions.facing import Order
from marketplace.submissions.models import Submission
from marketplace.submissions.services import request_changes, submit, take
from marketplace.workshop.drafts import begin_draft
from marketplace.workshop.starters import TEXTS
from registry.models import Publisher, PublisherMember
from registry.publishers.naming import make_publisher

WAITING = (("my-tasks", "meridian-tasks", "Meridian tasks"), ("my-tasks", "meridian-board", "Meridian board"))
SENT_BACK = ("my-leads.clean", "meridian-leads.clean", "Meridian leads")
REASON = "Say in the documentation which time zone a date without one is read in."


class Command(BaseCommand):
    help = "Give the demo's desk submissions to review; safe to run twice. Not in production."

    def handle(self, *args, **options):
        if settings.HARDENED:
            raise CommandError("The demo is made in development only.")
        people = {user.email.partition("@")[0]: user for user in User.objects.filter(email__endswith="@demo.example")}
        at = desk()
        if at is None or "reviewer" not in people:
            raise CommandError("There are no demo people yet: run `manage.py seed_demo` first.")
        with scope_of(people["creator"]):
            made = self._fill(Workspace.objects.get(slug=demo.WORKSPACE[1]), at, people)
        self.stdout.write(f"Demo submissions ready, {made} of them new.")

    @transaction.atomic
    def _fill(self, workspace: Workspace, at: Workspace, people: dict[str, User]) -> int:
        """One that was sent back, and two that wait."""
        if Submission.objects.in_workspace(workspace).exists():
            return 0
        creator, reviewer = people["creator"], people["reviewer"]
        owner = Publisher.objects.filter(workspace=workspace).first()
        owner = owner or make_publisher(workspace.name, workspace=workspace, created_by=creator)
        PublisherMember.objects.get_or_create(publisher=owner, user=creator, defaults={"role": "manager"})
        order = Order(at, owner, "The first release.", "help@demo.example")
        back = self._submit(workspace, SENT_BACK, "transform", order, creator)
        with scope_with(at.pk):
            take(back, desk=at, actor=reviewer)
            request_changes(back, desk=at, actor=reviewer, reason=REASON)
        for names in WAITING:
            self._submit(workspace, names, "rest", order, creator)
        return Submission.objects.in_workspace(workspace).count()

    def _submit(self, workspace: Workspace, names, start: str, order: Order, creator: User) -> Submission:
        slug, new_slug, title = names
        text = TEXTS[start].replace(slug, new_slug).replace("My tasks", title).replace("Clean my leads", title)
        draft = begin_draft(workspace, text=text.replace("version: 0.1.0", "version: 1.0.0"), actor=creator)
        return submit(draft, order=order, actor=creator)
