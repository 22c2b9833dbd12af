"""``manage.py extension``: what a creator does from a shell, by the same services as the pages.

``new`` and ``check`` ask for no workspace.
"""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from galaxy.core.errors import DomainError
from marketplace.checks import Checked, check
from marketplace.folders import begin_folder, read_folder
from marketplace.workshop.starters import STARTERS


class Command(BaseCommand):
    help = "Begin an extension in a folder, and check it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        new = verbs.add_parser("new", help="Write a first manifest and its docs into a new folder.")
        new.add_argument("folder", type=Path)
        new.add_argument("--from", dest="starter", choices=[one.value for one in STARTERS if one.text], default="rest")
        new.add_argument("--name", help="what it is called by; the folder's name where it is left out")
        checking = verbs.add_parser("check", help="Print each finding; exit status 1 where one keeps it back.")
        checking.add_argument("folder", type=Path, metavar="FOLDER", help="or one file: YAML, JSON or Python")
        checking.add_argument("--json", action="store_true", help="Print one JSON object: findings and digest.")

    def handle(self, *, verb: str, **options: Any) -> None:
        try:
            getattr(self, f"_{verb}")(options)
        except DomainError as error:
            raise CommandError(f"{error} {error.next_step}".strip()) from error

    def _new(self, options: dict[str, Any]) -> None:
        folder = options["folder"]
        for file in begin_folder(folder, starter=options["starter"], name=options["name"] or folder.resolve().name):
            self.stdout.write(f"{file}")
        self.stdout.write(f"Next: manage.py extension check {folder}")

    def _check(self, options: dict[str, Any]) -> None:
        folder = read_folder(options["folder"])
        checked = check(folder.text, folder.files)
        if options["json"]:
            self.stdout.write(_as_json(checked))
        else:
            for finding in checked.findings:
                place = f"{finding.path or folder.name}:{finding.line}:{finding.column}"
                self.stdout.write(f"{place} {finding.code} {finding.message}\n    fix: {finding.fix}")
            count = len(checked.errors)
            self.stdout.write(f"{count or 'No'} error{'' if count == 1 else 's'}.")
        if not checked.is_publishable:
            raise SystemExit(1)


def _as_json(checked: Checked) -> str:
    answer = {
        "digest": checked.manifest.digest if checked.manifest else None,
        "findings": [finding.as_dict() for finding in checked.findings],
    }
    return json.dumps(answer, indent=2, sort_keys=True, ensure_ascii=False)
