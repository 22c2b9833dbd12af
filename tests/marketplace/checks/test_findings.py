"""The one list of findings: each code by a text that has it, the order, and who reads it."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.urls import reverse

from marketplace.checks import CODES, NOBODY, Context, check
from marketplace.checks.codes import OWN
from marketplace.checks.listing import MOST_FINDINGS, bounded
from marketplace.checks.models import KnownName
from marketplace.checks.names import remember
from marketplace.checks.reference import BEGIN, END, tables
from marketplace.submissions.facing import checked_for
from marketplace.workshop.drafts import begin_draft
from marketplace.workshop.starters import TEXTS
from registry.manifests import Finding
from registry.manifests.findings import MAX_FINDINGS, Findings
from registry.manifests.nodes import Text
from registry.models import Extension
from registry.names import is_near, keys, skeleton
from tests.registry.samples import publish

REST, GRPC, TRANSFORM = TEXTS["rest"], TEXTS["grpc"], TEXTS["transform"]
PYTHON = """# action: my.titles
# version: 0.1.0
# summary: Reads titles.
# licence: Apache-2.0
# perms: [things.read]
# egress: ["https://api.example.com/v1"]

def run(inputs, ctx):
    {}
    return {{}}
"""
DOCS_LINE = next(line for line in REST.splitlines(keepends=True) if line.startswith("docs:"))
DOCS = {"docs.md": b"It reads the titles of things, and does nothing else at all."}


def codes(text, files=None, context=NOBODY):
    return [finding.code for finding in check(text, files, context).findings]


def swap(old, new, text=REST):
    assert old in text
    return text.replace(old, new)


@pytest.mark.django_db
@pytest.mark.parametrize("text", [REST, GRPC, TRANSFORM], ids=["rest", "grpc", "transform"])
def test_a_starter_could_be_submitted_as_it_is(text):
    checked = check(text)
    assert checked.is_submittable
    assert {one.code for one in checked.findings} <= {"no-undo"}


# What a token of theirs looks like, put together here so that nobody's scanner takes this file for a leak.
TOKENS = [
    "ghp_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5",
    "xoxb-" + "2481632640-2481632641-aB3dE5fG7hJ9kL1mN3pQ",
    "pat-" + "na1-3f1d2c6a-5b7e-4c80-9a41-0f2e6d8b1c35",
    "AKIA" + "Q3RTY5UIOP7ASDFG",
    "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
    "AIza" + "SyD9fG2hJ4kL6mN8pQ0rS2tU4vW6xY8zA0b",
    "gxy_" + "aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5bC7dE9f",
    "-----BEGIN " + "RSA PRIVATE KEY-----",
    "postgres://app:" + "hJ9kL1mN3pQ5@db.example.org/x",
]


@pytest.mark.django_db
@pytest.mark.parametrize("token", TOKENS, ids=lambda one: one[:8])
def test_a_pasted_token_is_flagged_wherever_it_stands(token):
    """F98, in the form and before submit: in the manifest, in a fixture, in the docs and in a file beside it."""
    for text, files, line in [
        (swap('title: Call Ada } }\n      "401"', f'title: "{token}" }} }}\n      "401"'), {}, 24),
        (swap("  - id: create_task", f"  # {token}\n  - id: create_task"), {}, 13),
        (REST, {"docs.md": f"Use it.\nTry {token} for it.".encode()}, 2),
        (REST, {"fixtures/one.json": f'["{token}"]'.encode()}, 1),
        ("connector: [\n# " + token, {}, 2),  # a text that cannot be read is looked through as well
    ]:
        found = [one for one in check(text, files).findings if one.code == "leaked-secret"]
        assert [one.line for one in found] == [line], text
        assert token not in f"{found[0].message} {found[0].why} {found[0].fix}"
        assert not check(text, files).is_publishable


@pytest.mark.django_db
def test_words_that_stand_for_a_token_are_none():
    docs = (
        "Give it `YOUR_API_KEY` or " + "AKIA" + "IOSFODNN7EXAMPLE, never `ghp_" + "x" * 36 + "`.\n"
        "token: inputs.access_token_of_the_user, password: correct-horse-battery-staple\n"
    )
    assert not {"leaked-secret", "possible-secret"} & set(codes(REST, {"docs.md": docs.encode()}))
    chance = "api_key: " + "q8Zr2LkP0vXn5TgBw7Hd"
    assert "possible-secret" in codes(REST, {"docs.md": chance.encode()})


@pytest.fixture
def known(db):
    names = ["hubspot", "google-drive", "slack", "leads.clean"]
    rows = [Extension(slug=name, name=name, kind="connector", publisher="HubSpot Inc") for name in names]
    Extension.objects.bulk_create(rows)
    assert remember(rows) == len(names) + 1
    assert remember(rows) == 0


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("hubsp0t", "look-alike-name"), ("hub-spot", "look-alike-name"), ("hub.spot", "look-alike-name"),
        ("s1ack", "look-alike-name"), ("g00gle.drive", "look-alike-name"), ("lead5-clean", "look-alike-name"),
        ("hubspott", "similar-name"), ("hubsopt", "similar-name"), ("hubspt", "similar-name"),
        ("hubzpot", "similar-name"), ("hubspots-2", None), ("spothub", None), ("slacker-bot", None), ("hubspot", None),
    ],
)  # fmt: skip
def test_a_name_that_looks_like_another_is_flagged(known, name, code):
    found = [one for one in check(swap("my-tasks", name)).findings if one.code.endswith("-name")]
    assert [one.code for one in found] == ([code] if code else [])
    assert all((one.line, one.path) == (1, "id") for one in found)
    assert check(swap("my-tasks", name)).is_submittable is (code != "look-alike-name")


def test_names_of_others_and_their_publishers(known):
    mine, theirs = Context(publisher="Acme"), Context(publisher="HubSpot Inc")
    assert "name-taken" in codes(swap("my-tasks", "hubspot"), context=mine)
    assert "name-taken" not in codes(swap("my-tasks", "hubspot"), context=theirs)
    for name in (
        "H\u03c5b\u0455p\u03bft Inc",
        "HubSp0t lnc",
        "hubspot-inc",
    ):  # the first with Greek and Cyrillic letters
        assert "look-alike-publisher" in codes(REST, context=Context(publisher=name)), name


def test_a_skeleton_is_what_the_eye_sees():
    assert (
        len({skeleton(name) for name in ("hubspot", "HubSpot", "hub_spot", "hubsp0t", "hυbѕрοt", "Ｈｕｂｓｐｏｔ")})
        == 1
    )
    assert skeleton("grnail") == skeleton("gmail") != skeleton("gmajl")
    assert (skeleton("—"), keys("—"), is_near("", "")) == ("", [], False)
    assert is_near("hubspot", "hubpsot") and not is_near("hubspot", "hubstop1") and not is_near("hubspot", "hubsp0t")


def test_names_are_looked_through_by_index(known, django_assert_num_queries):
    """A hundred thousand names stay quick: three look-ups and that of the number, each with its index, and no list in
    memory."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    near = KnownName.objects.filter(keys__overlap=keys("hubzpot"))
    assert "knownname_keys" in near.explain()
    with django_assert_num_queries(4):
        assert "similar-name" in codes(swap("my-tasks", "hubzpot"))


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("old", "new", "code", "line"),
    [
        ("licence: Apache-2.0\n", "", "no-licence", 1),
        ("Apache-2.0", "Ours", "unknown-licence", 5),
        (DOCS_LINE, "", "no-docs", 1),
        ("docs: Adds tasks", "docs: <b>Adds</b> tasks", "docs-html", 6),
        ("docs: Adds tasks", "docs: Adds [tasks](http://a.example)", "docs-link", 6),
        ("inputs: { title: Call Ada }, ", "", "no-example", 24),
        ("methods: [POST], path_prefix: /v1", "methods: [GET], path_prefix: /v1", "call-outside-egress", 17),
        ("path_prefix: /v1", "path_prefix: /v2", "call-outside-egress", 17),
        (", path_prefix: /v1", "", "host-wide", 9),
        ("path_prefix: /v1 }", "path_prefix: /v1 }, { host: other.example.com }", "host-unused", 9),
        ("rate_limits:", "permissions: { required: [my-tasks.lists.read] }\nrate_limits:", "scope-unused", 10),
        ("auth: { type: bearer }", "auth: { type: oauth2, scopes: [a, b], authorize_url: https://a.example/x, "
         "token_url: https://api.example.com/v1/t, scope_map: { tasks.write: [a] } }",
         "vendor-scope-unused", 7),
        ("method: POST", "method: POST\n    idempotent: true", "promise-without-key", 17),
        ('"401": { status: 401', '"401": { status: 200', "fixture-status", 25),
        ("5xx: { status: 503", "5xx: { status: 404", "fixture-status", 27),
        ("inputs: { title: Call Ada }", "inputs: { name: Ada }", "fixture-inputs", 24),
        ("body: { id: t-1, title: Call Ada }", "body: { id: 7, title: Call Ada }", "fixture-outputs", 24),
    ],
)  # fmt: skip
def test_what_a_manifest_says_against_itself(old, new, code, line):
    found = [one for one in check(swap(old, new)).findings if one.code == code]
    assert [one.line for one in found] == [line]
    assert all(one.why and one.fix and one.message for one in found)


