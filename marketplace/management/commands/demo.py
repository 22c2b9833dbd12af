import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from galaxy.core import demo
from galaxy.core.members import scope_of
from galaxy.core.models import AuditEvent, User, Workspace
from marketplace.models import Listing
from marketplace.services import install_listing, plan_installation
from registry.asks import asks_of
from registry.models import Installation
from sandbox.golden.nights import play_now
from sandbox.models import Outcome, Run, Span
from sandbox.services import cancel_run, invoke

CONNECTOR = "hubspot"
PACKS = ("lead.follow-up", "customer.onboarding", "invoice.chase")
ASKS = "weekly.cleanup"  # what it puts into the bin waits for somebody else, whom a terminal is not
PATIENCE_S = 60


class Command(BaseCommand):
    help = (
        "Do the main job in the terminal: find, read, install, run in Sim Mode, read the trail. Fails if a step does."
    )

    def handle(self, *args, **options):
        if settings.HARDENED:
            raise CommandError("The demo uses people with a published password, so it runs in development only.")
        admin = User.objects.filter(email="admin@demo.example").first()
        if admin is None:
            raise CommandError("There are no demo people yet: run `manage.py prepare` first.")
        self.number = 0
        with scope_of(admin), worker():
            workspace = Workspace.objects.get(slug=demo.WORKSPACE[1])
            began = AuditEvent.objects.in_workspace(workspace).order_by("-id").values_list("id", flat=True).first() or 0
            self._browse()
            self._read(CONNECTOR)
            self._install(workspace, admin, CONNECTOR)
            for slug in PACKS:
                self._install(workspace, admin, slug)
                run = self._run(workspace, admin, slug)
                self._outcome(run)
            self._install(workspace, admin, ASKS)
            self._asks(workspace, admin, ASKS)
            self._golden(workspace, admin)
            self._trail(workspace, run, began)
        self.stdout.write(f"\nAll {self.number} steps done.")

    def _browse(self) -> None:
        listings = list(Listing.objects.select_related("extension"))
        self._step("Browse the marketplace")
        for listing in listings:
            self._tell(f"{listing.extension.name:<22} {listing.extension.kind:<10} {listing.get_level_display()}")
        self._check(len(listings) > 0, f"{len(listings)} extensions", "The marketplace is empty.")

    def _read(self, slug: str) -> None:
        listing = self._listing(slug)
        self._step(f"Read what {listing.extension.name} asks for")
        asks = asks_of(listing.version.parsed)
        for ask in asks:
            self._tell(f"{ask.sentence} ({ask.scope}): {ask.gate[0].lower()}.")
        self._check(
            bool(asks),
            f"{len(asks)} permissions, hosts {', '.join(listing.version.parsed.hosts)}",
            "It asks for nothing.",
        )

    def _install(self, workspace: Workspace, admin: User, slug: str) -> None:
        listing = self._listing(slug)
        self._step(f"Install {listing.extension.name}")
        there = Installation.objects.in_workspace(workspace).active().filter(extension=listing.extension)
        before = there.first()
        if before is None:
            plan = plan_installation(workspace, listing)
            for offer in plan.offers:
                self._tell(f"{offer.extension.name} {offer.version.number}, digest {offer.version.digest}")
            install_listing(workspace, listing, seen=plan.seen, actor=admin)
        pin = there.get().pin
        state = "was installed before" if before else "is installed"
        self._check(
            pin.digest == pin.version.digest,
            f"{listing.extension.name} {state}, pinned to {pin.version.number} by {pin.digest[:12]}",
            "The pin does not name the version's digest.",
        )

    def _run(self, workspace: Workspace, admin: User, slug: str) -> Run:
        listing = self._listing(slug)
        self._step(f"Run {listing.extension.name} in Sim Mode")
        inputs = listing.version.parsed.canonical["sample"]["inputs"]
        run = invoke(workspace, actor=admin, target=slug, inputs=inputs, simulate=True)
        told: dict[str, str] = {}
        deadline = time.monotonic() + PATIENCE_S
        while (asked := run.asked) is None and not run.is_final and time.monotonic() < deadline:
            time.sleep(0.1)
            run.refresh_from_db()
            for step in run.steps.order_by("created_at"):
                if told.get(step.step_id) != step.state:
                    told[step.step_id] = step.state
                    self._tell(f"step {step.step_id:<8} {step.target:<24} {step.state}")
        if asked:
            cancel_run(run, actor=admin)
            why = (
                f"It waits for somebody's yes, since a rule of {workspace.name} asks about it: {asked.summary}. It was "
                "taken back. End that rule under Policies, then run the demo again."
            )
        else:
            why = f"The run is {run.state}. {(run.error or {}).get('sentence', 'No worker finished it in time.')}"
        self._check(run.state == Run.State.SUCCEEDED, f"run {run.short_id} {run.state}, {run.mode}", why)
        return run

    def _outcome(self, run: Run) -> None:
        self._step("Look at outcome and trace")
        outcome = Outcome.objects.filter(run=run).first()
        for step in run.steps.order_by("created_at"):
            self._tell(f"{step.step_id:<8} {step.outputs}")
        spans = Span.objects.in_workspace(run.workspace).filter(root_run_id=run.pk).count()
        took_s = (run.finished_at - run.created_at).total_seconds()
        self._check(
            outcome is not None and outcome.is_success,
            f"outcome {outcome.name if outcome else ''} reached, simulated and so not counted; "
            f"{spans} spans, {took_s:.1f} s",
            "The outcome was not reached.",
        )

    def _asks(self, workspace: Workspace, admin: User, slug: str) -> None:
        listing = self._listing(slug)
        self._step(f"Run {listing.extension.name} until it waits for somebody's yes, and take it back")
        inputs = listing.version.parsed.canonical["sample"]["inputs"]
        run = invoke(workspace, actor=admin, target=slug, inputs=inputs, simulate=True)
        deadline = time.monotonic() + PATIENCE_S
        while run.asked is None and not run.is_final and time.monotonic() < deadline:
            time.sleep(0.1)
            run.refresh_from_db()
        asked = run.asked
        for step in run.steps.order_by("created_at"):
            self._tell(f"step {step.step_id:<8} {step.target:<24} {step.state}")
        cancelled = cancel_run(run, actor=admin) if asked else run
        self._check(
            asked is not None and cancelled.state == Run.State.CANCELLED,
            f"{asked.summary if asked else ''}: asked of {asked.workspace.name if asked else ''}, and taken back",
            f"The run is {run.state}, and waits for nobody.",
        )

    def _golden(self, workspace: Workspace, admin: User) -> None:
        """What happens each night, now: every shipped pack on every sample it has, in a process without sockets."""
        self._step("Play each pack on its samples, as every night")
        wrong = ""
        for slug in (*PACKS, ASKS):
            rows = Installation.objects.in_workspace(workspace).active().filter(extension__slug=slug)
            pack = rows.select_related("workspace", "extension", "pin__version", "installed_by").get()
            night = play_now(pack, actor=admin)
            deadline = time.monotonic() + PATIENCE_S
            while night.is_under_way and time.monotonic() < deadline:
                time.sleep(0.1)
                night.refresh_from_db()
            titles = {case["id"]: case["title"] for case in night.content.get("cases", ())}
            for played in night.sides.get("pinned", {}).get("played", ()):
                reached = bool(played["outcome"] and played["outcome"]["is_reached"])
                self._tell(f"{slug:<22} {titles[played['id']]:<42} {'outcome reached' if reached else played['fails']}")
            found = [one["text"] for side in night.sides.values() for one in side["findings"]]
            wrong = wrong or ("" if night.is_well else f"{slug}: {night.failure or ' '.join(found) or night.state}")
        self._check(not wrong, f"{len(PACKS) + 1} packs do on samples what was accepted of them, simulated", wrong)

    def _trail(self, workspace: Workspace, run: Run, began: int) -> None:
        self._step("Find it in the audit trail")
        events = AuditEvent.objects.in_workspace(workspace).filter(id__gt=began).order_by("id")
        for event in events:
            self._tell(f"{event.occurred_at:%H:%M:%S} {event.action:<22} {event.target_kind} {event.target_id[:8]}")
        about_run = set(events.filter(target_id=str(run.pk)).values_list("action", flat=True))
        self._check(
            {"run.requested", "run.succeeded"} <= about_run, f"{len(events)} new events", "The run left no trail."
        )

    def _listing(self, slug: str) -> Listing:
        found = Listing.objects.select_related("extension", "version__extension").filter(extension__slug=slug).first()
        if found is None:
            raise CommandError(f"{slug} is not in the marketplace: run `manage.py load_catalog` first.")
        return found

    def _step(self, title: str) -> None:
        self.number += 1
        self.stdout.write(f"\n{self.number}. {title}")

    def _tell(self, line: str) -> None:
        self.stdout.write(f"   {line}")

    def _check(self, passed: bool, good: str, bad: str) -> None:
        if not passed:
            raise CommandError(f"Step {self.number} failed. {bad}")
        self.stdout.write(f"   OK: {good}")


@contextlib.contextmanager
def worker() -> Iterator[None]:
    """A Celery worker of the demo's own, so that it needs no running console; ended with it."""
    argv = [sys.executable, "-W", "ignore", "-m", "celery", "--quiet", "-A", "galaxy", "worker", "--pool", "solo"]
    process = subprocess.Popen(  # noqa: S603  (an argument list of ours, no shell)
        [*argv, "--loglevel", "ERROR"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=os.environ | {"LOG_LEVEL": "ERROR"},
        start_new_session=True,
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
