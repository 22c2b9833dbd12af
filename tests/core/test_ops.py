"""Health, readiness, the doctor and the page for staff: what is said, to whom, and when it turns bad."""

import json
import os
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.test import Client
from django.urls import reverse

from galaxy.core.accounts import create_account
from galaxy.core.demo import LOGINS
from galaxy.core.ops import configuration, readiness, sealing
from galaxy.core.ops.conditions import BAD, GOOD, UNKNOWN, WARN, Condition
from galaxy.core.telemetry import tallies
from galaxy.core.telemetry.condition import traces
from sandbox.condition import sandbox
from tests.sandboxd import Sandboxd

ROOT = Path(__file__).resolve().parent.parent.parent
NAMES = ["database", "migrations", "partitions", "cache", "broker", "worker", "sequencer", "traces", "home", "sandbox"]


@pytest.fixture(autouse=True)
def no_answer_kept(monkeypatch):
    """Each question is asked anew, and no answer is left for other tests."""
    monkeypatch.setattr(readiness, "_answer", None)
    monkeypatch.setattr(readiness, "KEPT_S", 0)


@pytest.fixture
def heartbeat():
    before = {key: cache.get(key) for key in (readiness.HEARTBEAT_KEY, sealing.KEY)}
    readiness.note_heartbeat()
    sealing.note_sequencer()
    yield
    cache.set_many(before, readiness.HEARTBEAT_KEPT_S)


@pytest.fixture
def no_losses():
    """No span was lost yet, whatever other tests made lost; their counts are set back."""
    keys = [f"galaxy:tally:{name}" for name in tallies.NAMES]
    before = cache.get_many(keys)
    cache.delete_many(keys)
    yield
    cache.delete_many(keys)
    cache.set_many(before)


@pytest.fixture(scope="module")
def sandboxd_process(django_db_setup):
    found = Sandboxd()
    found.start("--size", "1")
    yield found
    found.close()


@pytest.fixture
def sandboxd(sandboxd_process, settings):
    """A sandboxd that answers, with a root key."""
    settings.SANDBOXD_SOCKET = sandboxd_process.socket


@pytest.fixture
def production(settings):
    """The settings of a production that is set up well."""
    settings.HARDENED = True
    settings.DEBUG = True  # static files come from their source here
    settings.SECRET_KEY = "k8Zq-" * 20
    settings.SECRET_KEY_FALLBACKS = []
    settings.ALLOWED_HOSTS = ["galaxy.example"]
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    return settings


