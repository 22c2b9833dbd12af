"""Settings of a production environment: what is missing is named in one sentence, and Django's own checks pass."""

import json
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(__file__).resolve().parents[2]
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "VIRTUAL_ENV")
SHOW = """
import json
from django.conf import settings
names = [name for name in dir(settings) if name.startswith(("SECURE_", "SESSION_COOKIE_", "CSRF_COOKIE_", "EMAIL_"))]
names += ["SECRET_KEY", "DEBUG", "ALLOWED_HOSTS", "X_FRAME_OPTIONS"]
print(json.dumps({name: getattr(settings, name) for name in names}, default=str))
"""


@pytest.fixture
def production(tmp_path):
    """The environment of a production process, on the servers of the tests; nothing else comes from this one."""
    database, owner = settings.DATABASES["default"], settings.DATABASES["owner"]
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return kept | {
        "GALAXY_ENV": "production",
        "GALAXY_DATA_DIR": str(tmp_path / "data"),
        "SECRET_KEY": secrets.token_urlsafe(60),
        "ALLOWED_HOSTS": "example.test",
        "DATABASE_URL": _url(database),
        "DATABASE_OWNER_URL": _url(owner),
        "REDIS_URL": settings.REDIS_URL,
        "CELERY_BROKER_URL": settings.CELERY_BROKER_URL,
    }


@pytest.mark.asvs("13.4.2")
def test_the_deployment_check_finds_nothing(production):
    done = _manage(production, "check", "--deploy", "--fail-level", "WARNING")
    assert (done.returncode, done.stderr) == (0, "")
    assert "no issues" in done.stdout


@pytest.mark.asvs("13.2.3", "13.4.2")
@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"SECRET_KEY": None}, "SECRET_KEY"),
        ({"DATABASE_URL": None}, "DATABASE_URL"),
        ({"REDIS_URL": None}, "REDIS_URL"),
        ({"ALLOWED_HOSTS": None}, "ALLOWED_HOSTS"),
        ({"DEBUG": "true"}, "DEBUG"),
        ({"DEBUG": "perhaps"}, "DEBUG"),
        ({"EMAIL_PORT": "smtp"}, "EMAIL_PORT"),
        ({"SECRET_KEY_FILE": "/nowhere/key"}, "SECRET_KEY_FILE"),
        ({"GALAXY_LOOPBACK_PEERS": "api.example.com=9443"}, "GALAXY_LOOPBACK_PEERS"),
        ({"GALAXY_LOOPBACK_CA_FILE": "/nowhere/authority.pem"}, "GALAXY_LOOPBACK_CA_FILE"),
    ],
)
def test_production_refuses_with_one_sentence_that_names_the_variable(production, change, named):
    environment = {name: value for name, value in (production | change).items() if value is not None}
    done = _manage(environment, "check")
    assert (done.returncode, done.stdout) == (1, "")
    assert named in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_debug_off_is_as_strict_as_production(production):
    environment = {name: value for name, value in production.items() if name not in {"GALAXY_ENV", "DATABASE_URL"}}
    done = _manage(environment | {"DEBUG": "false"}, "check")
    assert (done.returncode, "DATABASE_URL must be set" in done.stderr) == (1, True)


def test_a_secret_comes_from_a_file(production, tmp_path):
    key = production.pop("SECRET_KEY")
    (tmp_path / "key").write_text(f"{key}\n")
    assert _settings(production | {"SECRET_KEY_FILE": str(tmp_path / "key")})["SECRET_KEY"] == key


@pytest.mark.asvs("3.3.1", "3.3.2", "3.3.3", "3.3.4")
def test_production_hardens_cookies_transport_and_frames(production):
    values = _settings(production)
    assert (values["DEBUG"], values["ALLOWED_HOSTS"]) == (False, ["example.test"])
    for cookie in ("SESSION", "CSRF"):
        assert values[f"{cookie}_COOKIE_NAME"].startswith("__Host-")
        assert values[f"{cookie}_COOKIE_SECURE"] is values[f"{cookie}_COOKIE_HTTPONLY"] is True
        assert values[f"{cookie}_COOKIE_SAMESITE"] == "Lax"
        # A __Host- cookie with a domain, or for a part of the site only, is thrown away by browsers.
        assert (values[f"{cookie}_COOKIE_DOMAIN"], values[f"{cookie}_COOKIE_PATH"]) == (None, "/")
    assert values["SECURE_SSL_REDIRECT"] is True
    assert values["SECURE_HSTS_SECONDS"] >= 60 * 60 * 24 * 365
    assert values["X_FRAME_OPTIONS"] == "DENY"
    assert values["EMAIL_BACKEND"] == "django.core.mail.backends.smtp.EmailBackend"


def test_pages_may_not_be_framed(client, db):
    headers = client.get("/accounts/login/").headers
    assert headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


def test_static_files_are_collected_under_names_of_their_content(production, tmp_path):
    done = _manage(production | {"STATIC_ROOT": str(tmp_path / "static")}, "collectstatic", "--noinput", "-v", "0")
    assert (done.returncode, done.stderr) == (0, "")
    files = json.loads((tmp_path / "static" / "staticfiles.json").read_text())["paths"]
    assert re.fullmatch(r"css/galaxy\.[0-9a-f]{12}\.css", files["css/galaxy.css"])
    sheet = (tmp_path / "static" / files["css/galaxy.css"]).read_text()
    parts = re.findall(r'url\("([^"]+\.css)"\)', sheet)
    assert parts and all((tmp_path / "static" / "css" / part).exists() for part in parts)
    assert all(re.search(r"\.[0-9a-f]{12}\.css$", part) for part in parts)


def test_the_tests_run_by_their_own_settings():
    """Also when make starts them; else every process of the tests would take runs from one queue."""
    assert settings.CELERY_BROKER_TRANSPORT_OPTIONS["global_keyprefix"] == f"test-{os.getpid()}-"


def test_the_readme_names_every_setting():
    """Those of the tests themselves apart."""
    code = (ROOT / "galaxy" / "settings.py").read_text()
    read = set(re.findall(r'env_(?:str|int|bool|list|secret)\(\s*"(\w+)"', code)) - {
        "GALAXY_TESTING",
        "GALAXY_TEST_DB",
        "GALAXY_QUEUE_PREFIX",
    }
    table = set(re.findall(r"`([A-Z_]+)`", (ROOT / "README.md").read_text()))
    assert len(read) > 15
    assert read - table == set()


def _url(database: dict) -> str:
    return f"postgresql://{database['USER']}@/{database['NAME']}?host={database['HOST']}"


def _settings(environment: dict[str, str]) -> dict:
    done = _run(environment | {"DJANGO_SETTINGS_MODULE": "galaxy.settings"}, "-c", SHOW)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def _manage(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess:
    return _run(environment, "manage.py", *arguments)


def _run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, *arguments]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
