from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from galaxy.core.audit.anchors import Anchors
from galaxy.core.audit.epochs import declare, record_restore
from galaxy.core.audit.packs.command import add_export_arguments, write_pack
from galaxy.core.audit.tree import checkpoint_of
from galaxy.core.audit.verifying import verify
from galaxy.core.audit.verifying.printing import lines_of
from galaxy.core.errors import DomainError
from galaxy.core.management.workspaces import workspaces_named
from galaxy.core.vault.signing import add_signing_key, make_signing_keys


class Command(BaseCommand):
    help = "Look after the sealed trail: verify, export, make-key, rotate-key, new-epoch."
    requires_system_checks = ()

    def add_arguments(self, parser):
        acts = parser.add_subparsers(dest="act", required=True)
        for name, words in (
            ("make-key", "make the file of signing keys where there is none"),
            ("rotate-key", "add a signing key, to which the one before hands over when the sequencer starts anew"),
        ):
            acts.add_parser(name, help=words).add_argument("--file", type=Path, default=_key_file())
        one = acts.add_parser("new-epoch", help="after a backup was restored: let the trail go on from there")
        one.add_argument("--restored", action="store_true", required=True, help="say that a backup was restored")
        one = acts.add_parser("verify", help="compute everything again, and name what does not fit; exits with 1 if so")
        one.add_argument("--workspace", action="append", default=[], metavar="SLUG", help="which one; else every one")
        one.add_argument(
            "--checkpoints", type=Path, default=settings.GALAXY_CHECKPOINTS_DIR, help="where the copies of heads lie"
        )
        add_export_arguments(acts.add_parser("export", help="write a pack of events that anybody can verify"))

    def handle(self, *, act, **options):
        try:
            getattr(self, act.replace("-", "_"))(**options)
        except DomainError as error:
            raise CommandError(f"{error} {error.next_step}") from error
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from error

    def make_key(self, file, **options):
        made = make_signing_keys(file)
        self.stdout.write(f"{file} is made. Keep a copy elsewhere." if made else f"{file} is there already.")

    def rotate_key(self, file, **options):
        self.stdout.write(f"Key {add_signing_key(file)} is added. Restart the sequencer, and keep a copy of the file.")

    def new_epoch(self, **options):
        anchors = Anchors(settings.GALAXY_CHECKPOINTS_DIR)
        epoch = declare({one.pk: checkpoint_of(one) for one in workspaces_named()}, anchors)
        for workspace in workspaces_named():
            lost = record_restore(workspace, epoch, anchors)
            self.stdout.write(f"{workspace.slug}: {lost} sealed events are not in this backup.")
        self.stdout.write(f"Epoch {epoch.number} has begun. The sequencer goes on by itself.")

    def verify(self, *, workspace, checkpoints, **options):
        broken = []
        for one in workspaces_named(workspace):
            report = verify(one, checkpoints)
            for line in lines_of(one.slug, report):
                self.stdout.write(line)
            if not report.is_intact:
                broken.append(one.slug)
        if broken:
            raise CommandError(f"Not intact: {', '.join(broken)}.", returncode=1)
        self.stdout.write("Every trail is what was signed.")

    def export(self, *, workspace, output, **options):
        for one in workspaces_named([workspace]):
            count = write_pack(one, output, **options)
            self.stdout.write(f"{count} events are in {output}. Verify them: python {output}/verify.py {output}")


def _key_file() -> Path:
    return Path(settings.GALAXY_SIGNING_KEYS or settings.GALAXY_SIGNING_KEY_FILE)
