"""A creator's shell: tests of a folder on this machine, and a submission over the API of a running Galaxy."""

import io
import json
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from django.core.management import CommandError, call_command

from galaxy.core.scope import workspace_scope
from galaxy.core.terminal import calm_json
from galaxy.core.tokens import API_PERMISSIONS, create_token
from marketplace.creating.client import Api, BadAddress, NoAnswer, NoToken, read_token
from marketplace.creating.memory import NAME, Memory
from marketplace.evidence.models import TestRun
from marketplace.folders import read_folder
from marketplace.submissions.models import Submission
from marketplace.submissions.services import request_changes, take
from marketplace.workshop.drafts import save_draft
from marketplace.workshop.models import Draft
from tests.submitting import put_beside, text_of


def run(*args) -> tuple[str, int]:
    """What the command printed, and its exit status."""
    out = io.StringIO()
    try:
        call_command("extension", *map(str, args), stdout=out, stderr=io.StringIO())
    except SystemExit as end:
        return out.getvalue(), end.code
    return out.getvalue(), 0


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "lantern"
    place.mkdir()
    (place / "manifest.yaml").write_text(text_of())
    (place / "notes.md").write_text("# Notes")
    return place


@pytest.mark.django_db
def test_the_tests_of_a_folder_are_printed_as_a_grid(folder):
    printed, status = run("test", folder)
    lines = printed.splitlines()
    assert status == 0, printed
    assert lines[0].split() == ["OK", "401", "429", "5xx"]
    assert lines[1].split() == ["create_task", "pass", "pass", "pass", "pass"]
    assert lines[-1].startswith("11 of 11 passed") or "passed in" in lines[-1]


@pytest.mark.django_db
def test_a_failure_is_printed_with_its_line_its_code_and_what_was_expected(folder):
    manifest = folder / "manifest.yaml"
    manifest.write_text(manifest.read_text().replace("status: 503, body: {}", "status: 404, body: {}"))
    printed, status = run("test", folder)
    line = 1 + manifest.read_text().splitlines().index("      5xx: { status: 404, body: {} }")
    assert status == 1
    assert f"manifest.yaml:{line}:" in printed
    assert "create_task.5xx." in printed and "expected: " in printed and "got: " in printed
    report = json.loads(run("test", folder, "--json")[0])
    assert report["passed"] < report["total"]


@pytest.mark.django_db
def test_a_text_with_errors_has_no_tests(folder):
    (folder / "manifest.yaml").write_text("connector: [")
    printed, status = run("test", folder)
    assert status == 1 and "manifest.yaml:" in printed


@pytest.mark.django_db
def test_python_is_tested_in_sealed_workers_of_this_machine(tmp_path):
    (tmp_path / "shout.py").write_text('def run(inputs, ctx):\n    return {"text": inputs["text"].upper()}\n')
    (tmp_path / "manifest.yaml").write_text(
        "transform: shout.text\nversion: 1.0.0\nname: Shout\nsummary: Says it loudly.\ncode_file: shout.py\n"
        "inputs: { text: string }\noutputs: { text: string }\n"
        "fixtures: { happy: { inputs: { text: a }, outputs: { text: A } } }\n"
    )
    printed, status = run("test", tmp_path)
    assert status == 0, printed
    assert "passed in" in printed
    (tmp_path / "shout.py").write_text('def run(inputs, ctx):\n    return {"text": "b"}\n')
    printed, status = run("test", tmp_path)
    assert status == 1 and "golden" in printed, printed


@pytest.mark.parametrize(
    "url", ["galaxy.example", "ftp://galaxy.example", "http://galaxy.example", "https://a:b@g.example"]
)
def test_a_token_goes_only_where_nobody_reads_along(url):
    with pytest.raises(BadAddress):
        Api(url, "meridian", "gxy_x")


def test_a_token_comes_from_the_environment_or_a_file_and_never_from_an_argument(tmp_path, monkeypatch):
    monkeypatch.delenv("GALAXY_TOKEN", raising=False)
    with pytest.raises(NoToken):
        read_token(None)
    monkeypatch.setenv("GALAXY_TOKEN", "gxy_env")
    assert read_token(None) == "gxy_env"
    file = tmp_path / "token"
    file.write_text("gxy_file\n")
    assert read_token(file) == "gxy_file"
    with pytest.raises(NoToken):
        read_token(tmp_path / "none")
    with pytest.raises((CommandError, SystemExit)):
        call_command("extension", "submit", ".", "--url", "https://g.example", "--workspace", "x", "--token", "gxy_x")


