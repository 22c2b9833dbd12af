"""The page of a run of Python: walls, limits, what it asked of the network, its log, the line it failed at."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from registry.services import install, set_live
from sandbox.models import Execution
from tests.extensions import PROBE, installed
from tests.sandbox.python_extensions import publish_python
from tests.sandbox.run_rows import make_run

CODE = '# perms: [files.read]\n# egress: ["https://api.example.com"]\n\ndef run(inputs, ctx):\n    return {}\n'
LIMITS = {
    "wall_ms": 5000, "cpu_ms": 5000, "memory_bytes": 268435456, "output_bytes": 1048576, "output_depth": 32,
    "log_bytes": 65536, "http_calls": 20, "http_bytes": 8388608,
}  # fmt: skip


def exchange(**more):
    return {
        "method": "GET", "url": "https://api.example.com/a", "status": 200, "refused": False, "code": None,
        "reason": None, "address": "93.184.216.34", "headers": [], "was_sent": True, "duration_ms": 12,
        "bytes_in": 2048, "bytes_out": 0,
    } | more  # fmt: skip


@pytest.fixture
def run(workspace, admin):
    version = publish_python(CODE, id="files.look")
    installation = install(workspace, version.extension, version=version, actor=admin)
    return make_run(workspace, installation, admin, mode="live", scenario="")


def execution(run, **more) -> Execution:
    values = {
        "workspace": run.workspace,
        "run": run,
        "attempt": 1,
        "number": 1,
        "walls": [{"name": "seccomp", "in_force": True, "detail": "few calls"}],
        "limits": LIMITS,
        "measured": {"wall_ms": 120.4, "cpu_ms": 6.1, "memory_bytes": 3 * 1024 * 1024},
        "artefact": "7" * 64,
        "seed": 1,
        "clock": datetime(2026, 1, 1, tzinfo=UTC),
        "error": None,
        "logs": [],
        "lost_logs": 0,
        "exchanges": [],
    }
    return Execution.objects.create(**(values | more))


def page(client_of, admin, run) -> str:
    return client_of(admin).get(run.get_absolute_url()).content.decode()


def test_it_says_what_held_the_code_and_what_it_took(client_of, admin, run):
    execution(run, exchanges=[exchange()], logs=[{"level": "info", "text": "<b>hello</b>"}], recording=b"x")
    shown = page(client_of, admin, run)
    for words in ("Every wall up", "120 ms", "of 5,000 ms", "3.0 MiB", "GET https://api.example.com/a", "2.0 KiB"):
        assert words in shown, words
    assert "&lt;b&gt;hello&lt;/b&gt;" in shown and "<b>hello</b>" not in shown
    assert '76 B <span class="muted">of 64.0 KiB</span>' in shown  # of the log, whose lines count 64 bytes more
    assert f"python manage.py run replay {run.pk}" in shown


def test_a_missing_wall_is_said_loudly(client_of, admin, run):
    execution(run, walls=[{"name": "seccomp", "in_force": False, "detail": "this kernel has none"}])
    shown = page(client_of, admin, run)
    assert "Reduced isolation" in shown and "It ran without System-call filter." in shown
    assert "this kernel has none" in shown and "Every wall up" not in shown


def test_a_refused_call_says_why_and_an_error_its_line(client_of, admin, run):
    reason = "evil.example is not among the hosts that the manifest declares."
    refused = exchange(
        url="https://evil.example/", status=None, refused=True, was_sent=False, reason=reason, bytes_in=0
    )
    trace = [{"line": 5, "function": "run"}, {"line": 7, "function": "helper"}]
    error = {"code": "exception", "line": 7, "trace": trace}
    execution(run, exchanges=[refused], error=error, lost_logs=3)
    shown = page(client_of, admin, run)
    assert (
        reason in shown and "It failed at line 7 of its file." in shown and "line 5 in run, line 7 in helper" in shown
    )
    assert "3 more lines dropped at the limit" in shown


def test_the_last_try_is_shown(client_of, admin, run):
    execution(run, exchanges=[exchange(url="https://api.example.com/first")])
    execution(run, number=2, exchanges=[exchange(url="https://api.example.com/second")])
    shown = page(client_of, admin, run)
    assert "/second" in shown and "/first" not in shown


def test_the_page_says_that_there_is_a_recording_without_reading_it(client_of, admin, run):
    execution(run, recording=b"x")
    client = client_of(admin)
    with CaptureQueriesContext(connection) as asked:
        assert "Equal bytes until" in client.get(run.get_absolute_url()).content.decode()
    reads = [query["sql"] for query in asked if '"sandbox_execution"."recording"' in query["sql"]]
    assert reads and all('"sandbox_execution"."recording" IS NOT NULL' in sql for sql in reads)
    assert not [sql for sql in reads if '"sandbox_execution"."recording",' in sql]


def test_what_is_no_python_has_no_such_part(client_of, admin, workspace, run):
    (probe,) = installed(workspace, admin, PROBE)
    assert 'id="sandbox"' not in page(client_of, admin, make_run(workspace, probe, admin, target="probe.look_up"))
    assert 'id="sandbox"' not in page(client_of, admin, run)  # it was never run


def test_whoever_is_about_to_run_python_is_told_that_there_is_no_sandbox(client_of, admin, run, settings, tmp_path):
    set_live(run.installation, live=True, actor=admin)
    settings.SANDBOXD_SOCKET = tmp_path / "nobody.sock"
    form = client_of(admin).get(reverse("sandbox:run-create", args=["meridian"]) + "?target=files.look")
    assert "sandboxd does not answer on this host." in form.content.decode()


def test_every_page_says_that_reduced_isolation_is_allowed(client_of, admin, run, settings):
    words = "Reduced isolation is allowed here."
    assert words not in page(client_of, admin, run)
    settings.SANDBOX_REDUCED = True
    assert words in page(client_of, admin, run)
