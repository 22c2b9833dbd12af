"""Results of transforms are kept by workspace, version and input, and their bytes are equal wherever they are made."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.manifests.operations import OPERATIONS as KNOWN
from sandbox.models import Span
from sandbox.remembering import Kept, Remembering
from sandbox.services import invoke, perform
from sandbox.transforms import TransformError, apply
from sandbox.transforms.pipeline import OPERATIONS
from tests.extensions import TIDY, installed
from tests.playhouse import staged

ROOT = Path(__file__).parents[2]


def test_an_equal_input_is_answered_without_work_and_another_workspace_works_itself():
    kept, made, here, there = Remembering(), [], uuid4(), uuid4()

    def work():
        made.append(1)
        return {"list": [1]}

    first = kept.answer(here, "v1", {"a": 1, "b": 2}, work)
    first[0]["list"].append(2)  # whoever changes what they got changes nobody else's
    assert kept.answer(here, "v1", {"b": 2, "a": 1}, work) == ({"list": [1]}, True)
    assert [kept.answer(*one, {"a": 1, "b": 2}, work)[1] for one in ((there, "v1"), (here, "v2"))] == [False, False]
    assert kept.answer(here, "v1", {"a": 1, "b": 3}, work)[1] is False
    assert len(made) == 4
    assert [kept.answer(here, "v1", {"b": 2, "a": one}, work)[1] for one in (1.0, True, 1)] == [False, False, True]


def test_the_oldest_goes_first_and_what_fails_is_not_kept():
    kept, here = Remembering(Kept(most=2)), uuid4()
    for name in ("a", "b", "c"):
        kept.answer(here, "v", {"name": name}, lambda: {})
    assert [kept.answer(here, "v", {"name": name}, lambda: {})[1] for name in ("c", "b")] == [True, True]
    assert kept.answer(here, "v", {"name": "a"}, lambda: {})[1] is False

    def fails():
        raise TransformError("bad_date", "No.", "on")

    for _ in range(2):
        with pytest.raises(TransformError):
            kept.answer(here, "v", {"name": "x"}, fails)
    small = Remembering(Kept(most_bytes=80))
    small.answer(here, "v", {}, lambda: {"text": "x" * 40})
    assert small.answer(here, "v", {}, lambda: {"text": "x" * 40})[1] is False


@pytest.mark.django_db
@staged
def test_a_run_says_whether_it_was_remembered(workspace, admin):
    installed(workspace, admin, TIDY)
    said = []
    for _ in range(2):
        run = perform(invoke(workspace, actor=admin, target="probe.tidy", inputs={"name": "A", "on": "2026-01-02"}).pk)
        assert run.outputs == {"title": "A", "day": "2026-01-02"}
        said.append(Span.objects.get(run_id=run.pk, kind="attempt").attributes["remembered"])
    assert said[1] is True


def test_what_is_too_old_goes_whether_or_not_anybody_asks():
    now = [0.0]
    kept: Kept[str] = Kept(most_s=300, clock=lambda: now[0])
    kept.put(b"a", "first", 5)
    now[0] = 200
    kept.put(b"b", "second", 6)
    assert kept.get(b"a") == "first"
    now[0] = 301
    assert (kept.get(b"a"), kept.get(b"b"), len(kept)) == (None, "second", 1)
    gone: Kept[str] = Kept(most_s=0.01)
    gone.put(b"a", "first", 5)
    patience = threading.Event()
    for _ in range(500):
        if not len(gone):
            break
        patience.wait(0.01)
    assert len(gone) == 0


@pytest.mark.asvs("14.2.2")
@pytest.mark.django_db
@staged
@pytest.mark.parametrize(
    ("text", "name"),
    [
        (TIDY.replace("name: string, on", "name: email, on"), "ada@one.example"),
        (TIDY.replace("title: string", "title: email"), "ada@one.example"),
        (TIDY, "Call +1 415 555 0132"),
    ],
    ids=["taken", "given", "found in a text"],
)
def test_nothing_personal_is_remembered(workspace, admin, text, name):
    installed(workspace, admin, text.replace("A, on:", f"{name}, on:").replace("title: A", f"title: {name}"))
    for _ in range(2):
        run = perform(invoke(workspace, actor=admin, target="probe.tidy", inputs={"name": name, "on": "2026-01-02"}).pk)
        assert run.state == "succeeded", run.error
        assert Span.objects.get(run_id=run.pk, kind="attempt").attributes["remembered"] is False


# Every operation, with arguments and records of all sorts, in processes that hash, and live, elsewhere.

words = st.text(max_size=12) | st.sampled_from(["3 Jan 2026 4pm", "(415) 555-0132", "ada@example.com", "1.234,50", "É"])
values = st.recursive(
    words | st.integers(-(2**40), 2**40) | st.booleans() | st.none() | st.floats(-1e6, 1e6, allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcxyz"), inner, max_size=3),
    max_leaves=6,
)
records = st.dictionaries(st.sampled_from("abcxyz"), values, max_size=5)
steps = st.sampled_from([
    {"op": "normalize_date", "args": {"field": "a", "timezone": "Europe/Berlin", "to": "datetime"}},
    {"op": "normalize_phone", "args": {"field": "a", "region": "US"}},
    {"op": "normalize_text", "args": {"field": "a", "case": "title", "form": "NFKC"}},
    {"op": "normalize_number", "args": {"field": "a", "decimals": 2}},
    {"op": "map_fields", "args": {"m": "keys(@)", "n": "values(@)", "o": {"p": "not_null(a, b)", "q": "x || y"}}},
    {"op": "enrich", "args": {"field": "b", "table": {"é": [1], "x": {"z": 1, "a": 2}}, "into": "e", "default": 0}},
    {"op": "dedupe", "args": {"field": "c", "keep": "last"}},
    {"op": "dedupe", "args": {"field": "c", "by": ["a", "x"]}},
    {"op": "detect_pii", "args": {"into": "found"}},
    {"op": "redact", "args": {"classes": ["email", "phone", "payment"], "mode": "mask"}},
    {"op": "redact", "args": {"classes": ["email", "phone"], "mode": "hash", "fields": ["a", "b"]}},
    {"op": "redact", "args": {"classes": ["email"], "mode": "tokenise"}},
    {"op": "redact", "args": {"classes": ["email"], "mode": "drop"}},
    {"op": "validate", "args": {"against": "inputs"}},
])  # fmt: skip
CHILD = """
import json, sys
sys.path.insert(0, ".")
from sandbox.transforms import TransformError, apply
for steps, record in json.load(sys.stdin):
    try:
        said = ["ok", apply(steps, record, inputs_schema={}, key=b"k")]
    except TransformError as error:
        said = [error.code, error.sentence, error.field]
    print(json.dumps(said, ensure_ascii=True))