@pytest.mark.django_db
def test_a_missing_path_stands_at_its_action():
    """F108 in the list: what is missing stops a submission, with the action's own line."""
    text = swap('      "429": { status: 429, headers: { Retry-After: "5" }, body: {} }\n', "")
    (found,) = check(text).errors
    assert (found.code, found.path, found.line) == ("unpublishable", "actions.create_task.fixtures.429", 24)
    assert not check(text).is_submittable


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("eval(inputs['rule'])", "code-eval"),
        ("exec(__import__('base64').b64decode(inputs['x']))", "code-eval"),
        ("__import__(inputs['name'])", "code-import"),
        ("getattr(ctx, inputs['name'])()", "code-reflection"),
        ("().__class__.__bases__[0].__subclasses__()", "code-reflection"),
        ("x = '" + "QUJD" * 120 + "'", "code-blob"),
        ("while True: pass", "code-endless"),
        ("while 1:\n        for x in inputs:\n            break", "code-endless"),
        ("ctx.log.info('given %s', inputs)", "code-logs-secret"),
        ("ctx.log.info(ctx.secrets['TOKEN'])", "code-logs-secret"),
        ("ctx.http.post('https://api.example.com/v1/x')", "code-writes"),
    ],
)
def test_code_that_a_reviewer_wants_to_see(line, code):
    checked = check(PYTHON.format(line), DOCS)
    found = [one for one in checked.findings if one.code == code]
    assert found and found[0].severity != "error"
    assert (found[0].file, found[0].line) == ("", 1 if code == "code-writes" else 9) or code == "code-writes"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "line",
    [
        "while True:\n        if inputs: break",
        "while inputs: inputs = inputs.get('next')",
        "import ast; ast.literal_eval('1')",
        "getattr(inputs, 'name', None)",
        "ctx.log.info('got %s', len(inputs))",
        "ctx.http.get('https://api.example.com/v1/x')",
    ],
)
def test_code_that_is_as_code_is(line):
    assert not {code for code in codes(PYTHON.format(line), DOCS) if code.startswith("code-")}


