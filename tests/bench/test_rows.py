"""What the measurements write down: ratio and verdict of each row, and that a whole run lacks no line of the table."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench import __main__ as command
from bench import curves, table
from bench._paths import NAMED, PATHS, WANTED, missing
from bench._rows import WALL, compared, row

DOCS = Path(__file__).parents[2] / "docs"


def test_a_ratio_is_the_median_of_those_of_the_rounds():
    found = compared("5", "handed over", [10, 30, 20], [10, 10, 40], "/s", clock=WALL, least=0.9)
    assert (found["ratio"], found["min"], found["max"]) == (1.0, 0.5, 3.0)
    assert (found["product"], found["ceiling"], found["goal"], found["pass"]) == (20, 10, ">= 0.9 x", True)


@pytest.mark.parametrize(("limits", "passes"), [({"most": 2.0}, False), ({"least": 2.0}, True), ({}, None)])
def test_what_has_a_limit_is_held_to_it(limits, passes):
    assert compared("1", "x", [30, 30], [10, 10], "us", **limits)["pass"] is passes


def test_a_value_without_a_goal_is_only_told():
    assert row("9", "calls", 7, "", ok=False)["pass"] is None
    assert row("9", "calls", 7, "ms", "<= 5", ok=False)["pass"] is False
    assert [row("9", "calls", 2, "ms", "", rounds=[3, 1, 2])[name] for name in ("product", "min", "max")] == [2, 1, 3]


def test_every_path_is_a_module_with_its_measurement():
    modules = {path.stem for path in Path(command.__file__).parent.glob("*.py") if not path.stem.startswith("_")}
    assert {*PATHS, *NAMED} == modules - {"curves", "table"}
    for name in (*PATHS, *NAMED):
        assert "def main() -> list[dict" in Path(find_spec(f"bench.{name}").origin).read_text(), name


def test_a_line_that_nothing_holds_to_a_goal_is_named():
    rows = [row(name, "x", 1, "", "<= 2") for name in WANTED if name != "6b"] + [row("6b", "told", 1, "")]
    assert missing(rows) == ["6b (redaction)"]


def test_each_line_is_in_the_words_of_some_measurement():
    said = "".join(path.read_text() for path in Path(command.__file__).parent.glob("*.py"))
    lacking = [name for name in WANTED if said.count(f'"{name}"') < 2]  # once in the list of lines itself
    assert not lacking


def test_a_run_writes_its_rows_and_what_it_took(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(command, "RESULT", tmp_path / "bench.json")
    monkeypatch.setattr("bench.policy.main", lambda: [compared("1", "decision", [2, 2], [1, 1], "us", most=1.5)])
    assert command.main(["policy"]) == 1
    rows = json.loads((tmp_path / "bench.json").read_text())
    assert [found["path"] for found in rows] == ["policy"] * 3
    assert rows[0] | {"ceiling": 1, "product": 2, "ratio": 2, "min": 2, "max": 2, "pass": False} == rows[0]
    said = capsys.readouterr().out
    assert "0 of 1 goals met" in said and "missed: 1 decision (<= 1.5 x)" in said


def test_an_unknown_name_is_refused(capsys):
    assert command.main(["nothing"]) == 2
    assert "Choose from audit" in capsys.readouterr().err


def test_the_markdown_goes_between_its_marks():
    rows = [{"path": "policy"} | compared("1", "a | b", [2, 2], [1, 1], "us", most=3)]
    text = table.put_between(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n", table.as_markdown(rows))
    assert "| 1 | a / b | processor | 1 | 2 | us | 2 x | 2 to 2 | <= 3 x | ok |" in text
    assert text.startswith("before\n") and text.endswith("after\n") and "old" not in text
    with pytest.raises(ValueError, match="no lines"):
        table.put_between("nothing", "x")


def test_the_document_names_every_path_and_has_its_marks():
    text = (DOCS / "benchmarks.md").read_text()
    assert table.BEGIN in text and table.END in text
    assert not [name for name in (*PATHS, *NAMED) if f"| `{name}` |" not in text]


def test_a_curve_is_drawn_by_the_ratio():
    rows = [
        compared("growth", "runs list", [ours] * 2, [10, 10], "ms") | {"things": things, "of": "runs"}
        for things, ours in ((10_000, 40), (100, 20))
    ]
    told = curves.as_markdown(rows)
    assert "| runs list | 100 runs | 10,000 | 2.00 × as much |" in told
    short, long = (line for line in told.splitlines() if "█" in line)
    assert (short.count("█"), long.count("█")) == (curves.WIDTH // 2, curves.WIDTH)
    assert short.startswith("   100 runs  █") and long.endswith("  4 x")


def test_a_rate_that_falls_is_said_to_cost_more():
    rows = [
        compared("growth", "export", [ours] * 2, [10, 10], "ev/s") | {"things": things, "of": "events"}
        for things, ours in ((1, 10), (10, 5))
    ]
    assert "2.00 × as much" in curves.as_markdown(rows)


def test_the_page_of_curves_has_its_marks():
    text = (DOCS / "growth.md").read_text()
    assert curves.BEGIN in text and curves.END in text
