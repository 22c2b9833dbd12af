"""Drafts as their makers meet them: written, checked, made a version, installed, moved and tried out."""

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from galaxy.core.models import AuditEvent
from galaxy.core.scope import workspace_scope
from marketplace.checks import check
from marketplace.models import Draft, DraftFile
from marketplace.workshop.drafts import MOST_DRAFTS, begin_draft, files_of, publish, save_draft, save_whole
from marketplace.workshop.errors import WrittenMeanwhile
from marketplace.workshop.starters import STARTERS, TEXTS
from registry.manifests import read
from registry.models import Connection, Extension, Installation, Version
from registry.services import publish_version, uninstall
from tests.submitting import put_beside

REST = TEXTS["rest"]


@pytest.fixture
def draft(workspace, creator):
    return begin_draft(workspace, text=REST, actor=creator)


def url(name, *args):
    return reverse(f"workshop:{name}", args=["meridian", *args])


def typed(draft, text, revision=None):
    return {"text": text.replace("\n", "\r\n"), "revision": revision or draft.revision}


def version_of(draft, creator):
    version = publish(draft, actor=creator)
    draft.refresh_from_db()
    return version


@pytest.mark.parametrize("starter", [one for one in STARTERS if one.text], ids=lambda one: one.value)
def test_every_text_to_begin_with_can_be_a_version_as_it_stands(db, starter, settings):
    shipped = settings.BASE_DIR / "catalog/transforms/leads.clean/manifest.yaml"  # what the pack calls
    publish_version(read(shipped.read_text()).manifest, publisher="Galaxy")
    checked = check(starter.text)
    assert [(finding.code, finding.message) for finding in checked.obstacles] == []
    assert checked.is_publishable and checked.is_submittable


def test_a_maker_begins_a_draft_and_finds_it_on_the_list(client_of, workspace, creator):
    client = client_of(creator)
    assert "No drafts yet" in client.get(url("draft-list")).content.decode()
    answer = client.post(url("draft-create"), {"start": "rest"})
    draft = Draft.objects.get()
    assert (answer.status_code, answer.url) == (302, draft.get_absolute_url())
    assert (draft.name, draft.slug, draft.state) == ("My tasks", "my-tasks", "ready")
    page = client.get(url("draft-list")).content.decode()
    assert "My tasks" in page and "None yet" in page
    assert AuditEvent.objects.filter(action="draft.created").count() == 1


@pytest.mark.parametrize(
    ("name", "content", "state"),
    [
        ("mine.yaml", REST.replace("my-tasks", "their-tasks").encode(), "ready"),
        ("mine.yaml", b"\xef\xbb\xbf" + REST.replace("\n", "\r\n").encode(), "ready"),
        ("titles.py", b"# action: my.titles\n# version: 0.1.0\n\ndef run(inputs, ctx):\n    return {}\n", "lacking"),
        ("broken.json", b'{"connector":', "broken"),
    ],
)
def test_a_draft_begins_with_a_file_of_ones_own(name, content, state, client_of, workspace, creator):
    page = client_of(creator).get(url("draft-create")).text
    assert 'enctype="multipart/form-data"' in page and 'name="file"' in page
    answer = client_of(creator).post(url("draft-create"), {"file": SimpleUploadedFile(name, content)})
    assert answer.status_code == 302, answer.text
    draft = Draft.objects.get()
    assert (answer.status_code, answer.url, draft.state) == (302, draft.get_absolute_url(), state)
    assert draft.text == content.decode("utf-8-sig").replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\xff\xfe\x00", "not a text in UTF-8"), (b"a: \x00", "no NUL"), (b"#" * (257 * 1024), "at most 256 KB")],
)
def test_a_file_that_is_no_text_comes_back_with_the_reason(content, said, client_of, workspace, creator):
    answer = client_of(creator).post(url("draft-create"), {"file": SimpleUploadedFile("mine.yaml", content)})
    assert answer.status_code == 422 and said in answer.text and not Draft.objects.exists()


def test_a_choice_that_is_none_comes_back(client_of, workspace, creator):
    assert client_of(creator).post(url("draft-create"), {"start": "virus"}).status_code == 422


