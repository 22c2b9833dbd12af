"""``manage.py manifest check FILE``: what Galaxy takes a manifest to mean, or what is wrong with it.

``manage.py manifest migrate FILE`` prints it in the newest format; ``manage.py manifest reference`` the tables of
docs/manifests.md.
"""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from registry.manifests import CODES, Finding, Reading, read
from registry.manifests.migrations import migrated
from registry.manifests.reference import tables
from registry.manifests.sources import FORMATS, MAX_BYTES

STDIN = "-"


class Command(BaseCommand):
    help = "Check a manifest: print its canonical form and digest, or what is wrong; or print the reference's tables."
    requires_system_checks: list[str] = []  # it needs no database and no settings of a workspace

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        check = verbs.add_parser("check", help="Read FILE; exit status 0 when it is a manifest, 1 when it is not.")
        check.add_argument("file", metavar="FILE", help="YAML, JSON or Python; - reads standard input.")
        check.add_argument("--format", choices=FORMATS, help="Instead of going by the file's name or first sign.")
        check.add_argument(
            "--json", action="store_true", help="Print one JSON object: digest, manifest, missing, findings."
        )

        older = verbs.add_parser("migrate", help="Print FILE in the newest format; the steps go to standard error.")
        older.add_argument("file", metavar="FILE", help="YAML, JSON or Python; - reads standard input.")

        verbs.add_parser("reference", help="Print every key, type and code as Markdown tables.")

    def handle(self, *, verb: str, **options: Any) -> None:
        if verb == "reference":
            self.stdout.write(tables(), ending="")
        elif verb == "migrate":
            self._migrate(options["file"])
        else:
            self._check(options["file"], options["format"], as_json=options["json"])

    def _check(self, file: str, format: str | None, *, as_json: bool) -> None:
        reading = read(_content(file), format=format, filename=None if file == STDIN else Path(file).name)
        if as_json:
            self.stdout.write(_as_json(reading))
        else:
            self._explain(reading, file)
        if reading.manifest is None:
            raise SystemExit(1)

    def _migrate(self, file: str) -> None:
        found = migrated(_content(file), filename=None if file == STDIN else Path(file).name)
        for step in found.steps:
            self.stderr.write(f"{step.number}. {step.title}")
        if not found.is_changed:
            self.stderr.write("It is of the newest format already.")
        self.stdout.write(found.text, ending="")

    def _explain(self, reading: Reading, file: str) -> None:
        shown = "<stdin>" if file == STDIN else file
        for finding in reading.findings:
            self.stdout.write(_as_text(finding, shown))
        manifest = reading.manifest
        if manifest is None:
            count = len(reading.errors)
            self.stderr.write(f"{shown}: {count} error{'s' if count != 1 else ''}, no manifest.")
            return
        self.stdout.write(json.dumps(manifest.canonical, indent=2, sort_keys=True, ensure_ascii=False))
        if manifest.is_draft:
            self.stdout.write(f"draft, publication still needs: {', '.join(manifest.missing)}")
        self.stdout.write(f"digest: {manifest.digest}")


def _content(file: str) -> bytes:
    """One byte more than permitted is enough to be told that it is too large."""
    try:
        if file == STDIN:
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(file).open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror}.") from error


def _as_text(finding: Finding, file: str) -> str:
    lines = [f"{file}:{finding.line}:{finding.column} {finding.code} {finding.message}"]
    if (why := CODES[finding.code].about) != finding.message:
        lines.append(f"    why: {why}")
    return "\n".join([*lines, f"    fix: {finding.fix}"])


def _as_json(reading: Reading) -> str:
    manifest = reading.manifest
    answer = {
        "digest": manifest.digest if manifest else None,
        "manifest": manifest.canonical if manifest else None,
        "missing": list(manifest.missing) if manifest else [],
        "findings": [finding.as_dict() for finding in reading.findings],
    }
    return json.dumps(answer, indent=2, sort_keys=True, ensure_ascii=False)
