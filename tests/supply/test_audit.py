"""``make audit`` against a service of this machine: what it says of good news, of bad news, and of none."""

import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from proof.supply.audit import Known, Unanswered, audit
from proof.supply.locked import FOLDER

LOCK = FOLDER / "bootstrap.txt"  # one package, so one question


class Service(BaseHTTPRequestHandler):
    """OSV's query, as far as pip-audit asks it: POST {package: {name}, version} -> {vulns: [...]}."""

    status, vulnerable = 200, ()

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = asked["package"]["name"]
        found = [
            {
                "id": "GHSA-test-0001",
                "published": "2026-01-01T00:00:00Z",
                "modified": "2026-01-01T00:00:00Z",
                "summary": "Bad.",
                "affected": [
                    {
                        "package": {"name": name, "ecosystem": "PyPI"},
                        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "999.0.0"}]}],
                    }
                ],
            }
        ]
        content = json.dumps({"vulns": found} if name in self.vulnerable else {}).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args):
        pass


@pytest.fixture
def service():
    handler = type("Own", (Service,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    handler.url = f"http://127.0.0.1:{server.server_port}/v1/query"
    yield handler
    server.shutdown()
    thread.join()
    server.server_close()


def test_good_news_says_who_gave_it(service):
    assert audit(LOCK, service.url) == (service.url, [])


@pytest.mark.asvs("15.2.1")
def test_a_known_vulnerability_is_told_with_its_cure(service):
    service.vulnerable = ("uv",)
    _, [known] = audit(LOCK, service.url)
    assert (known.package, known.id, known.fixed) == ("uv", "GHSA-test-0001", ("999.0.0",))
    assert str(known).endswith("update to 999.0.0.")
    assert str(Known("a", "1", "X-1", ())).endswith("no version without it is known.")


def test_a_service_that_does_not_answer_is_no_good_news(service):
    service.status = 503
    with pytest.raises(Unanswered):
        audit(LOCK, service.url)


@pytest.mark.asvs("15.2.1")
def test_the_command_says_so_and_fails_where_nobody_answers(service):
    service.status = 503
    done = subprocess.run(
        [sys.executable, "-m", "proof.supply", "audit", "--osv-url", service.url],
        capture_output=True,
        text=True,
        env=os.environ | {"NO_PROXY": "127.0.0.1"},
    )
    assert done.returncode == 2
    assert ".txt: NOT AUDITED, nobody answered" in done.stderr
    assert "Nothing is known about vulnerabilities" in done.stderr