def test_the_editor_tells_which_answer_is_which_error(client_of, draft, creator):
    page = client_of(creator).get(url("draft-detail", draft.pk)).content.decode()
    assert re.search(r"<code>rate_limit</code></dt><dd>429</dd>", page)


def test_what_is_saved_is_kept_with_its_errors(client_of, draft, creator):
    broken = REST.replace("method: POST", "method: PSOT")
    answer = client_of(creator).post(url("draft-text", draft.pk), typed(draft, broken), follow=True)
    draft.refresh_from_db()
    assert (draft.text, draft.state, draft.revision) == (broken, "broken", 2)
    page = answer.content.decode()
    assert re.search(r'data-line="16" data-column="\d+">Line 16</a>', page)
    assert "Did you mean POST?" in page


def test_saving_the_same_again_changes_nothing(client_of, draft, creator):
    client_of(creator).post(url("draft-text", draft.pk), typed(draft, REST))
    draft.refresh_from_db()
    assert draft.revision == 1
    assert not AuditEvent.objects.filter(action="draft.saved").exists()


def test_two_who_write_at_once_notice_and_lose_nothing(client_of, draft, creator, admin):
    save_draft(draft, text=REST + "# mine\n", revision=1, actor=admin)
    answer = client_of(creator).post(url("draft-text", draft.pk), typed(draft, REST + "# yours\n", revision=1))
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "# yours" in page and "after you opened it" in page
    draft.refresh_from_db()
    assert draft.text.endswith("# mine\n")


def test_checking_answers_while_one_types_and_saves_nothing(as_htmx, draft, creator):
    answer = as_htmx(creator).post(url("draft-check", draft.pk), typed(draft, REST.replace("POST", "PSOT")))
    page = answer.content.decode()
    assert page.lstrip().startswith('<div class="card findings" id="findings">')
    assert "bad-value" in page and "Line 16" in page
    draft.refresh_from_db()
    assert draft.text == REST


def test_what_no_text_may_hold_is_a_finding_while_one_types(as_htmx, draft, creator):
    for text, code in (("a\x00", "encoding"), ("#" * 300_000, "too-large")):
        answer = as_htmx(creator).post(url("draft-check", draft.pk), {"text": text, "revision": ""})
        assert (answer.status_code, code in answer.content.decode()) == (200, True)


def test_checking_without_javascript_brings_the_text_back(client_of, draft, creator):
    answer = client_of(creator).post(url("draft-check", draft.pk), typed(draft, "connector: x"))
    page = answer.content.decode()
    assert "Checked, not saved." in page and "connector: x</textarea>" in page
    draft.refresh_from_db()
    assert draft.text == REST


def test_the_findings_are_those_of_the_one_list(as_htmx, draft, creator):
    text = REST.replace("summary: Keeps tasks in a system of ours.\n", "").replace('      "401"', '      "403"')
    page = as_htmx(creator).post(url("draft-check", draft.pk), typed(draft, text)).content.decode()
    found = check(text).findings
    assert [one.path for one in found if one.severity == "error"] == ["summary", "actions.create_task.fixtures.401"]
    for finding in found:
        assert finding.code in page and finding.path in page


def test_markup_in_a_text_stays_text(client_of, draft, creator):
    nasty = REST.replace("name: My tasks", 'name: "</textarea><script>alert(1)</script>"')
    client = client_of(creator)
    client.post(url("draft-text", draft.pk), typed(draft, nasty))
    for page in (url("draft-list"), draft.get_absolute_url()):
        body = client.get(page).content.decode()
        assert "<script>alert" not in body
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in body


def test_a_text_beyond_the_limit_or_with_nul_comes_back(client_of, draft, creator):
    client = client_of(creator)
    assert client.post(url("draft-text", draft.pk), typed(draft, "#" * 300_000)).status_code == 422
    assert client.post(url("draft-text", draft.pk), {"text": "a\x00", "revision": 1}).status_code == 422
    assert client.post(url("draft-text", draft.pk), {"text": "a", "revision": "soon"}).status_code == 422
    draft.refresh_from_db()
    assert draft.text == REST


