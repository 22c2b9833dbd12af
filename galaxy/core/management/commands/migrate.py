from functools import partial

from django.core.management.commands import migrate
from django.db import connections

from galaxy.core.db.patience import alone, drop_unfinished, patiently


class Command(migrate.Command):
    help = "Bring the tables up to date, as the owner role; then make this and the coming months' partitions."

    def add_arguments(self, parser):
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args, **options):
        connection, say = connections[options["database"]], self.stderr.write
        with alone(connection, say):
            drop_unfinished(connection)  # of a migration that was killed
            # What was applied stays applied, so that a further try goes on where the one before stopped.
            return patiently(connection, partial(super().handle, *args, **options), say)