def test_where_nobody_answers_it_says_so():
    with pytest.raises(NoAnswer):
        Api("http://127.0.0.1:9", "meridian", "gxy_x").get("submissions/")


@pytest.fixture
def asked(transactional_db, live_server, workspace, creator, monkeypatch):
    """``asked(verb, *words)``: the command asks this live Galaxy with the creator's token; tests that it asks for are
    done at once, as a worker would."""
    from marketplace import tasks

    text = create_token(workspace, name="Shell", permissions=API_PERMISSIONS, days=1, actor=creator)[1]
    monkeypatch.setenv("GALAXY_TOKEN", text)
    monkeypatch.setattr(tasks.perform_test_run, "delay", tasks.perform_test_run)
    place = ("--url", live_server.url, "--workspace", workspace.slug)
    return lambda verb, *words: run(verb, *words, *place)


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_folder_is_submitted_over_the_api_and_its_draft_is_changed_the_next_time(asked, folder, workspace):
    printed, status = asked("submit", folder, "--catalogue", "private", "--changes", "The first.", "--only-test")
    assert status == 0, printed
    draft = Draft.objects.in_workspace(workspace).get()
    assert (draft.slug, draft.files.get().path, TestRun.objects.count()) == ("lantern-tasks", "notes.md", 1)
    printed, status = asked("submit", folder, "--catalogue", "private", "--changes", "The first.")
    row = Submission.objects.in_workspace(workspace).get()
    assert status == 0, printed
    assert f"lantern-tasks 1.0.0 is submitted: {row.pk}" in printed
    assert "Place in line: 1 of 1." in printed
    assert (row.draft, row.changes) == (draft, "The first.")
    told, status = asked("status", str(row.pk))
    assert (status, told.splitlines()[0]) == (0, "lantern-tasks 1.0.0: submitted")
    assert str(row.pk) in asked("status")[0]
    with pytest.raises(CommandError, match="submitted already"):
        asked("submit", folder, "--catalogue", "private")
    (folder / "manifest.yaml").write_text("connector: [")
    with pytest.raises(CommandError, match="errors"):
        asked("submit", folder, "--catalogue", "private")


class Meanwhile(io.StringIO):
    """What the command prints; ``acts`` are done once the words before them were printed, as other people do."""

    def __init__(self, **acts):
        super().__init__()
        self.acts = {words.replace("_", " "): act for words, act in acts.items()}

    def write(self, text):
        for words in [one for one in self.acts if one in text]:
            self.acts.pop(words)()
        return super().write(text)


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_waiting_tells_each_change_and_ends_with_what_was_decided(
    asked, folder, workspace, admin, monkeypatch, live_server
):
    cuts = iter(["reset", "refused"])
    opened = urllib.request.OpenerDirector.open

    def open_sometimes(self, request, *rest, **more):
        is_look = request.get_method() == "GET" and "/submissions/" in request.full_url
        if is_look and (cut := next(cuts, "")):
            raise urllib.error.URLError(cut)
        return opened(self, request, *rest, **more)

    monkeypatch.setattr(urllib.request.OpenerDirector, "open", open_sometimes)

    def row():
        return Submission.objects.in_workspace(workspace).get()

    def decide():
        with workspace_scope([workspace.pk]):
            request_changes(row(), desk=workspace, actor=admin, reason="Say which time zone.")

    def begin():
        with workspace_scope([workspace.pk]):
            take(row(), desk=workspace, actor=admin)

    out = Meanwhile(is_submitted=begin, Now_in_review=decide)
    place = ("--url", live_server.url, "--workspace", workspace.slug)
    with pytest.raises(SystemExit) as end:
        call_command("extension", "submit", str(folder), *place, "--catalogue", "private", "--wait", "--every", "0.05",
                     stdout=out)  # fmt: skip
    printed = out.getvalue()
    assert end.value.code == 1
    assert not out.acts
    assert printed.index("is submitted") < printed.index("Now in review.") < printed.index("Now changes requested.")
    assert printed.count("asked again until it answers") == 1
    assert "The reviewer wrote: Say which time zone." in printed


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_a_draft_that_somebody_saved_since_is_not_overwritten_unawares(asked, folder, workspace, admin):
    place = ("--catalogue", "private", "--only-test")
    asked("submit", folder, *place)
    draft = Draft.objects.in_workspace(workspace).get()
    save_draft(draft, text=draft.text + "# Ada was here.\n", revision=1, actor=admin)
    with pytest.raises(CommandError, match=f"at revision 2 there, saved by {admin.name}.*submitted as 1.*--overwrite"):
        asked("submit", folder, *place)
    draft.refresh_from_db()
    assert "Ada was here" in draft.text
    assert asked("submit", folder, *place, "--overwrite")[1] == 0
    draft.refresh_from_db()
    assert "Ada was here" not in draft.text
    put_beside(draft, path="more.md", content=b"More.", actor=admin)  # a revision as well
    with pytest.raises(CommandError, match="nothing was changed"):
        asked("submit", folder, *place)
    (folder / NAME).unlink()  # a folder of somebody else's, or one that was taken from a repository
    with pytest.raises(CommandError, match="was not submitted to it before"):
        asked("submit", folder, *place)
    assert {one.path for one in draft.files.all()} == {"notes.md", "more.md"}


