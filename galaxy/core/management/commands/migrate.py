from django.core.management.commands import migrate


class Command(migrate.Command):
    help = "Bring the tables up to date, as the owner role; then make this and the coming months' partitions."

    def add_arguments(self, parser):
        super().add_arguments(parser)
        parser.set_defaults(database="owner")
