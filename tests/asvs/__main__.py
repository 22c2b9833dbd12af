"""``make asvs``: every test that proves a demand of ASVS 5.0.0, then the table of them, ``docs/asvs.csv``.

The exit status is 0 when no demand of levels 1 and 2 fails. Arguments go to pytest. With ``--from FILE`` nothing is
run: what became of the tests is read from the report of a run of all (``make test ARGS=--junitxml=FILE``).
"""

import sys
from collections import Counter, defaultdict
from pathlib import Path

import pytest
from lxml import etree

from tests.asvs import table
from tests.asvs.marks import marked


class Cases:
    """A pytest plugin that counts what became of each test, whatever its parameters."""

    def __init__(self) -> None:
        self.found: dict[str, Counter[str]] = defaultdict(Counter)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.found[report.nodeid.partition("[")[0]][report.outcome] += 1


def reported(path: Path) -> dict[str, Counter[str]]:
    """What became of each test by a report in JUnit's form, as ``Cases`` counts it."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for case in etree.parse(path).iter("testcase"):
        test = f"{case.get('classname').replace('.', '/')}.py::{case.get('name').partition('[')[0]}"
        said = {child.tag for child in case}
        found[test]["failed" if said & {"failure", "error"} else "skipped" if "skipped" in said else "passed"] += 1
    return found


def main() -> int:
    if sys.argv[1:2] == ["--from"]:
        found = reported(Path(sys.argv[2]))
    else:
        cases = Cases()
        files = sorted({test.partition("::")[0] for test in marked()})
        pytest.main(["-q", "-m", "asvs", "-p", "no:cacheprovider", *sys.argv[1:], *files], [cases])
        found = cases.found
    table.TABLE.write_text(table.table(found), encoding="utf-8")
    rows = table.read_table()
    table.PAGE.write_text(table.page(rows), encoding="utf-8")
    print(table.counts(rows))
    failed = [row for row in rows if row["status"] == table.FAILED]
    for row in failed:
        print(f"{row['id']} (level {row['level']}), {row['demand']}: {row['evidence']}")
    return int(any(row["level"] in "12" for row in failed))


if __name__ == "__main__":
    sys.exit(main())