@pytest.mark.django_db
def test_files_are_told_apart_from_the_text_and_come_after_it():
    text = swap("method: POST", "runner: python\n    code_file: run.py").replace("    path: /tasks\n", "")
    files = {"run.py": b"def run(inputs, ctx):\n    eval('1')\n    return {}\n", "notes.txt": b"?", "docs.md": b"x"}
    found = check(text, files).findings
    assert [(one.file, one.code) for one in found if one.file] == [
        ("notes.txt", "unused-file"),
        ("run.py", "code-eval"),
    ]
    assert found == sorted(found, key=lambda one: one.file)
    assert check(text, dict(reversed(files.items()))).findings == found  # whichever came first


def test_the_table_of_codes_says_everything_and_is_the_one_in_the_docs():
    """F11: codes are stable. One that disappears from the table fails here first."""
    for name, code in OWN.items():
        assert code.about and code.why and code.fix, name
        assert (code.stops == "version") == (code.severity == "error")
    page = (Path(__file__).parents[3] / "docs" / "findings.md").read_text(encoding="utf-8")
    assert page[page.index(BEGIN) : page.index(END) + len(END) + 1] == tables()
    assert {"leaked-secret", "look-alike-name", "unpublishable", "version-too-low"} <= CODES.keys()


@pytest.mark.django_db
def test_a_number_that_is_too_low_is_told_in_the_editor_by_the_command_and_to_the_reviewer(
    workspace, creator, client_of, tmp_path
):
    """One list for all of them, and the line is that of the number."""
    first = swap("version: 0.1.0", "version: 1.0.0")
    publish(check(first).manifest, publisher="Orbit Works")
    text = first.replace("title: string,", "title: string, urgent: bool,").replace("1.0.0", "1.0.1", 1)
    (found,) = [one for one in check(text).findings if one.code == "version-too-low"]
    assert (found.line, found.path, found.severity, "2.0.0" in found.fix) == (2, "version", "warning", True)
    draft = begin_draft(workspace, text=text, actor=creator)
    shown = client_of(creator).get(draft.get_absolute_url()).content.decode()
    assert "is too low. Beside 1.0.0" in shown
    assert found in checked_for(workspace, text, {}, "Orbit Works").findings
    assert codes(text, context=Context("Somebody else")).count("version-too-low") == 0
    (tmp_path / "manifest.yaml").write_text(text)
    out = io.StringIO()
    call_command("extension", "check", str(tmp_path), "--json", stdout=out)
    assert "version-too-low" in {one["code"] for one in json.loads(out.getvalue())["findings"]}


