"""Every command that the documents tell is run: here, in their order, or by the test that is named for it."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from io import BytesIO, StringIO, TextIOWrapper

import pytest
from django.core.management import call_command, get_commands
from django.db import transaction

from galaxy.core import audit
from galaxy.core.audit import sequencer as sequencing
from galaxy.core.scope import workspace_scope
from galaxy.core.tokens import API_PERMISSIONS, create_token
from marketplace.models import Listing
from marketplace.services import install_listing, plan_installation
from tests.docs.elsewhere import ELSEWHERE, NO_COMMANDS, TOO_LONG
from tests.docs.tables import ROOT
from tests.docs.told import shell_blocks, told_commands
from tests.matrix.routes import table as matrix
from tests.sealing import EVERYTHING_SEEN

# What stands for the names that a reader puts in.
PUT_IN = {
    "FOLDER": "lantern-tasks",
    "FILE": "some.yaml",
    "[--workspace SLUG] [--checkpoints DIR]": "--workspace meridian --checkpoints copies",
}
# Of a creator, asking for no workspace; then of an operator, on a trail with an event in it.
BY_FILES = (
    "manage.py extension new lantern-tasks --from rest",
    "manage.py extension check lantern-tasks",
    "manage.py extension test lantern-tasks",
    "manage.py extension test FOLDER",
    "manage.py manifest check FILE",
    "manage.py manifest check FILE --json",
    "manage.py manifest check -",
    "manage.py manifest migrate FILE",
    "manage.py manifest reference",
    "manage.py findings",
    "manage.py help",
)
BY_KEYS = (
    "manage.py vault make-key",
    "manage.py vault make-key --file FILE",
    "manage.py vault make-key --file root-keys.json",
    "manage.py vault rotate-root-key",
    "manage.py audit make-key",
    "manage.py audit make-key --file FILE",
    "manage.py audit make-key --file trail/signing-keys.json",
    "manage.py audit make-key --file marketplace/signing-keys.json",
    "manage.py marketplace key make",
    "manage.py marketplace key list",
    "manage.py load_catalog",
)
BY_TRAIL = (
    "manage.py audit verify",
    "manage.py audit verify [--workspace SLUG] [--checkpoints DIR]",
    "manage.py audit export --workspace meridian --action run. --since 2026-11-01 --redact emails -o pack",
    "python pack/verify.py pack",
)
BY_SHELL = (
    "openssl genpkey -algorithm ed25519 -out publisher.pem",
    "openssl pkey -in publisher.pem -pubout",
    "openssl pkeyutl -sign -inkey publisher.pem -rawin -in acme-1.0.0.statement.json -out signature.bin",
    "base64 -w 0 signature.bin",
)
HERE = {*BY_FILES, *BY_KEYS, *BY_TRAIL, *BY_SHELL}
both = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


def elsewhere(command: str) -> str:
    """The longest entry that it begins with; "" where there is none."""
    return max((one for one in (*ELSEWHERE, *TOO_LONG) if command.startswith(one)), key=len, default="")


def test_every_command_is_run_somewhere():
    told = told_commands()
    curls = {command for command in told if command.startswith("curl -s")}
    left = told.keys() - HERE - NO_COMMANDS - curls
    assert len(told) > 100
    assert {command: told[command] for command in sorted(left) if not elsewhere(command)} == {}
    assert HERE - told.keys() == set(), "no document tells these any more"


def test_what_is_run_elsewhere_is():
    told = told_commands()
    for begins, (path, word) in ELSEWHERE.items():
        assert word in (ROOT / path).read_text(encoding="utf-8"), f"{path} does not run {begins}"
        assert any(command.startswith(begins) for command in told), f"no document tells {begins} any more"


def test_every_make_target_is_there():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    told = {command.split()[1] for command in told_commands() if command.startswith("make ")}
    assert len(told) > 15
    assert told - targets == set()


def test_every_named_command_is_there():
    """Also those in running text, such as `manage.py marketplace`."""
    names = {command.split()[1] for command in told_commands() if command.startswith("manage.py ")} - {"NAME", "help"}
    assert names - get_commands().keys() == set()


@pytest.fixture
def checkout(tmp_path, monkeypatch, settings):
    """A folder to type in, with files of its own where processes would have theirs."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "catalog/connectors/hubspot/manifest.yaml", tmp_path / "some.yaml")
    settings.GALAXY_SIGNING_KEYS = str(tmp_path / "seal.json")
    settings.GALAXY_CHECKPOINTS_DIR = tmp_path / "copies"
    settings.GALAXY_MARKETPLACE_KEYS = str(tmp_path / "versions.json")
    settings.GALAXY_KMS = f"local:{tmp_path / 'root.json'}"
    return tmp_path


