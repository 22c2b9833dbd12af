"""A client generated from the live document by openapi-python-client, used as somebody's own program would use it.

It is imported by a Python of its own (tests/api/client_program.py, and the program in docs/api.md), which knows neither
Django nor Galaxy.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from django.conf import settings

from galaxy.core.api.schema import document
from sandbox.models import Run
from sandbox.services import invoke
from tests.api.conftest import url

PROGRAM = Path(__file__).with_name("client_program.py")
DOCS = Path(settings.BASE_DIR) / "docs" / "api.md"


@pytest.fixture(scope="session")
def generated(tmp_path_factory):
    """The folder of the package ``galaxy_client``. Fails on whatever the generator warns of."""
    folder = tmp_path_factory.mktemp("client")
    (folder / "openapi.json").write_text(json.dumps(document()), encoding="utf-8")
    tools = Path(sys.executable).parent  # where the generator finds ruff, which lays its code out
    made = subprocess.run(
        [
            str(tools / "openapi-python-client"),
            "generate",
            *("--path", "openapi.json", "--meta", "none", "--output-path", "galaxy_client", "--fail-on-warning"),
        ],
        cwd=folder,
        env=os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert "arning" not in made.stdout + made.stderr
    return folder


def run_python(generated: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=generated,
        env={"PYTHONPATH": str(generated), "PATH": os.environ["PATH"]} | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_document_is_made_without_a_warning(capsys):
    """drf-spectacular tells on stderr what it had to guess: names of enumerations, operations, types."""
    document.cache_clear()
    document()
    assert capsys.readouterr().err == ""


def test_every_operation_becomes_a_function(generated):
    names = {path.stem for path in (generated / "galaxy_client" / "api").rglob("*.py")} - {"__init__"}
    operations = {one["operationId"] for methods in document()["paths"].values() for one in methods.values()}
    assert names == operations


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_program_pages_repeats_and_reads_refusals(generated, live_server, token_of, workspace, admin, probe):
    for key in "abcde":
        invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": key})
    known = set(map(str, Run.objects.values_list("pk", flat=True)))
    text = token_of(admin)
    ran = run_python(generated, "-W", "error", str(PROGRAM), live_server.url, workspace.slug, GALAXY_TOKEN=text)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    headers = {"Authorization": f"Bearer {text}"}
    listed = requests.get(live_server.url + url("runs/?limit=100"), headers=headers, timeout=30).json()["results"]

    assert set(found["runs"]) == known and len(found["runs"]) == len(known) and found["pages"] == 3
    assert found["installations"] == ["probe"]
    assert found["first"] == found["again"] and found["first"] not in known
    assert found["state"] == "queued" and found["replayed"] == "true"
    assert {run["id"] for run in listed} == known | {found["first"]}, "the second request made no second run"
    assert found["problem"] == {
        "type": "Problem",
        "status": 409,
        "code": "idempotency_key_reused",
        "next_step": "Send another request under another key.",
    }
    assert list(found["fields"]) == ["key"]


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_the_program_in_the_documentation_does_what_is_said_there(generated, live_server, token_of, admin, probe):
    told = DOCS.read_text(encoding="utf-8")
    program = told.partition("```python\n")[2].partition("```")[0]
    program = program.replace("https://galaxy.example", live_server.url).replace("gxy_…", token_of(admin))
    first, again = (run_python(generated, "-c", program) for _ in range(2))
    other = run_python(generated, "-c", program.replace("thing-1", "thing-2"))

    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout == again.stdout == f"{Run.objects.get().pk} queued simulated\n"
    assert other.returncode == 1 and f"“{other.stderr.strip()}”" in " ".join(told.split())
