"""What broke platforms like this one, each row of docs/asvs.md by its own test, through the doors that people use.

Rows that other tests hold name those in the page, and ``test_every_row_names_tests_that_there_are`` holds the page.
"""

import json
import re

import pytest
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.signing import dumps
from django.db import connection, transaction
from django.db.utils import DatabaseError
from django.test import Client
from django.urls import reverse

from galaxy.core.models import AuditEvent, Membership, Workspace
from galaxy.core.scope import workspace_scope
from galaxy.core.session_store import SessionStore
from marketplace.bundles.models import BundleUpload
from marketplace.workshop.models import ApiDocument, Draft
from registry.models import Version
from sandbox.models import Run
from sandbox.sandboxd.orders import BadOrder, CallOrder, ReplayOrder, RunOrder
from sandbox.services import invoke
from tests.api.conftest import send, url
from tests.asvs.marks import ROOT
from tests.bundling import bytes_of, foreign
from tests.matrix.routes import table
from tests.registry.samples import connector

PAGE = (ROOT / "docs" / "asvs.md").read_text(encoding="utf-8")
HEAD = "# perms: [files.read]\n"
# Python runs these where a function is defined, without its ever being called.
AT_DEFINITION = {
    "a decorator": "@{act}\ndef run(inputs, ctx):\n    return {{}}\n",
    "a default": "def run(inputs, ctx, x={act}):\n    return {{}}\n",
    "an annotation": "def run(inputs: {act}, ctx) -> dict:\n    return {{}}\n",
    "a metaclass": "class M(type):\n    def __new__(m, n, b, d):\n        {act}\n        return type(n, b, d)\n"
    "class A(metaclass=M):\n    pass\ndef run(inputs, ctx):\n    return {{}}\n",
    "an f-string": 'NAME = f"{{{act}}}"\ndef run(inputs, ctx):\n    return {{}}\n',
    "a comprehension": "ALL = [{act} for _ in range(1)]\ndef run(inputs, ctx):\n    return {{}}\n",
    "a base class": "class A({act}):\n    pass\ndef run(inputs, ctx):\n    return {{}}\n",
}


@pytest.mark.parametrize("where", AT_DEFINITION)
def test_code_that_is_checked_is_not_run(api, token_of, creator, tmp_path, where):
    """Langflow, CVE-2025-3248: checking a component executed it."""
    witness = tmp_path / "witness"
    act = f"open({str(witness)!r}, 'w')"
    answer = send(api(token_of(creator)), "drafts/", {"manifest": HEAD + AT_DEFINITION[where].format(act=act)})
    assert answer.status_code == 201, answer.json()
    made = answer.json()["id"]
    changed = {"manifest": HEAD + AT_DEFINITION[where].format(act=act) + "# again\n", "revision": 1}
    assert send(api(token_of(creator)), f"drafts/{made}/change/", changed).status_code == 200
    assert not witness.exists()


def test_nobody_who_is_not_signed_in_has_code_checked(db, tmp_path):
    """The same door stood open to anybody."""
    for path in (url("drafts/"), url("runs/"), url("submissions/"), url("bundles/")):
        answer = Client().post(path, {"manifest": "x"}, content_type="application/json")
        assert answer.status_code == 401
    assert Client().post(reverse("workshop:draft-list", args=["meridian"]), {"text": "x"}).status_code == 302


@pytest.mark.parametrize(
    "more",
    [
        {"code": "def run(inputs, ctx): pass"}, {"manifest": {"action": "x"}}, {"flow": {"nodes": [{"code": "1"}]}},
        {"data": {"nodes": []}}, {"files": {"a.py": "1"}}, {"digest": "0" * 64}, {"python": "1"}, {"steps": []},
    ],
    ids=lambda more: next(iter(more)),
)  # fmt: skip
def test_who_asks_for_a_run_brings_no_code(api, token_of, admin, probe, more):
    """Langflow, CVE-2026-33017: a public door took the code of nodes from the request."""
    body = {"target": "probe.look_up", "inputs": {"key": "a"}}
    answer = send(api(token_of(admin)), "runs/", body | more)
    assert (answer.status_code, Run.objects.count()) == (422, 0)
    assert next(iter(more)) in json.dumps(answer.json()["fields"])


