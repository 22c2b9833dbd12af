"""``manage.py extension``: what a creator does from a shell, by the same services as the pages.

``new``, ``check`` and ``test`` ask for no workspace; ``submit`` and ``status`` ask a Galaxy over its API, in the name
of whose token it is; ``bundle`` is for whoever runs this Galaxy, so that nobody's permission is asked.
"""

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from galaxy.core.errors import DomainError
from galaxy.core.terminal import calm, calm_json
from marketplace.bundles import command as bundles
from marketplace.checks import Checked, check
from marketplace.creating import remote
from marketplace.creating.testing import finding_line, told_tests
from marketplace.folders import begin_folder, read_folder
from marketplace.workshop.starters import STARTERS


class Command(BaseCommand):
    help = "Begin an extension in a folder, check it, test it, submit it, and move what is published by a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        new = verbs.add_parser("new", help="Write a first manifest and its docs into a new folder.")
        new.add_argument("folder", type=Path)
        new.add_argument("--from", dest="starter", choices=[one.value for one in STARTERS if one.text], default="rest")
        new.add_argument("--name", help="what it is called by; the folder's name where it is left out")
        checking = verbs.add_parser("check", help="Print each finding; exit status 1 where one keeps it back.")
        checking.add_argument("folder", type=Path, metavar="FOLDER", help="or one file: YAML, JSON or Python")
        checking.add_argument("--json", action="store_true", help="Print one JSON object: findings and digest.")
        testing = verbs.add_parser("test", help="Run the contract tests; exit status 1 where one does not pass.")
        testing.add_argument("folder", type=Path, metavar="FOLDER", help="or one file: YAML, JSON or Python")
        testing.add_argument("--json", action="store_true", help="Print the report as one JSON object.")
        remote.add_submit_arguments(verbs.add_parser("submit", help="Hand it in at a Galaxy, over its API."))
        remote.add_status_arguments(verbs.add_parser("status", help="Say where a submission stands."))
        bundles.add_bundle_verbs(
            verbs.add_parser("bundle", help="Move what is published to a network that reaches no other Galaxy.")
        )

    def handle(self, *, verb: str, **options: Any) -> None:
        try:
            getattr(self, f"_{verb}")(options)
        except DomainError as error:
            raise CommandError(calm(f"{error} {error.next_step}".strip())) from error

    def _say(self, text: str) -> None:
        """At once: what waits for days is read meanwhile, in a log too. Folders, bundles and the other Galaxy are the
        work of strangers, and none of them writes to a terminal itself."""
        self.stdout.write(calm(text))
        self.stdout.flush()

    def _new(self, options: dict[str, Any]) -> None:
        folder = options["folder"]
        for file in begin_folder(folder, starter=options["starter"], name=options["name"] or folder.resolve().name):
            self._say(f"{file}")
        self._say(f"Next: {_typed()} extension check {folder}")

    def _check(self, options: dict[str, Any]) -> None:
        folder = read_folder(options["folder"])
        checked = check(folder.text, folder.files)
        if options["json"]:
            self.stdout.write(_as_json(checked))
        else:
            for finding in checked.findings:
                self._say(finding_line(finding.as_dict(), folder.name))
            count = len(checked.errors)
            self._say(f"{count or 'No'} error{'' if count == 1 else 's'}.")
        if not checked.is_publishable:
            raise SystemExit(1)

    def _test(self, options: dict[str, Any]) -> None:
        folder = read_folder(options["folder"])
        say = self.stdout.write if options["json"] else self._say
        if not told_tests(folder, say, self.stderr.write, as_json=options["json"]):
            raise SystemExit(1)

    def _submit(self, options: dict[str, Any]) -> None:
        remote.submit(read_folder(options["folder"]), self._say, options)

    def _status(self, options: dict[str, Any]) -> None:
        remote.status(self._say, options)

    def _bundle(self, options: dict[str, Any]) -> None:
        bundles.handle(options.pop("act"), self._say, **options)


def _typed() -> str:
    """How the command was begun, so that the next one can be pasted."""
    python = Path(sys.executable)
    here = python.relative_to(Path.cwd()) if python.is_relative_to(Path.cwd()) else python
    return f"{here} manage.py"


def _as_json(checked: Checked) -> str:
    answer = {
        "digest": checked.manifest.digest if checked.manifest else None,
        "findings": [finding.as_dict() for finding in checked.findings],
    }
    return calm_json(json.dumps(answer, indent=2, sort_keys=True, ensure_ascii=False))
