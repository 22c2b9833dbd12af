"""``make asvs``: every test that proves a demand of ASVS 5.0.0, then the table of them, ``docs/asvs.csv``.

The exit status is 0 when no demand of levels 1 and 2 fails. Arguments go to pytest.
"""

import sys
from collections import Counter, defaultdict

import pytest

from tests.asvs import table
from tests.asvs.marks import marked


class Cases:
    """A pytest plugin that counts what became of each test, whatever its parameters."""

    def __init__(self) -> None:
        self.found: dict[str, Counter[str]] = defaultdict(Counter)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self.found[report.nodeid.partition("[")[0]][report.outcome] += 1


def main() -> int:
    cases = Cases()
    files = sorted({test.partition("::")[0] for test in marked()})
    pytest.main(["-q", "-m", "asvs", "-p", "no:cacheprovider", *sys.argv[1:], *files], [cases])
    table.TABLE.write_text(table.table(cases.found), encoding="utf-8")
    rows = table.read_table()
    table.PAGE.write_text(table.page(rows), encoding="utf-8")
    print(table.counts(rows))
    failed = [row for row in rows if row["status"] == table.FAILED]
    for row in failed:
        print(f"{row['id']} (level {row['level']}), {row['demand']}: {row['evidence']}")
    return int(any(row["level"] in "12" for row in failed))


if __name__ == "__main__":
    sys.exit(main())