def typed(command: str) -> str:
    """What it prints, with names put in. One of ours runs in this process, and raises where it would not end with 0."""
    for name, value in PUT_IN.items():
        command = command.replace(name, value)
    if command == "manage.py help":
        return "\n".join(get_commands())
    words = shlex.split(command)
    if words[0] != "manage.py":
        words = [sys.executable, *words[1:]] if words[0] == "python" else words
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout
    out = StringIO()
    call_command(*words[1:], stdout=out, stderr=out)
    return out.getvalue()


@pytest.mark.django_db
def test_what_a_creator_types_at_home(checkout, monkeypatch):
    said = {}
    for command in BY_FILES:
        monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO((checkout / "some.yaml").read_bytes())))
        said[command] = typed(command)
    assert "No errors." in said["manage.py extension check lantern-tasks"]
    assert "11 of 11 passed" in said["manage.py extension test lantern-tasks"]
    assert len(json.loads(said["manage.py manifest check FILE --json"])["digest"]) == 64


@both
def test_what_an_operator_types(cast, checkout, monkeypatch):
    for command in BY_KEYS:
        if "--file" in command:
            for made in checkout.glob("**/*.json"):
                made.chmod(0o600)
        assert typed(command) != ""
    monkeypatch.setattr(sequencing, "HORIZON", EVERYTHING_SEEN)
    with workspace_scope([cast["meridian"].pk]), transaction.atomic():
        audit.record("run.requested", actor=None, target=cast["meridian"])
    call_command("sequencer", once=True, stdout=StringIO())
    said = [typed(command) for command in BY_TRAIL]
    assert said[0].endswith("Every trail is what was signed.\n")
    assert said[3].startswith("PASS")


def test_what_a_publisher_types(checkout):
    (checkout / "acme-1.0.0.statement.json").write_text('{"digest":"a4d6"}', encoding="utf-8")
    said = [typed(command) for command in BY_SHELL]
    assert "BEGIN PUBLIC KEY" in said[1]
    assert len(said[3]) == 88  # 64 bytes


@both
def test_what_is_asked_of_the_api(live_server, cast, tmp_path):
    """The tutorial's calls, and each list of the reference, by a token of the admin's that opens everything."""
    call_command("load_catalog", stdout=StringIO())
    workspace, admin = cast["meridian"], cast["admin"]
    with workspace_scope([workspace.pk]):
        listing = Listing.objects.get(extension__slug="hubspot")
        install_listing(workspace, listing, seen=plan_installation(workspace, listing).seen, actor=admin)
        _, secret = create_token(workspace, actor=admin, name="Docs", permissions=list(API_PERMISSIONS), days=7)
    shell = os.environ | {"GALAXY": live_server.url, "GALAXY_TOKEN": secret}
    tutorial = "\n".join(shell_blocks(ROOT / "docs/tutorials/admin.md"))
    answers = _sent(re.sub(r"^\s*export .*$", "", tutorial, flags=re.MULTILINE), shell, tmp_path)
    assert [sorted({"person", "state"} & answer.keys()) for answer in answers] == [["person"], ["state"], ["state"]]
    document = "curl -s https://galaxy.example/api/v1/schema/ -o openapi.json".replace(
        "https://galaxy.example", live_server.url
    )
    subprocess.run(["sh", "-c", document], check=True, cwd=tmp_path, timeout=60)
    assert json.loads((tmp_path / "openapi.json").read_text())["openapi"].startswith("3.1")
    lists = [block for block in shell_blocks(ROOT / "docs/reference/api.md") if _is_list(block)]
    got = _sent("\n".join(lists), shell, tmp_path)
    refused = [answer for answer in got if "code" in answer and answer.get("status") not in (403, 404)]
    assert len(got) == len(lists) > 30
    assert refused == []
    assert sum("results" in answer for answer in got) > 25


def _is_list(block: str) -> bool:
    return block.startswith("curl ") and " -d " not in block and "$ID" not in block and block.count("$") == 2


def _sent(commands: str, environment: dict[str, str], folder) -> list[dict]:
    """What each answered, in one shell that stops at the first failure."""
    text = re.sub(r"^\s*curl ", "curl -w '\\\\n' ", commands, flags=re.MULTILINE)
    done = subprocess.run(
        ["sh", "-ec", text], env=environment, cwd=folder, check=True, capture_output=True, text=True, timeout=120
    )
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def test_the_matrix_knows_the_routes_of_the_reference():
    assert sum(row.route.startswith("api:") for row in matrix()) > 100
