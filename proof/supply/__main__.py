"""``make audit`` and ``make sbom``.

audit   licences of what the server comes with, then known vulnerabilities of every lock. Exit status 1: something
        was found; 2: no service answered, so nothing is known
sbom    writes the bill of materials of the server's lock (requirements/server.txt) and checks it by its schema
"""

import argparse
import sys
from pathlib import Path

from proof.supply.audit import Unanswered, audit
from proof.supply.licences import not_allowed
from proof.supply.locked import SERVER, NotLocked, locks, read_lock
from proof.supply.sbom import bill_of, problem_of

FOUND, UNKNOWN = 1, 2


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m proof.supply", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    auditing = commands.add_parser("audit")
    auditing.add_argument("--osv-url", default="", help="a service of your own that speaks OSV's language")
    writing = commands.add_parser("sbom")
    writing.add_argument("--output", type=Path, default=Path("sbom.json"))
    options = parser.parse_args()
    try:
        return _audit(options.osv_url) if options.command == "audit" else _write(options.output)
    except NotLocked as error:
        print(error, file=sys.stderr)
        return FOUND


def _audit(osv_url: str) -> int:
    problems = not_allowed(read_lock(SERVER))
    print(f"Licences: {len(read_lock(SERVER))} packages of {SERVER.name}, {len(problems)} of them not to come along.")
    status = FOUND if problems else 0
    for lock in locks():
        count = len(read_lock(lock))
        try:
            name, known = audit(lock, osv_url)
        except Unanswered as error:
            problems.append(f"{lock.name}: NOT AUDITED, nobody answered ({error}).")
            problems.append("Nothing is known about vulnerabilities. Run it where one of the services is reached.")
            status = status or UNKNOWN
            break
        print(f"{lock.name}: {count} packages, {len(known)} known vulnerabilities by {name}.")
        problems += map(str, known)
        status = FOUND if known else status
    for problem in problems:
        print(problem, file=sys.stderr)
    return status


def _write(path: Path) -> int:
    text = bill_of(SERVER)
    if problem := problem_of(text):
        print(f"What was made is no CycloneDX: {problem}", file=sys.stderr)
        return FOUND
    path.write_text(text, encoding="utf-8")
    print(f"{path}: CycloneDX 1.6, {len(read_lock(SERVER))} packages with hashes and licences, valid by its schema.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
