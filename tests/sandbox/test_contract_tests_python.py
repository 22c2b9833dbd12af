"""Contract tests of Python: in the sealed sandbox, through sandboxd, with recorded answers and made-up secrets."""

from pathlib import Path

import pytest

from registry.manifests import read
from sandbox.contract_tests import generate, run_tests
from sandbox.contract_tests.bench import NOBODY
from sandbox.contract_tests.python import Sandbox
from sandbox.sandboxd.client import Refused, ask
from sandbox.sandboxd.orders import BadOrder, TestOrder
from tests.sandbox.test_contract_tests import manifest_of
from tests.sandboxd import Sandboxd

FOLDER = Path(__file__).parents[2] / "catalog" / "actions" / "drive.file-title"
MANIFEST = read((FOLDER / "manifest.yaml").read_bytes()).manifest
CODE = (FOLDER / "file_title.py").read_bytes()
RECORDED = (FOLDER / "fixtures" / "happy.json").read_bytes()


pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture(scope="module")
def standing(django_db_setup):
    found = Sandboxd()
    found.start("--size", "1")
    yield found
    found.close()


@pytest.fixture
def sandboxd(standing, settings):
    settings.SANDBOXD_SOCKET = standing.socket


def results(files):
    report = run_tests(MANIFEST, {"file_title.py": CODE} | files)
    return {one.id.removeprefix("drive.file-title."): (one.status, one.got) for one in report.results}


def test_code_is_held_to_its_fixtures_behind_the_walls(sandboxd):
    found = results({"fixtures/happy.json": RECORDED})
    assert {status for status, _ in found.values()} == {"passed"}, found
    assert {"happy.maps", "happy.same_twice", "401.classified", "429.classified", "5xx.classified"} <= found.keys()
    wrong = results({"fixtures/happy.json": RECORDED.replace(b'"name"', b'"title"')})
    assert wrong["happy.maps"][0] == "failed" and "KeyError" in wrong["happy.maps"][1]
    away = results({"fixtures/happy.json": RECORDED.replace(b"www.googleapis.com", b"elsewhere.example")})
    assert away["happy.maps"][0] == "failed"  # nothing recorded fits, and there is no other way out


def test_a_test_has_no_secret_and_no_way_out(sandboxd):
    code = b"def run(inputs, ctx):\n    return {'title': ctx.http.get('https://example.org/').text}\n"
    answer = Sandbox(NOBODY, MANIFEST, {"file_title.py": code}).scripted(
        MANIFEST.actions["drive.file-title"], {"status": 200, "body": "x"}
    )
    assert answer["outcome"]["error"]["code"] == "host_not_allowed"
    assert [one["refused"] for one in answer["exchanges"]] == [True]
    with pytest.raises(Refused):
        ask("test", {"code": "def run(inputs, ctx): return {}"}, seconds=5)


def test_a_golden_transform_in_python_is_run_twice(sandboxd):
    text = (
        "transform: t.py\nversion: 1.0.0\nsummary: Tidies.\ncode_file: t.py\ninputs: { a: string }\n"
        "outputs: { b: string }\nfixtures: { happy: { inputs: { a: x }, outputs: { b: X } } }\n"
    )
    manifest = manifest_of(text)
    files = {"t.py": b"def run(inputs, ctx):\n    return {'b': inputs['a'].upper()}\n"}
    assert run_tests(manifest, files).has_passed
    assert [test.id for test in generate(manifest)] == [
        "happy.inputs_fit", "happy.golden", "happy.same_bytes", "refuses",
    ]  # fmt: skip


def test_an_order_that_is_none_is_refused():
    with pytest.raises(BadOrder):
        TestOrder.from_body({"code": "", "more": 1})
