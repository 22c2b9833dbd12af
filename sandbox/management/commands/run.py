"""``manage.py run replay ID``: do a recorded run again, against its recording alone."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from galaxy.core.errors import DomainError
from galaxy.core.scope import workspace_scope
from sandbox.models import Run
from sandbox.services.replaying import Replay, replay_run, workspace_of_run


class Command(BaseCommand):
    help = "Replay a run of Python: no network, no secret, the same clock and seed; says whether the bytes are equal."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        replay = verbs.add_parser("replay", help="Exit status 0 when the bytes are equal, else 1.")
        replay.add_argument("id", metavar="ID", help="The run's id, as its page shows it.")

    def handle(self, *, verb: str, id: str, **options: Any) -> None:
        try:
            workspace = workspace_of_run(UUID(id))
            if workspace is None:
                raise CommandError(f"There is no run {id}.")
            with workspace_scope([workspace]):
                run = Run.objects.select_related("workspace", "version").get(pk=id)
                replayed = replay_run(run)
        except ValueError as error:
            raise CommandError(f"{id} is no id of a run.") from error
        except DomainError as error:
            raise CommandError(f"{error} {error.next_step}") from error
        self._say(run, replayed)
        if not replayed.is_equal:
            raise SystemExit(1)

    def _say(self, run: Run, replayed: Replay) -> None:
        say = self.stdout.write
        say(f"{run.target}, {run.pk}")
        say(f"then  {replayed.then}")
        say(f"now   {replayed.now}")
        if not replayed.same_interpreter:
            say("The interpreter was built anew since then, which may change the order of sets.")
        say(f"{'Equal bytes' if replayed.is_equal else 'NOT equal'}; {replayed.http_calls} calls answered from record.")