def test_what_a_folder_remembers_holds_for_one_workspace_and_is_written_through_no_link(folder, tmp_path):
    memory = Memory(folder, "https://galaxy.example/", "meridian")
    assert memory.keep({"id": "d", "revision": 3, "updated_at": "then"})
    assert Memory(folder, "https://galaxy.example", "meridian").of("d") == (3, "then")
    assert Memory(folder, "https://galaxy.example", "tidewater").of("d") is None
    assert NAME not in read_folder(folder).files
    precious = tmp_path / "precious"
    precious.write_text("mine")
    (folder / NAME).unlink()
    (folder / NAME).symlink_to(precious)
    assert not memory.keep({"id": "d", "revision": 3, "updated_at": "then"}) and precious.read_text() == "mine"


HOSTILE = "\x1b]0;owned\x07\x1b[2J\x9b31m\u202egnol\u2066 \x00\nNo errors."


class Hostile(BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.endswith("status=odd"):
            self.wfile.write(b"HTTP/9 \x1b[2J\r\n\r\n")
            return
        is_refusal = "refused" in self.path
        self.send_response(422 if is_refusal else 200)
        self.end_headers()
        said = {"detail": HOSTILE, "next_step": HOSTILE, "fields": {HOSTILE: HOSTILE}, "code": "x"}
        row = dict.fromkeys(("id", "extension", "version", "state", "submitted_at", "reason"), HOSTILE)
        row |= {"standing": {"waits_for": HOSTILE, "place": HOSTILE}, "reasons": []}
        self.wfile.write(json.dumps(said if is_refusal else row | {"results": [row]}).encode())

    def log_message(self, *args):
        pass


@pytest.fixture
def hostile(monkeypatch):
    monkeypatch.setenv("GALAXY_TOKEN", "gxy_x")
    with ThreadingHTTPServer(("127.0.0.1", 0), Hostile) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_hostile_galaxy_commands_no_terminal(hostile):
    place = ("--url", hostile, "--workspace", "meridian")
    printed = run("status", *place)[0]
    some, status = run("status", "some", *place)
    printed, is_decided = printed + some, status == 1
    assert is_decided
    with pytest.raises(CommandError) as refused:
        run("status", "refused", *place)
    with pytest.raises(NoAnswer) as odd:
        Api(hostile, "meridian", "gxy_x").get("submissions/?status=odd")
    for text in (printed, str(refused.value), str(odd.value)):
        assert all(one.isprintable() or one == "\n" for one in text), text
    assert "gnol" in printed
    assert not any(line.startswith("No errors") for line in printed.splitlines())


def test_json_says_the_same_without_what_is_not_printable(tmp_path):
    text = json.dumps({"a": HOSTILE + "\U000e0041é"}, ensure_ascii=False, indent=2)
    told = calm_json(text)
    assert json.loads(told) == json.loads(text) and "é" in told
    assert all(one.isprintable() or one == "\n" for one in told)
    (tmp_path / "manifest.yaml").write_text('connector: a\nname: "\\e[2J\\u202E"\n')
    for flags in ((), ("--json",)):
        assert all(one.isprintable() or one in "\n\t" for one in run("check", tmp_path, *flags)[0])


@pytest.mark.django_db(transaction=True, databases=["default", "owner"])
def test_what_the_other_galaxy_refuses_is_told_in_its_words(asked, folder, monkeypatch):
    with pytest.raises(CommandError, match="no marketplace that reviews"):
        asked("submit", folder)
    monkeypatch.setenv("GALAXY_TOKEN", "gxy_wrong")
    with pytest.raises(CommandError, match="token"):
        asked("status")
