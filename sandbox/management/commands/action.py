"""``manage.py action run FILE.py``: what Galaxy makes of a creator's Python, on this machine and without a database."""

import json
import re
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from galaxy.core.egress.exchanges import BadFixtures, load
from galaxy.core.terminal import calm
from registry.manifests.sources import MAX_BYTES
from sandbox.local_runs import NOW, BadSecret, as_case, as_report, program_from, read_secret, run_program
from sandbox.pool import REDUCED, REQUIRED, Pool, SandboxUnavailable
from sandbox.pool.build import BuildError, ensure


class Command(BaseCommand):
    help = "Run a file of Python as Galaxy would, behind the same walls; or a list of cases."
    requires_system_checks: list[str] = []  # it needs no database and no settings of a workspace

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        run = verbs.add_parser("run", help="Exit status 0 when the run (or every case) ended with ok, else 1.")
        run.add_argument("file", nargs="?", metavar="FILE.py", help="The action or transform.")
        run.add_argument("--inputs", default="{}", metavar="JSON", help="The inputs; @FILE reads them from a file.")
        run.add_argument("--http", metavar="FILE.json", help="Answer from these exchanges, without any network.")
        run.add_argument(
            "--secret",
            action="append",
            default=[],
            metavar="NAME=VALUE@HOST",
            help="A secret and the hosts it may go to; others see the command line, so for a real one write file:PATH.",
        )
        run.add_argument("--seed", type=int, default=0, help="Decides all that is random (0 when left out).")
        run.add_argument("--now", metavar="ISO", help=f"The run's clock ({NOW:%Y-%m-%dT%H:%M:%SZ} when left out).")
        run.add_argument("--json", action="store_true", help="Print one JSON object.")
        run.add_argument(
            "--cases", metavar="FILE.json", help="Run a list of {id, code, inputs}; print a line for each."
        )
        run.add_argument(
            "--reduced", action="store_true", help="Run where a wall is missing, behind WebAssembly alone."
        )

    def handle(self, *, verb: str, **options: Any) -> None:
        if bool(options["file"]) == bool(options["cases"]):
            raise CommandError("Name a file, or a list of cases with --cases.")
        try:
            fixtures = load(_text(options["http"])) if options["http"] else None
            shared = {
                "seed": options["seed"],
                "now": _moment(options["now"]),
                "fixtures": fixtures,
                "secrets": dict(read_secret(text) for text in options["secret"]),
            }
            ensure(lambda text: self.stderr.write(text))
            with Pool(1, walls=REDUCED if options["reduced"] else REQUIRED) as pool:
                all_ok = self._cases(pool, options, shared) if options["cases"] else self._one(pool, options, shared)
        except (BadFixtures, BadSecret, BuildError) as error:
            raise CommandError(str(error)) from error
        except SandboxUnavailable as error:
            raise CommandError(
                f"Python does not run on this machine: {error}. --reduced runs it regardless."
            ) from error
        if not all_ok:
            raise SystemExit(1)

    def _one(self, pool: Pool, options: dict[str, Any], shared: dict[str, Any]) -> bool:
        path = Path(options["file"])
        wanted, findings = program_from(_text(str(path)), path.name)
        for finding in findings:
            self.stderr.write(f"{path}:{finding.line}:{finding.column}: {finding.severity}: {finding.message}")
        report = as_report(run_program(pool, wanted, inputs=_inputs(options["inputs"]), **shared))
        if options["json"]:
            self.stdout.write(json.dumps(report, indent=2, ensure_ascii=False, sort_keys=True))
        else:
            self._explain(path.name, report)
        return report["status"] == "ok"

    def _cases(self, pool: Pool, options: dict[str, Any], shared: dict[str, Any]) -> bool:
        all_ok = True
        for case in _listed(options["cases"]):
            wanted, _ = program_from(case["code"], f"{re.sub(r'[^A-Za-z0-9_-]', '_', str(case['id']))[:60]}.py")
            line = as_case(case["id"], run_program(pool, wanted, inputs=case.get("inputs", {}), **shared))
            self.stdout.write(json.dumps(line, ensure_ascii=False, sort_keys=True))
            all_ok &= line["status"] == "ok"
        return all_ok

    def _explain(self, name: str, report: dict[str, Any]) -> None:
        """For people: the parts that there are, each under its name."""

        def say(text: str) -> None:
            self.stdout.write(calm(text))

        say(f"{name}: {report['status']}")
        if report["error"]:
            say(f"\n{report['error']['sentence']}\n{report['error']['next_step']} ({report['error']['code']})")
        if report["output"] is not None:
            say("\noutput\n" + json.dumps(report["output"], indent=2, ensure_ascii=False, sort_keys=True))
        if report["logs"]:
            say("\nlogs\n" + "\n".join(f"{line['level']:<8}{line['text']}" for line in report["logs"]))
        if report["lost_logs"]:
            say(f"{report['lost_logs']} more lines were dropped at the limit.")
        if report["http"]:
            say("\nnetwork\n" + "\n".join(_call_in_words(call) for call in report["http"]))
        say("\nwalls\n" + "\n".join(_wall_in_words(wall) for wall in report["walls"]))
        say("\nlimits\n" + ", ".join(f"{name} {value}" for name, value in report["limits"].items()))
        measured = report["measured"]
        say(f"\nmeasured\n{', '.join(f'{name} {value}' for name, value in measured.items() if name != 'http_ms')}")


def _call_in_words(call: dict[str, Any]) -> str:
    return f"{call['method']} {call['url']}  {call['status'] or call['reason']}"


def _wall_in_words(wall: dict[str, Any]) -> str:
    return f"{wall['name']:<20}{'in force' if wall['in_force'] else 'MISSING'}  {wall['detail']}"


def _text(path: str) -> str:
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
    if len(content) > 64 * MAX_BYTES:
        raise CommandError(f"{path} is larger than any such file needs to be.")
    # What is no UTF-8 goes on as halves of surrogate pairs, which the sandbox names as its own error.
    return content.decode("utf-8", "surrogateescape")


def _inputs(text: str) -> Any:
    try:
        return json.loads(_text(text[1:]) if text.startswith("@") else text)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"--inputs is no JSON: {error}.") from error


def _listed(path: str) -> list[dict[str, Any]]:
    try:
        cases = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{path} is no JSON: {error}.") from error
    if not isinstance(cases, list) or not all(isinstance(one, dict) and {"id", "code"} <= set(one) for one in cases):
        raise CommandError(f"{path} is no list of {{id, code, inputs}}.")
    if not all(isinstance(one["code"], str) for one in cases):
        raise CommandError("The code of a case is a text.")
    return cases


def _moment(text: str | None) -> datetime:
    if text is None:
        return NOW
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"--now is no time such as 2026-01-31T12:00:00Z: {error}.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
