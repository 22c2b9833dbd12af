"""From a recorded run to a file and back: sandboxd masks, and the command answers the same code from what is left."""

import base64
import json
import quopri
from functools import partial
from urllib.parse import quote

import pytest
from django.core.management import call_command
from django.urls import reverse

from galaxy.core.scope import workspace_scope
from galaxy.core.vault.services import create_secret
from registry.services import give_secret, install, set_live
from sandbox.models import Execution
from sandbox.sandboxd.client import Refused, ask
from sandbox.services import invoke, perform
from tests.core.egress.peers import Authority, Peer, answer, saying
from tests.sandbox.python_extensions import publish_python
from tests.sandboxd import Sandboxd

HOST = "api.example.com"
TOKEN = "canary-9f2C/77+kq"
ENCODED = [
    TOKEN,
    TOKEN[::-1],
    TOKEN.encode().hex(),
    base64.b64encode(TOKEN.encode()).decode(),
    base64.urlsafe_b64encode(b"x:" + TOKEN.encode()).decode(),
    base64.b32encode(TOKEN.encode()).decode(),
    quote(TOKEN, safe=""),
    quopri.encodestring(TOKEN.encode()).decode(),
]
PERSONAL = ["ada@example.com", "+1 415 555 2671", "Ada Lovelace", "DE89370400440532013000"]
HEARD = {
    "size": 42,
    "mail": PERSONAL[0],
    "note": f"call {PERSONAL[1]}",
    "holder": PERSONAL[2],
    "iban": PERSONAL[3],
    "echo": ENCODED,
}
CODE = f"""# api: v1
# perms: [people.read]
# egress: ["https://{HOST}"]

def run(inputs, ctx):
    # inputs: {{who: str}}
    # outputs: {{size: int, holder: name}}
    headers = {{}}
    if "TOKEN" in ctx.secrets:
        headers["Authorization"] = "Bearer " + ctx.secrets["TOKEN"]
    r = ctx.http.get(f"https://{HOST}/people?q={{inputs['who']}}", headers=headers)
    return {{"size": r.json()["size"], "holder": r.json()["holder"]}}
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def peer(authority):
    found = Peer(authority.context(HOST), saying(answer(json.dumps(HEARD), X_Echo=ENCODED[3])))
    yield found
    found.close()


@pytest.fixture(scope="module")
def sandboxd(django_db_setup, authority, peer):
    found = Sandboxd({HOST: peer.port}, authority.pem)
    found.start("--size", "1")
    yield found
    found.close()


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_recorded_run_becomes_a_fixture_without_secrets_and_people(
    cast, sandboxd, settings, client_of, tmp_path, capsys
):
    settings.SANDBOXD_SOCKET = sandboxd.socket
    meridian, admin = cast["meridian"], cast["admin"]
    with workspace_scope([meridian.pk]):
        run = _recorded_run(meridian, admin)
        post = partial(client_of(admin).post, reverse("sandbox:run-fixture", args=[meridian.slug, run.pk]))

        file = tmp_path / "fixtures.json"
        file.write_bytes(post().content)
        text = file.read_text()
        assert not [value for value in [*ENCODED, *PERSONAL] if value in text]
        (exchange,) = json.loads(text)
        assert exchange["url"] == f"https://{HOST}/people" and exchange["body"]["holder"] == "A*** L***"

        kept = post({"keep": ["1 body/holder", "1 body/mail"]}).content.decode()
        assert [value for value in PERSONAL if value in kept] == [PERSONAL[0], PERSONAL[2]]
        assert not [value for value in ENCODED if value in kept]
        _refuses_what_is_no_order(run)

    code = tmp_path / "people.py"
    code.write_text(CODE)
    capsys.readouterr()
    call_command("action", "run", str(code), "--inputs", '{"who": "somebody"}', "--http", str(file), "--json")
    report = json.loads(capsys.readouterr().out)
    assert (report["status"], report["output"]) == ("ok", {"size": 42, "holder": "A*** L***"})


def _recorded_run(workspace, admin):
    version = publish_python(CODE, id="people.find")
    installation = install(workspace, version.extension, version=version, actor=admin)
    secret = create_secret(
        workspace, name="people-token", purpose="Reads people.", value=TOKEN, hosts=[HOST], places=["header"],
        actor=admin,
    )  # fmt: skip
    give_secret(installation, secret=secret, name="TOKEN", actor=admin)
    set_live(installation, live=True, actor=admin)
    run = invoke(workspace, actor=admin, target="people.find", inputs={"who": PERSONAL[0]})
    perform(run.pk)
    run.refresh_from_db()
    assert run.state == "succeeded", run.error
    return run


def _refuses_what_is_no_order(run):
    sealed = base64.b64encode(Execution.objects.get(run=run).recording).decode()
    order = {
        "workspace": str(run.workspace_id), "run": str(run.pk), "digest": run.version_digest, "target": run.target,
        "sealed": sealed, "keep": [],
    }  # fmt: skip
    for change in ({"keep": "1 body/mail"}, {"keep": [1]}, {"keep": ["x"] * 1001}, {"raw": True}, {"sealed": None}):
        with pytest.raises(Refused) as refused:
            ask("fixture", order | change, seconds=20)
        assert refused.value.code == "bad_order", change
    with pytest.raises(Refused) as refused:
        ask("fixture", order | {"keep": ["1 body/size"]}, seconds=20)
    assert refused.value.code == "unknown_place"
    with pytest.raises(Refused, match="does not open"):
        ask("fixture", order | {"run": "0" * 36}, seconds=20)