def doctor() -> str:
    out = StringIO()
    call_command("doctor", stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_are_answered_by_plain_http_and_nothing_else_is(production, path, db):
    """A probe asks the process itself, within the proxy that ends TLS."""
    production.METRICS_TOKEN = "a-token-of-prometheus"
    ask = Client(headers={"Host": "galaxy.example"})
    assert ask.get(path).status_code in (200, 401, 503)
    for other in ("/", f"/w{path}", f"{path}/x", "/accounts/login/"):
        assert ask.get(other).status_code == 301


@pytest.mark.asvs("13.4.5", "13.4.6")
def test_readiness_says_names_and_ok_and_nothing_else(client, db, heartbeat, sandboxd):
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ready", "checks": [{"name": name, "ok": True} for name in NAMES]}


def test_strangers_who_ask_again_at_once_open_no_connection(client, db, monkeypatch):
    asked = []
    monkeypatch.setattr(readiness, "broker", lambda: asked.append(1) or Condition("broker", GOOD, "It answers."))
    monkeypatch.setattr(readiness, "KEPT_S", 5)
    first, second = client.get("/readyz"), client.get("/readyz")
    assert (len(asked), first.json()) == (1, second.json())
    at, found = readiness._answer
    monkeypatch.setattr(readiness, "_answer", (at - 5, found))
    client.get("/readyz")
    assert len(asked) == 2, "five seconds later it is asked again"


@pytest.mark.parametrize("broken", ["database", "broker", "partitions"])
def test_a_broken_part_takes_the_process_out_of_service_and_tells_strangers_nothing(client, db, monkeypatch, broken):
    def fail():
        raise OperationalError("connection to host db.internal failed for user galaxy_app")

    monkeypatch.setattr(readiness, broken, fail)
    response = client.get("/readyz")
    assert response.status_code == 503
    assert {"name": broken, "ok": False} in response.json()["checks"]
    assert "db.internal" not in response.content.decode()


def test_a_silent_worker_is_told_and_takes_no_page_away(client, db, heartbeat, monkeypatch):
    monkeypatch.setattr(readiness, "heartbeat_age_s", lambda: 400.0)
    assert readiness.worker().state == WARN
    assert client.get("/readyz").status_code == 200
    monkeypatch.setattr(readiness, "heartbeat_age_s", lambda: None)
    assert readiness.worker().state == UNKNOWN
    response = client.get("/readyz")
    assert response.status_code == 200
    assert {"name": "worker", "ok": None} in response.json()["checks"]


def test_a_host_without_sandboxd_serves_pages_and_says_what_does_not_work(client, db, heartbeat, settings, tmp_path):
    settings.SANDBOXD_SOCKET = tmp_path / "nobody.sock"
    response = client.get("/readyz")
    assert response.status_code == 200
    assert {"name": "sandbox", "ok": None} in response.json()["checks"]
    assert "Start it with manage.py sandboxd" in sandbox().remedy


def test_a_heartbeat_is_noted_by_the_task_and_its_age_is_known(db, heartbeat):
    from galaxy.core.tasks import note_heartbeat

    cache.delete(readiness.HEARTBEAT_KEY)
    assert readiness.heartbeat_age_s() is None
    note_heartbeat()
    assert 0 <= readiness.heartbeat_age_s() < 5


def test_how_long_no_sign_of_life_came_is_told_in_words(heartbeat):
    at = time.time() - (3 * 60 + 18) * 60
    cache.set_many({readiness.HEARTBEAT_KEY: at, sealing.KEY: cache.get(sealing.KEY) | {"at": at}})
    for found in (readiness.worker(), sealing.sequencer()):
        assert found.state == WARN
        assert "came 3 h 18 min ago." in found.sentence


def test_a_migration_that_is_missing_is_seen(db, monkeypatch):
    from django.db.migrations.recorder import MigrationRecorder

    monkeypatch.setattr(readiness, "_migrated", False)
    assert readiness.migrations().state == GOOD
    monkeypatch.setattr(readiness, "_migrated", False)
    applied = dict(MigrationRecorder(readiness.connection).applied_migrations())
    del applied[max(key for key in applied if key[0] == "core")]
    monkeypatch.setattr(MigrationRecorder, "applied_migrations", lambda self: applied)
    missing = readiness.migrations()
    assert missing.state == BAD
    assert "not applied" in missing.sentence


def test_a_month_without_a_partition_is_seen(db, monkeypatch):
    assert readiness.partitions().state == GOOD

    class Later(readiness.datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz).replace(year=2099)

    monkeypatch.setattr(readiness, "datetime", Later)
    assert readiness.partitions().state == BAD


@pytest.mark.asvs("13.4.2")
def test_the_doctor_finds_nothing_wrong_in_a_good_production(db, production, heartbeat, sandboxd, no_losses):
    said = doctor()
    assert said.endswith("Nothing is broken.\n")
    assert "BAD" not in said
    assert "What to do" not in said
    assert production.SECRET_KEY not in said


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("SECRET_KEY", "short", "SECRET_KEY has 5 characters"),
        ("ALLOWED_HOSTS", ["*"], "wildcard"),
        ("ALLOWED_HOSTS", [], "ALLOWED_HOSTS is empty"),
        ("EMAIL_BACKEND", "django.core.mail.backends.console.EmailBackend", "reaches nobody"),
    ],
)
def test_the_doctor_exits_with_1_and_says_what_to_do(db, production, heartbeat, setting, value, words):
    setattr(production, setting, value)
    out = StringIO()
    with pytest.raises(CommandError) as refused:
        call_command("doctor", stdout=out)
    assert refused.value.returncode == 1
    assert words in out.getvalue()
    assert "What to do:" in out.getvalue()


@pytest.mark.asvs("6.3.2")
def test_demo_accounts_are_forgiven_in_development_alone(db, production):
    create_account(LOGINS[0][1], name="Olga", password="correct horse battery")
    assert configuration.demo_accounts().state == BAD
    production.HARDENED = False
    assert configuration.demo_accounts().state == GOOD


def test_static_files_that_nobody_collected_are_seen(production, tmp_path):
    production.DEBUG, production.STATIC_ROOT = False, tmp_path
    assert configuration.static_files().state == BAD
    (tmp_path / "staticfiles.json").write_text("{}")
    assert configuration.static_files().state == GOOD


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, "SECRET_KEY is not set"),
        ({"SECRET_KEY": "x" * 60}, "DATABASE_URL and REDIS_URL must be set"),
        ({"SECRET_KEY_FILE": "/nowhere/key"}, "/nowhere/key, which cannot be read"),
        ({"SECRET_KEY": "x" * 60, "DEBUG": "perhaps"}, "write true or false"),
    ],
)
def test_where_galaxy_cannot_even_start_the_doctor_says_why_in_one_line(environ, words):
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor"],
        cwd=ROOT,
        env=kept | {"GALAXY_ENV": "production"} | environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Galaxy cannot start: ")
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.asvs("13.4.5")
def test_the_page_is_for_staff_and_says_what_the_doctor_says(client_of, member):
    url = reverse("core:system")
    assert client_of(member).get(url).status_code == 403
    assert f'href="{url}"' not in client_of(member).get(reverse("core:help")).text
    member.is_staff = True
    member.save()
    assert f'href="{url}"' in client_of(member).get(reverse("core:help")).text  # in their menu, on every page
    page = client_of(member).get(url).content.decode()
    assert "Servers" in page and ">HTTPS<" in page
    assert "PostgreSQL answers" in page
    assert json.dumps("SECRET_KEY") not in page


def test_what_was_lost_of_traces_is_told_and_takes_nothing_out_of_service(no_losses):
    assert traces().state == GOOD
    tallies.note(tallies.SPANS_LOST, 1200)
    tallies.note(tallies.BATCHES_FAILED, 3)
    found = traces()
    assert (found.state, found.ok) == (WARN, True)
    assert found.sentence == "1,200 spans could not be stored. 3 tries to send failed."