def test_a_version_is_made_installed_and_simulated_by_its_maker(client_of, draft, creator, workspace):
    client = client_of(creator)
    answer = client.post(url("draft-version", draft.pk), typed(draft, REST))
    version = Version.objects.get()
    assert (answer.status_code, version.number, version.workspace) == (302, "0.1.0-draft.1", workspace)
    consent = url("version-installation", draft.pk, version.pk)
    assert "Create and change tasks in My tasks" in client.get(consent).content.decode()
    client.post(consent)
    installation = Installation.objects.get()
    assert (installation.pin.digest, installation.installed_by) == (version.digest, creator)
    assert Connection.objects.get().status == "unauthenticated"
    page = client.get(draft.get_absolute_url()).content.decode()
    run = f"{reverse('sandbox:run-create', args=['meridian'])}?target=my-tasks.create_task&amp;scenario=401"
    assert run in page and installation.get_absolute_url() in page


def test_what_cannot_be_a_version_says_why_and_is_saved(client_of, draft, creator):
    lacking = REST.replace("summary: Keeps tasks in a system of ours.\n", "")
    answer = client_of(creator).post(url("draft-version", draft.pk), typed(draft, lacking))
    assert answer.status_code == 422
    assert "It cannot be a version yet. Line 1: summary" in answer.content.decode()
    draft.refresh_from_db()
    assert (draft.text, draft.state, Version.objects.count()) == (lacking, "lacking", 0)


def test_the_next_version_moves_in_with_one_press(client_of, draft, creator):
    client = client_of(creator)
    first = version_of(draft, creator)
    client.post(url("version-installation", draft.pk, first.pk))
    client.post(url("draft-version", draft.pk), typed(draft, REST.replace("rpm: 60", "rpm: 30")))
    second = Version.objects.get(number="0.1.0-draft.2")
    assert "Move to 0.1.0-draft.2</button>" in client.get(draft.get_absolute_url()).content.decode()
    client.post(url("version-installation", draft.pk, second.pk))
    assert Installation.objects.get().pin.version == second


def test_a_version_that_asks_for_more_is_agreed_to_on_its_page(client_of, draft, creator):
    client = client_of(creator)
    client.post(url("version-installation", draft.pk, version_of(draft, creator).pk))
    wider = REST.replace("[my-tasks.tasks.write]", "[my-tasks.tasks.write, my-tasks.people.read]")
    client.post(url("draft-version", draft.pk), typed(draft, wider))
    second = Version.objects.get(number="0.1.0-draft.2")
    consent = url("version-installation", draft.pk, second.pk)
    assert client.post(consent).status_code == 409
    page = client.get(consent).content.decode()
    assert "It asks for more than was agreed to." in page
    assert client.post(consent, {"agreed": re.findall('name="agreed" value="([^"]+)"', page)}).status_code == 302
    assert Installation.objects.get().scopes == ["my-tasks.people.read", "my-tasks.tasks.write"]


def test_an_old_version_goes_off_the_list_and_the_installed_one_does_not(client_of, draft, creator):
    client = client_of(creator)
    version = version_of(draft, creator)
    client.post(url("version-installation", draft.pk, version.pk))
    assert client.post(url("version-withdrawal", draft.pk, version.pk)).status_code == 409
    uninstall(Installation.objects.get(), actor=creator)
    assert client.post(url("version-withdrawal", draft.pk, version.pk)).status_code == 302
    assert version.short_digest not in client.get(draft.get_absolute_url()).content.decode()


def test_a_draft_goes_off_the_list_and_its_versions_stay(client_of, draft, creator):
    client = client_of(creator)
    version_of(draft, creator)
    assert "Remove My tasks" in client.get(url("draft-removal", draft.pk)).content.decode()
    client.post(url("draft-removal", draft.pk))
    assert client.get(draft.get_absolute_url()).status_code == 404
    assert (Version.objects.count(), AuditEvent.objects.filter(action="draft.removed").count()) == (1, 1)