"""


def made_by(cases, **env):
    there = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **env}
    done = subprocess.run(
        [sys.executable, "-c", CHILD], input=json.dumps(cases), capture_output=True, text=True, cwd=ROOT, env=there,
        timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def test_every_operation_gives_equal_bytes_whatever_hashes_and_wherever_it_runs():
    assert {step["op"] for step in _every_step()} == set(KNOWN) == OPERATIONS
    cases: list[list] = []

    @settings(max_examples=120, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(steps, min_size=1, max_size=4), records)
    def gather(chain, record):
        cases.append([chain, record])

    gather()
    cases += [
        [[step], record] for step in _every_step() for record in ({"a": "3 Jan 2026", "c": [{"a": 1}, {"a": 1}]}, {})
    ]
    first = made_by(cases, PYTHONHASHSEED="0", TZ="UTC")
    assert len(first) == len(cases) and any(line.startswith('["ok"') for line in first)
    assert first == made_by(cases, PYTHONHASHSEED="4242", TZ="Pacific/Chatham", LC_ALL="de_DE.UTF-8")
    for (chain, record), line in zip(
        cases, first, strict=True
    ):  # and in this one, over a copy with its keys turned round
        turned = dict(reversed(record.items()))
        try:
            said = ["ok", apply(chain, turned, inputs_schema={}, key=b"k")]
        except TransformError as error:
            said = [error.code, error.sentence, error.field]
        assert json.dumps(said, ensure_ascii=True) == line


def _every_step():
    return list(steps.elements)
