import json
from datetime import datetime, timedelta

from django.utils import timezone

from galaxy.core.management.demo_command import DemoCommand
from galaxy.core.models import User, Workspace
from marketplace.seeding.installing import see_to
from sandbox.models import Run, Trigger
from sandbox.services import perform
from sandbox.triggers.firing import tend
from sandbox.triggers.mapping import event_of, resolved_target, scopes_needed
from sandbox.triggers.receiving import store
from sandbox.triggers.services import create_trigger, switch_on

CONNECTORS = ("hubspot", "notion")
# Unsigned, since nothing seals a secret before sandboxd runs; so it only reads, and only in simulation.
WEBHOOK = {
    "name": "Form sent in",
    "purpose": "Looks up who sent the form on the website.",
    "target": "hubspot.search_contacts",
    "inputs": {"query": "event.body.email"},
    "sample": {"form": "contact", "email": "visitor@customers.example"},
    "signature": Trigger.Signature.NONE,
    "per_minute": 60,
    "debounce_key": "event.body.email",
    "quiet_ms": 5_000,
    "simulates": True,
}
SCHEDULE = {
    "name": "Monday price list",
    "purpose": "Finds the price list before the week begins.",
    "target": "notion.search",
    "inputs": {"query": "'Price list 2026'"},
    "cron": "0 8 * * 1",
    "zone": "Europe/Berlin",
    "simulates": True,
}
# Hours ago, and who sent the form: twice in a moment is one run, and without an address there is nothing to look up.
SENT = [(26, "ada@customers.example"), (9, "ben@customers.example"), (9, "ben@customers.example"), (3, None)]
SENT.append((1, "cara@customers.example"))


class Command(DemoCommand):
    help = "Give the demo a webhook at which something came in, and a schedule; safe to run twice. Not in production."

    ready = "Demo triggers ready, {made} of them new."

    def fill(self, workspace: Workspace, people: dict[str, User]) -> int:
        """The webhook is on and simulates; the schedule stays off, so that nothing starts by itself."""
        admin = people["admin"]
        if Trigger.objects.in_workspace(workspace).exists():
            return 0
        for slug in CONNECTORS:
            see_to(workspace, slug, actor=admin)
        webhook = self._made(workspace, admin, Trigger.Kind.WEBHOOK, WEBHOOK)
        self._made(workspace, admin, Trigger.Kind.SCHEDULE, SCHEDULE)
        webhook = switch_on(webhook, actor=admin)
        for number, (hours, email) in enumerate(SENT, 1):
            self._deliver(webhook, f"form-{number}", email, timezone.now() - timedelta(hours=hours))
        for run in Run.objects.in_workspace(workspace).filter(trigger=webhook, state=Run.State.QUEUED):
            perform(run.pk)
        tend(webhook.pk)
        return 2

    def _made(self, workspace: Workspace, admin: User, kind: str, values: dict) -> Trigger:
        scopes = scopes_needed(workspace, resolved_target(workspace, values["target"]))
        return create_trigger(workspace, actor=admin, kind=kind, values=values | {"scopes": scopes})[0]

    def _deliver(self, webhook: Trigger, id: str, email: str | None, at: datetime) -> None:
        body = {"form": "contact"} | ({"email": email} if email else {})
        store(webhook, event_of(id, at.isoformat(), kind=webhook.kind, body=body), len(json.dumps(body)), at)
        if id != "form-2":  # which waits for the one that comes in the same moment
            tend(webhook.pk, now=at + timedelta(minutes=1))