PYTHON = """# action: my.run
# version: 0.1.0
# perms: [things.read]

def run(inputs, ctx):
    import os
    return {}
"""


def test_code_beside_the_text_is_checked_and_published_with_it(client_of, workspace, creator):
    text = (
        "action: my.run\nversion: 0.1.0\nsummary: Runs.\nrunner: python\ncode_file: run.py\n"
        "inputs: { title: string }\noutputs: { title: string }\npermissions: { required: [things.read] }\n"
        "simulation: { answer: { title: inputs.title } }\n"
        "fixtures: { happy: { body: {} }, '401': { status: 401 }, '429': { status: 429 }, 5xx: { status: 503 } }\n"
    )
    draft = begin_draft(workspace, text=text, actor=creator)
    assert draft.state == "lacking"
    client = client_of(creator)
    code = b"import socket\n\ndef run(inputs, ctx):\n    return inputs\n"
    client.post(url("draft-file-create", draft.pk), {"upload": SimpleUploadedFile("run.py", code), "revision": 1})
    page = client.get(draft.get_absolute_url()).content.decode()
    assert "python-import" in page and "run.py" in page
    good = "def run(inputs, ctx):\r\n    return inputs\r\n"
    client.post(url("draft-file-create", draft.pk), {"path": "run.py", "content": good, "revision": 2})
    draft.refresh_from_db()
    assert draft.state == "ready"
    version = version_of(draft, creator)
    assert [(file.path, bytes(file.content)) for file in version.files.all()] == [
        ("run.py", b"def run(inputs, ctx):\n    return inputs\n")
    ]
    client.post(url("draft-file-removal", draft.pk, DraftFile.objects.get().pk), {"revision": draft.revision})
    draft.refresh_from_db()
    assert (draft.state, DraftFile.objects.count(), version.files.count()) == ("lacking", 0, 1)


def test_a_python_text_is_its_own_code(workspace, creator):
    checked = check(PYTHON)
    assert {"python-import"} <= {finding.code for finding in checked.findings}
    assert check(PYTHON.replace("    import os\n", "")).files == {
        "action.py": PYTHON.replace("    import os\n", "").encode()
    }


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"path": "../etc/passwd", "content": "x"}, "Letters, digits, dots"),
        ({"path": "a" * 300, "content": "x"}, "200 characters"),
        ({"content": "x"}, "Give the file a name"),
        ({"path": "big.bin", "content": "x" * (257 * 1024)}, "256 KB"),
    ],
)
def test_a_file_that_cannot_be_kept_comes_back_with_the_reason(sent, said, client_of, draft, creator):
    answer = client_of(creator).post(url("draft-file-create", draft.pk), sent | {"revision": 1})
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not DraftFile.objects.exists()


def test_a_file_is_a_revision_and_whoever_saw_the_draft_before_it_is_told(client_of, draft, creator, admin, workspace):
    """Both ways: a text over a file of somebody else's, a file over theirs, and the taking of one."""
    mine, theirs = client_of(creator), client_of(admin)
    place = url("draft-file-create", draft.pk)
    for page in (mine.get(draft.get_absolute_url()), theirs.get(draft.get_absolute_url())):
        assert page.text.count('name="revision" value="1"') == 2
    assert theirs.post(place, {"path": "docs.md", "content": "# Theirs", "revision": 1}).status_code == 302
    draft.refresh_from_db()
    assert (draft.revision, draft.updated_by) == (2, admin)
    for answer in (
        mine.post(url("draft-text", draft.pk), typed(draft, REST + "# mine\n", revision=1)),
        mine.post(url("draft-version", draft.pk), typed(draft, REST, revision=1)),
        mine.post(place, {"path": "docs.md", "content": "# Mine", "revision": 1}),
        mine.post(url("draft-file-removal", draft.pk, DraftFile.objects.get().pk), {"revision": 1}),
        mine.post(url("draft-file-removal", draft.pk, DraftFile.objects.get().pk)),
        mine.post(url("draft-file-removal", draft.pk, DraftFile.objects.get().pk), {"revision": "9" * 5000}),
    ):
        assert answer.status_code == 409 and f"{admin} saved {draft} after you opened it." in answer.text
    assert "No file was put or taken." in answer.text
    assert 'name="revision" value="2"' in answer.text  # what comes back is the draft of now
    assert bytes(DraftFile.objects.get().content) == b"# Theirs" and Draft.objects.get().text == REST
    assert not Version.objects.filter(workspace=workspace).exists()
    assert mine.post(place, {"path": "docs.md", "content": "# Mine"}).status_code == 422  # of no revision
    assert mine.post(place, {"path": "docs.md", "content": "# Both", "revision": 2}).status_code == 302
    assert bytes(DraftFile.objects.get().content) == b"# Both"