EXPRESSIONS = [
    "{{ 7*7 }}", "${7*7}", "#{7*7}", "{{ constructor.constructor('return process')() }}", "<%= 7*7 %>",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}", "{% debug %}{{ settings.SECRET_KEY }}", "{0.__class__}",
    "{inputs.__class__.__init__.__globals__}", "{{ request.user.password }}",
]  # fmt: skip


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_text_that_looks_like_an_expression_stays_text(api, token_of, client_of, admin, creator, probe, text):
    """n8n, CVE-2025-68613 and CVE-2026-1470: what people typed was evaluated."""
    run = invoke(admin_workspace := probe.workspace, actor=admin, target="probe.look_up", inputs={"key": text})
    assert run.inputs == {"key": text}
    page = client_of(admin).get(reverse("sandbox:run-detail", args=[admin_workspace.slug, run.pk]))
    assert page.status_code == 200
    for secret in ("49", "Subprocess", "Popen", str(django_settings.SECRET_KEY)):
        assert secret == "49" or secret not in page.text
    assert ">49<" not in page.text
    draft = send(api(token_of(creator)), "drafts/", {"manifest": f"connector: x\nname: {json.dumps(text)}\n"})
    assert draft.status_code == 201 and text in json.loads(draft.content)["manifest"].replace('\\"', '"')


@pytest.mark.parametrize("place", ["bundles:bundle-list", "workshop:document-create"])
@pytest.mark.parametrize(
    "body",
    [
        {"file": {"filepath": "/etc/passwd", "originalFilename": "a", "mimetype": "text/yaml", "size": 9}},
        {"file": "/proc/self/environ"},
        {"files": {"file": {"path": "/etc/passwd"}}},
    ],
    ids=["an object", "a path", "a map"],
)
def test_a_form_that_says_it_is_json_names_no_file(client_of, admin, creator, workspace, place, body):
    """n8n, CVE-2026-21858: a body of JSON stood in for an upload and named a file of the server."""
    person = admin if place.startswith("bundles") else creator
    answer = client_of(person).post(reverse(place, args=[workspace.slug]), body, content_type="application/json")
    assert answer.status_code in {400, 415, 422}
    assert "root:" not in answer.text and "PATH=" not in answer.text
    assert not BundleUpload.objects.exists() and not ApiDocument.objects.exists()


def test_a_session_that_was_forged_with_the_key_opens_nothing(admin):
    """The same incident went on: with the key of the signatures an administrator's session was made."""
    key = "a" * 32
    for value in (
        key,
        dumps({"_auth_user_id": str(admin.pk)}),
        SessionStore().encode({"_auth_user_id": str(admin.pk)}),
    ):
        browser = Client()
        browser.cookies[django_settings.SESSION_COOKIE_NAME] = value
        assert browser.get("/preferences/").status_code == 302
    assert django_settings.SESSION_ENGINE != "django.contrib.sessions.backends.signed_cookies"


def test_what_is_uploaded_becomes_no_file_and_no_code_that_is_loaded(client_of, admin, workspace, tmp_path):
    """n8n, CVE-2026-21877, and Grafana, CVE-2026-27876: a file was written where plugins are loaded from."""
    before = {path for folder in ("catalog", "galaxy", "sandbox") for path in (ROOT / folder).rglob("*.py")}
    content = bytes_of(foreign(tmp_path, connector()))
    file = SimpleUploadedFile("../../catalog/connectors/evil.py", content)
    answer = client_of(admin).post(reverse("bundles:bundle-list", args=[workspace.slug]), {"file": file})
    assert answer.status_code == 302 and "/" not in BundleUpload.objects.get().name
    assert {path for folder in ("catalog", "galaxy", "sandbox") for path in (ROOT / folder).rglob("*.py")} == before
    assert not Version.objects.filter(extension__slug="acme").exists(), "looked at, and not yet believed"


def test_no_route_takes_a_body_without_end(client_of, admin, workspace):
    """Grafana, CVE-2026-28383: one route of plugins had no limit."""
    posting = {row.route for row in table() if row.method == "POST" and "-" in row.route}
    assert len(posting) > 150
    client, paths = client_of(admin), {_some_address(route) for route in posting} - {""}
    assert len(paths) > 40
    for path in sorted(paths):
        answer = client.post(path, b"a" * 16, content_type="application/json", CONTENT_LENGTH=str(13 * 1_048_576))
        assert answer.status_code == 413, path


