"""``manage.py extension``: what a creator does from a shell, by the same services as the pages.

``new`` and ``check`` ask for no workspace; ``bundle`` is for whoever runs Galaxy, so that nobody's permission is asked.
"""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from galaxy.core.errors import DomainError
from marketplace.bundles.exporting import bundle_of
from marketplace.bundles.layout import MAX_BYTES, SUFFIX, Bundle
from marketplace.bundles.reading import read_bundle
from marketplace.bundles.trusting import root_of, why_not_trusted
from marketplace.bundles.writing import write_bundle
from marketplace.checks import Checked, check
from marketplace.folders import begin_folder, read_folder
from marketplace.workshop.starters import STARTERS
from registry.models import Version


class Command(BaseCommand):
    help = "Begin an extension in a folder, check it, and move what is published by a file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        new = verbs.add_parser("new", help="Write a first manifest and its docs into a new folder.")
        new.add_argument("folder", type=Path)
        new.add_argument("--from", dest="starter", choices=[one.value for one in STARTERS if one.text], default="rest")
        new.add_argument("--name", help="what it is called by; the folder's name where it is left out")
        checking = verbs.add_parser("check", help="Print each finding; exit status 1 where one keeps it back.")
        checking.add_argument("folder", type=Path, metavar="FOLDER", help="or one file: YAML, JSON or Python")
        checking.add_argument("--json", action="store_true", help="Print one JSON object: findings and digest.")
        acts = verbs.add_parser("bundle", help="Move what is published to a network that reaches no other Galaxy.")
        acts = acts.add_subparsers(dest="act", required=True)
        export = acts.add_parser(
            "export", help="Write a version and what it requires to one file, with its signatures."
        )
        export.add_argument("slug")
        export.add_argument("--number", help="which version; the newest that can be installed where it is left out")
        export.add_argument("--out", type=Path, help="the file (default: SLUG-NUMBER.galaxy here)")
        look = acts.add_parser("look", help="Say what a bundle holds; exit status 1 where it is not to be trusted.")
        look.add_argument("file", type=Path)
        look.add_argument(
            "--root", action="append", default=[], metavar="KEY", help="a key to trust, as it was told you"
        )

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

    def _bundle(self, options: dict[str, Any]) -> None:
        getattr(self, f"_bundle_{options['act']}")(options)

    def _bundle_export(self, options: dict[str, Any]) -> None:
        found = Version.objects.installable().public().filter(extension__slug=options["slug"])
        version = (found.filter(number=options["number"]) if options["number"] else found).first()
        if version is None:
            raise CommandError(f"Nothing called {options['slug']} {options['number'] or ''}".strip() + " is published.")
        bundle = bundle_of(version)
        out = options["out"] or Path(f"{version.extension.slug}-{version.number}{SUFFIX}")
        try:
            out.write_bytes(write_bundle(bundle))
        except OSError as error:
            raise CommandError(f"{out} cannot be written: {error.strerror}.") from error
        self.stdout.write(f"{out}: {_listed(bundle)}. Whoever takes it in trusts key {_root(bundle)}.")

    def _bundle_look(self, options: dict[str, Any]) -> None:
        try:
            with options["file"].open("rb") as stream:
                bundle = read_bundle(stream.read(MAX_BYTES + 1))
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from error
        self.stdout.write(f"{_listed(bundle)}. Signed by the marketplace whose first key is {_root(bundle)}.")
        why = why_not_trusted(bundle, options["root"])
        self.stdout.write(why or "Every version is vouched for by a key that you trust.")
        if why:
            raise SystemExit(1)


def _listed(bundle: Bundle) -> str:
    return ", ".join(f"{one} ({one.level}, {one.digest[:12]})" for one in bundle.versions)


def _root(bundle: Bundle) -> str:
    root = root_of(bundle)
    return root.id if root else "none"


def _as_json(checked: Checked) -> str:
    answer = {
        "digest": checked.manifest.digest if checked.manifest else None,
        "findings": [finding.as_dict() for finding in checked.findings],
    }
    return json.dumps(answer, indent=2, sort_keys=True, ensure_ascii=False)