def test_a_folder_put_as_a_whole_is_one_revision(draft, creator):
    row = save_whole(draft, text=REST + "# More.\n", files={"a.md": b"1", "b.md": b"2"}, revision=1, actor=creator)
    assert row.revision == 2
    row = save_whole(row, text=row.text, files={"b.md": b"3"}, revision=2, actor=creator)
    assert (row.revision, files_of(row)) == (3, {"b.md": b"3"})
    assert save_whole(row, text=row.text, files={"b.md": b"3"}, revision=3, actor=creator).revision == 3
    with pytest.raises(WrittenMeanwhile):
        save_whole(row, text=row.text, files={}, revision=2, actor=creator)
    actions = list(AuditEvent.objects.filter(action__startswith="draft.").values_list("action", flat=True))
    assert (actions.count("draft.file_put"), actions.count("draft.file_taken")) == (3, 1)


def test_there_is_a_most_of_drafts(client_of, draft, creator, workspace):
    rows = [Draft(workspace=workspace, name="x", created_by=creator, updated_by=creator) for _ in range(MOST_DRAFTS)]
    Draft.objects.bulk_create(rows)
    assert client_of(creator).post(url("draft-create"), {"start": "rest"}).status_code == 409


def test_the_list_costs_the_same_however_long_it_is(
    client_of, draft, creator, workspace, django_assert_max_num_queries
):
    version_of(draft, creator)
    rows = [Draft(workspace=workspace, name=f"d{n}", created_by=creator, updated_by=creator) for n in range(45)]
    Draft.objects.bulk_create(rows)
    client = client_of(creator)
    with django_assert_max_num_queries(17):
        page = client.get(url("draft-list"))
    assert page.content.decode().count('data-label="State"') == 40


def test_nobody_else_finds_anything_of_it(client_of, draft, creator, stranger, member, other_workspace):
    version = version_of(draft, creator)
    put_beside(draft, path="docs.md", content=b"# Mine", actor=creator)
    their = client_of(stranger)
    for address in (
        draft.get_absolute_url(),
        url("version-installation", draft.pk, version.pk),
        url("draft-list"),
    ):
        assert their.get(address).status_code == 404
    for own in ("workshop/", "marketplace/", "search/?q=my", "installed/", "runs/new/"):
        assert "My tasks" not in their.get(f"/w/tidewater/{own}").content.decode(), own
    assert their.get("/w/tidewater/marketplace/my-tasks/").status_code == 404
    assert their.post(f"/w/tidewater/workshop/drafts/{draft.pk}/text/", typed(draft, "x")).status_code == 404
    assert client_of(member).get(draft.get_absolute_url()).status_code == 403
    with workspace_scope([other_workspace.pk]):
        assert [model.objects.count() for model in (Draft, DraftFile, Extension, Version)] == [0] * 4


def test_its_own_marketplace_and_search_do_not_list_it_either(client_of, draft, creator):
    client = client_of(creator)
    version = version_of(draft, creator)
    assert client.get("/w/meridian/marketplace/my-tasks/").status_code == 404
    assert "My tasks" not in client.get("/w/meridian/marketplace/?q=tasks").content.decode()
    client.post(url("version-installation", draft.pk, version.pk))
    page = client.get(Installation.objects.get().get_absolute_url()).content.decode()
    assert "In the marketplace" not in page and "Only this workspace" in page
