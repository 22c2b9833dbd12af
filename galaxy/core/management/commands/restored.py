from collections.abc import Iterator
from contextlib import closing

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from galaxy.core.audit.anchors import Anchors
from galaxy.core.audit.epochs import declare, record_restore
from galaxy.core.audit.tree import checkpoint_of
from galaxy.core.errors import DomainError
from galaxy.core.management.workspaces import workspaces_named
from galaxy.core.models import Workspace
from galaxy.core.restoring import closing as doors
from galaxy.core.restoring import findings, home

_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND usename = %s
"""


class Command(BaseCommand):
    help = "After a backup was restored: look what fits and what is lost; with --apply, end what must not go on."
    requires_system_checks = ()

    def add_arguments(self, parser):
        parser.add_argument("--apply", action="store_true", help="do it, while no other process is up")
        parser.add_argument("--nothing-lost", action="store_true", help="it was moved while nothing was at work")
        parser.add_argument("--keep-tokens", action="store_true", help="tokens of the API stay good")
        parser.add_argument("--even-so", action="store_true", help="although something does not fit")

    def handle(self, *, apply, nothing_lost, keep_tokens, even_so, **options):
        others = self._others()  # before this command itself has connections
        anchors = Anchors(settings.GALAXY_CHECKPOINTS_DIR)
        wrong = self._look(anchors)
        lost = findings.losses(workspaces_named(), anchors)
        for workspace in workspaces_named():
            if loss := lost.get(workspace.pk):
                self.stdout.write(f"  lost  {workspace.slug}: {loss.sentence}.")
            else:
                self.stdout.write(f"  ok    {workspace.slug}: the trail has all that the copy outside has seen sealed.")
        if not anchors.directory.is_dir():
            wrong.append(f"There are no copies of checkpoints in {anchors.directory}, so what is lost is not known.")
        if apply and others:
            wrong.append(f"{others} connections of the application are open. Stop every process of Galaxy first.")
        if apply and home.standing().is_home and not lost:
            wrong.append("Nothing says that this database was restored: it stands where it always stood.")
        if nothing_lost and lost:
            raise CommandError("Something is lost, as you see above. Run it without --nothing-lost.", returncode=1)
        for sentence in wrong:
            self.stdout.write(f"  BAD   {sentence}")
        if wrong and not (apply and even_so):
            raise CommandError(f"{len(wrong)} of these must be put right first. Nothing was changed.", returncode=1)
        if not apply:
            self.stdout.write("Nothing was changed. Run it with --apply.")
            return
        try:
            self._apply(anchors, nothing_lost=nothing_lost, keep_tokens=keep_tokens)
        except DomainError as error:
            raise CommandError(f"{error} {error.next_step}") from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from error

    def _others(self) -> int:
        with closing(connections["owner"].copy()) as own, own.cursor() as cursor:
            cursor.execute(_OTHERS, [connections["default"].settings_dict["USER"]])
            return cursor.fetchone()[0]

    def _look(self, anchors: Anchors) -> list[str]:
        """Everything that does not fit, in sentences; what is lost is no such thing."""
        self.stdout.write(home.standing().sentence)
        wrong = [*findings.walls()]
        if not wrong:
            self.stdout.write("  ok    Walls, owners and grants are in force.")
        keys = [*findings.keys(anchors, workspaces_named)]
        if not keys:
            self.stdout.write("  ok    The keys are those of this backup.")
        return wrong + keys

    def _apply(self, anchors: Anchors, *, nothing_lost: bool, keep_tokens: bool) -> None:
        epoch = declare({one.pk: checkpoint_of(one) for one in workspaces_named()}, anchors)
        for workspace in workspaces_named():
            record_restore(workspace, epoch, anchors)
        self.stdout.write(f"Epoch {epoch.number} of the trail has begun.")
        if not nothing_lost:
            self.stdout.write(f"{doors.end_sessions()} sessions are ended.")
            for workspace in workspaces_named():
                self.stdout.write(f"{workspace.slug}: {_counted(workspace, keep_tokens=keep_tokens)}.")
        home.move_in()
        self.stdout.write("This database is at home. Start the processes, then read docs/backup.md on what comes next.")


def _counted(workspace: Workspace, *, keep_tokens: bool) -> str:
    done = doors.close_all(workspace, keep_tokens=keep_tokens)
    return ", ".join(_words(done)) or "nothing was open"


def _words(done: dict[str, int]) -> Iterator[str]:
    for what, count in done.items():
        if count:
            yield f"{what} {count}"