def _some_address(route: str) -> str:
    """An address of that route, where it takes nothing but the workspace; a limit is asked before who one is."""
    try:
        return reverse(route, args=["meridian"])
    except Exception:  # it takes more, and is of the same middleware
        return ""


def test_an_id_of_another_workspace_is_no_key_to_it(client_of, api, token_of, stranger, admin, workspace, probe):
    """Dify, CVE-2026-41947 and others: whoever knew an id read traces and files of others."""
    run = invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "a"})
    browser = client_of(stranger)
    for name in ("run-detail", "run-fixture"):
        for slug in ("meridian", "tidewater"):
            path = reverse(f"sandbox:{name}", args=[slug, run.pk])
            assert browser.get(path).status_code == 404, path
    with workspace_scope([Workspace.objects.get(slug="meridian").pk]):
        assert Run.objects.filter(pk=run.pk).exists()
    with workspace_scope([]):
        assert not Run.objects.filter(pk=run.pk).exists()
    other = {"target": "probe.look_up", "inputs": {"key": "a"}, "connection": str(run.pk)}
    assert send(api(token_of(admin)), "runs/", other).status_code == 422


def test_errors_of_a_run_are_for_those_who_see_the_run(client_of, api, token_of, member, admin, workspace, probe):
    """Airflow, CVE-2026-24098: errors of one's neighbours were shown."""
    run = invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "a"})
    failed = {"state": "failed", "finished_at": run.created_at, "error_category": "validation"}
    Run.objects.filter(pk=run.pk).update(**failed, error={"sentence": "canary-5512"})
    listed = client_of(member).get(reverse("sandbox:run-list", args=[workspace.slug]))
    single = client_of(member).get(reverse("sandbox:run-detail", args=[workspace.slug, run.pk]))
    assert "canary-5512" not in listed.text + single.text
    own = client_of(admin).get(reverse("sandbox:run-detail", args=[workspace.slug, run.pk]))
    assert "canary-5512" in own.text, "whoever sees the run is told"
    assert "canary-5512" not in api(token_of(member)).get(url("runs/")).text


@pytest.mark.parametrize("order", [RunOrder, CallOrder, ReplayOrder])
@pytest.mark.parametrize("workspace_said", [None, "", "meridian", 0])
def test_an_order_without_its_workspace_is_refused(order, workspace_said):
    """n8n-mcp, CVE-2026-45707: without a tenant's header the operator's own credentials were used."""
    names = ("run", "digest", "target", "inputs", "seed", "now", "leases", "attempt", "generation", "endpoint")
    body = dict.fromkeys(names, "") | ({} if workspace_said is None else {"workspace": workspace_said})
    with pytest.raises(BadOrder):
        order.from_body(body)


def test_without_a_workspace_nothing_is_seen_nor_written(cast):
    """The same, at the last wall: no scope is no workspace, and not all of them."""
    with workspace_scope(), connection.cursor() as cursor:
        for name in ("sandbox_run", "core_secret", "registry_connection", "core_auditevent"):
            cursor.execute(f"SELECT count(*) FROM {name}")
            assert cursor.fetchone() == (0,), name
        with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
            Membership.objects.create(workspace=cast["tidewater"], user=cast["admin"], role="owner")


def test_a_request_of_the_api_names_its_workspace(api, token_of, admin):
    client = api(token_of(admin))
    for path in ("/api/v1/runs/", "/api/v1/workspaces//runs/", "/api/v1/workspaces/tidewater/runs/"):
        assert client.get(path).status_code == 404
    assert not AuditEvent.objects.filter(action="run.created").exists() and not Draft.objects.exists()


def test_every_row_names_tests_that_there_are():
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "`tests/" in line]
    named = {match for line in rows for match in re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", line)}
    assert len(rows) > 28 and len(named) > 40
    for path, test in sorted(named):
        text = (ROOT / path).read_text(encoding="utf-8") if (ROOT / path).is_file() else ""
        assert text and f"def {test}" in text, f"{path}::{test}"