def test_thousands_of_slips_are_counted_and_not_listed_nor_looked_up(as_htmx, workspace, creator):
    """The work is bounded with the list: no near word is looked for once a finding is only counted."""
    text = TEXTS["rest"] + "".join(f"sumary{at}: x\n" for at in range(5_000))
    checked = check(text)
    assert len(checked.findings) == MAX_FINDINGS + 1 and not checked.is_publishable
    last = checked.findings[-1]
    assert (last.code, last.message) == ("more-findings", "And 4,900 more that are not listed.")
    findings = Findings()
    for at in range(MAX_FINDINGS):
        assert findings.nearest("sumary", ["summary"]) == "summary"
        findings.add("unknown-key", Text("sumary", at + 1, 1), f"sumary{at}")
    assert findings.nearest("sumary", ["summary"]) is None
    draft = begin_draft(workspace, text=TEXTS["rest"], actor=creator)
    place = reverse("workshop:draft-check", args=[workspace.slug, draft.pk])
    page = as_htmx(creator).post(place, {"text": text, "revision": 1}).text
    assert "And 4,900 more that are not listed." in page and page.count('class="findings__one') == MAX_FINDINGS + 1


def test_a_list_keeps_what_stops_something_before_what_is_only_worth_a_look():
    errors = [Finding("leaked-secret", at, 1, f"m{at}", "f", "error") for at in range(1, 151)]
    remarks = [Finding("possible-secret", at, 2, f"m{at}", "f", "warning") for at in range(1, 151)]
    found = bounded([*remarks, *errors], left_out=7)
    assert [one for one in found if one.severity == "error"] == bounded(errors)
    assert len(found) == MOST_FINDINGS + 1 and found[-1].message == "And 107 more that are not listed."
    assert bounded(errors[:3]) == bounded(bounded(errors[:3])) and len(bounded(errors[:3])) == 3
