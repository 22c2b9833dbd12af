"""The table of demands, ``docs/asvs.csv``, and its counts in ``docs/asvs.md``, made of what became of the tests."""

import csv
import io
from collections import Counter
from collections.abc import Mapping

from tests.asvs.marks import ROOT, Requirement, proofs_of, requirements

TABLE = ROOT / "docs" / "asvs.csv"
PAGE = ROOT / "docs" / "asvs.md"
COLUMNS = ("id", "level", "demand", "status", "tests", "evidence")
PASSED, FAILED, ABSENT, OUTSIDE = "passed", "failed", "not applicable", "outside"
STATUSES = (PASSED, FAILED, ABSENT, OUTSIDE)
BEGIN, END = "<!-- counts: begin -->", "<!-- counts: end -->"
CHAPTERS = {
    1: "Encoding and sanitization", 2: "Validation and business logic", 3: "Web frontend", 4: "API and web service",
    5: "Files", 6: "Authentication", 7: "Sessions", 8: "Authorization", 9: "Self-contained tokens",
    10: "OAuth and OpenID Connect", 11: "Cryptography", 12: "Secure communication", 13: "Configuration",
    14: "Data protection", 15: "Secure coding and architecture", 16: "Logging and errors", 17: "WebRTC",
}  # fmt: skip
Cases = Mapping[str, Counter[str]]  # how many cases of each test came to which outcome


def row_of(requirement: Requirement, cases: Cases) -> dict[str, str]:
    tests = proofs_of(requirement.id)
    status, evidence = _judged(requirement, tests, cases)
    return {
        "id": requirement.id,
        "level": str(requirement.level),
        "demand": requirement.demand,
        "status": status,
        "tests": " ".join(tests),
        "evidence": evidence,
    }


def _judged(requirement: Requirement, tests: list[str], cases: Cases) -> tuple[str, str]:
    """A demand holds where each of its tests ran and each case of them passed; without a test it does not hold."""
    if missed := [test for test in tests if not cases.get(test)]:
        return FAILED, f"was not run: {' '.join(missed)}"
    if wrong := [test for test in tests if set(cases[test]) != {"passed"}]:
        return FAILED, f"did not pass: {' '.join(wrong)}"
    if requirement.held != "test":
        return {"absent": ABSENT, "outside": OUTSIDE}[requirement.held], requirement.note
    if not tests:
        return FAILED, requirement.note or "no test"
    count = sum(cases[test].total() for test in tests)
    return PASSED, f"{count} case{'' if count == 1 else 's'}{'; ' if requirement.note else ''}{requirement.note}"


def table(cases: Cases) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row_of(requirement, cases) for requirement in requirements().values())
    return text.getvalue()


def read_table() -> list[dict[str, str]]:
    with TABLE.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def counts(rows: list[dict[str, str]]) -> str:
    """By chapter and level: held of those that apply, and what is left."""
    lines = [
        "| Chapter | L1 | L2 | L3 | failed | not applicable | outside |",
        "|---|---|---|---|---|---|---|",
    ]
    for number, name in CHAPTERS.items():
        own = [row for row in rows if row["id"].partition(".")[0] == str(number)]
        lines.append(_line(f"{number} {name}", own))
    return "\n".join([*lines, _line("all", rows)])


def _line(name: str, rows: list[dict[str, str]]) -> str:
    cells = []
    for level in "123":
        found = Counter(row["status"] for row in rows if row["level"] == level)
        applies = found[PASSED] + found[FAILED]
        cells.append(f"{found[PASSED]} of {applies}" if applies else "")
    failed = [row["id"] for row in rows if row["status"] == FAILED]
    named = ", ".join(failed) if name != "all" else str(len(failed))
    others = Counter(row["status"] for row in rows)
    return f"| {name} | {' | '.join(cells)} | {named} | {others[ABSENT] or ''} | {others[OUTSIDE] or ''} |"


def page(rows: list[dict[str, str]]) -> str:
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    return f"{before}{BEGIN}\n{counts(rows)}\n{END}{after}"
