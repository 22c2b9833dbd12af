"""One recognisable value goes every way through the vault; then it is in no table, log, page, event or task."""

import base64
import json
import logging
import traceback
from io import StringIO
from urllib.parse import quote

import pytest
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.views.debug import ExceptionReporter, get_exception_reporter_filter

from galaxy.celery import app
from galaxy.core.logs import formatter
from galaxy.core.models import AuditDetail, Secret
from galaxy.core.scope import workspace_scope
from galaxy.core.tasks import rewrap_secrets
from galaxy.core.vault import sealing
from galaxy.core.vault.errors import CannotOpen
from galaxy.core.vault.opening import open_version
from galaxy.core.vault.services import create_secret, go_on_rewrapping, lease, open_lease, rewrapping, shred_secret
from tests.core.vault.conftest import CANARY
from tests.factories import PASSWORD

FORM = {"purpose": "Calls the CRM.", "hosts": "api.example.com", "places": ["header"]}


def forms_of(value: str) -> set[str]:
    """The value as a sink might hold it: plain, base64, hex, percent, JSON, reversed."""
    raw = value.encode()
    encoded = {base64.b64encode(raw[skip:])[:20].decode() for skip in range(3)}
    return {value, quote(value), raw.hex(), json.dumps(value)[1:-1], value[::-1], *encoded}


def told(text: str) -> set[str]:
    return {form for form in forms_of(CANARY) if form.lower() in text.lower()}


def dump() -> str:
    """Every row of every table as text, read past the walls; bytes as hex, as PostgreSQL writes them."""
    parts = []
    with connections["owner"].cursor() as cursor:
        cursor.execute("SET ROLE galaxy_rollup")
        try:
            cursor.execute(
                "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition"
                " AND c.relnamespace = 'public'::regnamespace AND has_table_privilege(c.oid, 'SELECT')"
            )
            for (table,) in cursor.fetchall():
                cursor.execute(f'SELECT t::text FROM "{table}" t')
                parts += [table, *(row for (row,) in cursor.fetchall())]
        finally:
            cursor.execute("RESET ROLE")
    return "\n".join(parts)


@pytest.fixture
def logged():
    """Everything that is logged, of every level, as a developer's console and as production write it."""
    stream = StringIO()
    handlers = []
    root = logging.getLogger()
    level, root.level = root.level, logging.DEBUG
    for as_json in (True, False):
        handler = logging.StreamHandler(stream)
        handler.setFormatter(formatter(as_json=as_json))
        handlers.append(handler)
        root.addHandler(handler)
    yield stream
    root.level = level
    for handler in handlers:
        root.removeHandler(handler)


@pytest.mark.asvs("13.3.1", "14.2.4", "16.2.5")
@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_the_value_is_nowhere(vault, cast, settings, logged, monkeypatch):
    sent, pages = [], []
    monkeypatch.setattr(rewrap_secrets, "delay", lambda *args: sent.append(args))
    client = Client(raise_request_exception=False)
    client.post(reverse("account_login"), {"login": cast["admin"].email, "password": PASSWORD})

    def visit(page, *args, **data):
        url = reverse(f"core:secret-{page}", args=["meridian", *args])
        answer = client.post(url, data) if data else client.get(url)
        pages.append(f"{url} {answer.status_code} {answer.headers} {answer.content.decode()}")
        return answer

    visit("create", name="BAD NAME", value=CANARY, **FORM)
    assert visit("create", name="crm-key", value=CANARY, **FORM).status_code == 302
    visit("create", name="crm-key", value=CANARY, **FORM)  # taken
    with workspace_scope([cast["meridian"].pk]):
        secret = Secret.objects.get()
    visit("staging", secret.pk, value=f"{CANARY}\0", **FORM)
    visit("staging", secret.pk, value=CANARY, **FORM)
    visit("staging", secret.pk, value=CANARY, **FORM)  # staged already
    with workspace_scope([cast["meridian"].pk]):
        opened = open_lease(lease(secret, run_id="r", purpose="p", extension="e", action="a"))
        assert opened.value == CANARY
        logging.getLogger("anything").error("opened %s %r", opened, {"secret": opened})
    visit("switch", secret.pk, 2, now="1")
    visit("keys", now="1")
    for page in ("list", "create", "keys"):
        visit(page)
    for page in ("detail", "staging", "shredding"):
        visit(page, secret.pk)
    settings.GALAXY_KMS = ""
    visit("create", name="closed", value=CANARY, **FORM)
    settings.GALAXY_KMS = f"local:{vault}"
    with workspace_scope([cast["meridian"].pk]):
        go_on_rewrapping(rewrapping.Rewrap.objects.get().pk)
        api = client.get("/api/v1/workspaces/meridian/secrets/").content.decode()
        trail = json.dumps([detail.fields for detail in AuditDetail.objects.all()])
        before = dump()
        shred_secret(secret, actor=cast["admin"])
    assert "crm-key" in api
    assert "secret.used" in trail
    assert "crm-key" in before
    assert len(sent) == 1
    for sink in (before, dump(), logged.getvalue(), "".join(pages), api, trail, repr(sent)):
        assert told(sink) == set()
    assert "opened OpenSecret(crm-key v1)" in logged.getvalue()


def test_an_error_in_the_middle_of_it_shows_no_value(vault, workspace, admin, rf, monkeypatch, logged):
    """What a debug page prints of the frames, and a log of the error, while the value is on the stack."""

    def broken(*args, **kwargs):
        raise RuntimeError("the disk is gone")

    monkeypatch.setattr(sealing, "seal", broken)
    request = rf.post("/", {"value": CANARY})
    request.sensitive_post_parameters = ["value"]
    try:
        create_secret(
            workspace, name="k", purpose="p", value=CANARY, hosts=["a.example"], places=["header"], actor=admin
        )
    except RuntimeError as error:
        reporter = ExceptionReporter(request, type(error), error, error.__traceback__)
        monkeypatch.setattr(get_exception_reporter_filter(request).__class__, "is_active", lambda self, request: True)
        shown = reporter.get_traceback_html()
        logging.getLogger("galaxy").exception("it broke")
        assert "the disk is gone" in shown
        assert told("\n".join(traceback.format_exception(error))) == set()
    frames_of_ours = [frame for frame in reporter.get_traceback_frames() if "galaxy/core/vault" in frame["filename"]]
    assert len(frames_of_ours) >= 3
    for frame in frames_of_ours:
        assert told(str(frame["vars"])) == set(), frame["function"]
    assert told(logged.getvalue()) == set()


@pytest.mark.asvs("11.2.5")
def test_what_does_not_open_says_nothing_of_what_it_is(api_key):
    version = api_key.versions.select_related("secret", "key").get()
    version.hosts = ["evil.example"]
    with pytest.raises(CannotOpen) as told_error:
        open_version(version)
    error = told_error.value
    assert (error.__cause__, error.__suppress_context__) == (None, True)
    assert "crm-key" not in str(error)


def test_no_task_takes_a_value():
    """Tasks are called with ids; whatever they need is read where they run."""
    names = {name for name in app.tasks if "secret" in name}
    assert names == {"galaxy.core.tasks.rewrap_secrets"}
