from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from galaxy.core.errors import DomainError
from galaxy.core.management.workspaces import workspaces_named
from galaxy.core.vault.kms.local import add_key, make_key_file
from galaxy.core.vault.services import go_on_rewrapping, rewrap, shred_workspace


class Command(BaseCommand):
    help = "Keep the vault's keys: make-key, rotate-root-key, rewrap [SLUG ...], shred-workspace SLUG."
    requires_system_checks = ()

    def add_arguments(self, parser):
        acts = parser.add_subparsers(dest="act", required=True)
        for name, words in (
            ("make-key", "make the file of root keys where there is none"),
            ("rotate-root-key", "add a root key, which wraps from the next start of sandboxd on"),
        ):
            acts.add_parser(name, help=words).add_argument("--file", type=Path, default=settings.GALAXY_KEY_FILE)
        one = acts.add_parser("rewrap", help="give workspaces new keys, and wrap every data key anew")
        one.add_argument("slugs", nargs="*", metavar="SLUG", help="which workspaces; all where none is named")
        one = acts.add_parser("shred-workspace", help="destroy the keys of a workspace: all it stored is gone for good")
        one.add_argument("slugs", nargs=1, metavar="SLUG")
        one.add_argument("--confirm", required=True, metavar="SLUG", help="the same name once more")

    def handle(self, *, act, **options):
        try:
            getattr(self, act.replace("-", "_"))(**options)
        except DomainError as error:
            raise CommandError(f"{error} {error.next_step}") from error

    def make_key(self, file, **options):
        made = make_key_file(file)
        self.stdout.write(f"{file} is made. Keep a copy elsewhere." if made else f"{file} is there already.")

    def rotate_root_key(self, file, **options):
        self.stdout.write(f"Key {add_key(file)} is added. Restart sandboxd, then run: manage.py vault rewrap")

    def rewrap(self, slugs, **options):
        for workspace in workspaces_named(slugs):
            job = go_on_rewrapping(rewrap(workspace, actor=None).pk)
            self.stdout.write(f"{workspace.slug}: {job.done} data keys are wrapped by key {job.to_key.version} now.")

    def shred_workspace(self, slugs, confirm, **options):
        if slugs != [confirm]:
            raise CommandError("The two names differ, so nothing is destroyed.")
        for workspace in workspaces_named(slugs):
            count = shred_workspace(workspace, actor=None)
            self.stdout.write(f"{workspace.slug}: {count} keys are destroyed. What it stored opens no more.")
