"""The table of ASVS: what it says of a demand is what the marks of the tests say, and nothing holds by word alone."""

from collections import Counter

import pytest

from tests.asvs import table
from tests.asvs.__main__ import reported
from tests.asvs.marks import COUNTS, ROOT, Requirement, marked, proofs_of, requirements


def test_every_demand_is_in_it():
    assert Counter(one.level for one in requirements().values()) == COUNTS
    assert {one.held for one in requirements().values()} == {"test", "absent", "outside"}
    assert [one.id for one in requirements().values() if one.held != "test" and len(one.note) < 20] == []


def test_every_mark_names_a_demand():
    assert {name for ids in marked().values() for name in ids} - set(requirements()) == set()
    assert len(marked()) > 100


def test_what_is_held_elsewhere_is_said_to_be_where_the_note_says():
    notes = " ".join(one.note for one in requirements().values())
    named = {word.strip("(),.;") for word in notes.split() if word.strip("(),.;").endswith(".md")}
    assert named and {name for name in named if not (ROOT / name).is_file()} == set()


def test_the_table_was_made_of_these_marks_and_demands():
    """`make asvs` makes it anew."""
    rows = {row["id"]: row for row in table.read_table()}
    assert set(rows) == set(requirements())
    for one in requirements().values():
        row = rows[one.id]
        assert (row["level"], row["demand"]) == (str(one.level), one.demand), one.id
        assert row["tests"].split() == proofs_of(one.id), f"{one.id}: run make asvs"
        assert row["status"] in table.STATUSES
        assert row["status"] != table.PASSED or (row["tests"] and one.held == "test")
        assert row["evidence"]


def test_the_page_counts_what_the_table_says():
    text = table.PAGE.read_text(encoding="utf-8")
    assert table.page(table.read_table()) == text


@pytest.mark.parametrize(
    ("held", "cases", "status"),
    [
        ("test", {"passed": 3}, "passed"),
        ("test", {"passed": 3, "failed": 1}, "failed"),
        ("test", {"passed": 3, "skipped": 1}, "failed"),
        ("test", {"passed": 3, "error": 1}, "failed"),
        ("test", {}, "failed"),
        ("absent", {"passed": 1}, "not applicable"),
        ("absent", {"failed": 1}, "failed"),
        ("outside", {}, "failed"),
    ],
)
def test_a_demand_holds_where_every_case_passed(monkeypatch, held, cases, status):
    monkeypatch.setattr(table, "proofs_of", lambda name: ["tests/test_x.py::test_y"])
    one = Requirement("1.1.1", 1, "it is safe", held, "as it is written elsewhere")
    assert table.row_of(one, {"tests/test_x.py::test_y": Counter(cases)})["status"] == status


def test_a_report_of_all_tests_says_the_same(tmp_path):
    path = tmp_path / "report.xml"
    path.write_text(
        '<testsuites><testsuite><testcase classname="tests.core.test_x" name="test_y[a]"/>'
        '<testcase classname="tests.core.test_x" name="test_y[b]"><failure/></testcase>'
        '<testcase classname="tests.core.test_x" name="test_z"><skipped/></testcase></testsuite></testsuites>'
    )
    assert reported(path) == {
        "tests/core/test_x.py::test_y": {"passed": 1, "failed": 1},
        "tests/core/test_x.py::test_z": {"skipped": 1},
    }


def test_without_a_test_nothing_holds(monkeypatch):
    monkeypatch.setattr(table, "proofs_of", lambda name: [])
    one = Requirement("1.1.1", 1, "it is safe", "test", "")
    assert table.row_of(one, {})["status"] == "failed"
