"""A draft as a form: what its text says, field by field, and the text that comes of what is typed."""

import pytest
from django.urls import reverse

from marketplace.models import Draft
from marketplace.workshop.drafts import begin_draft, save_draft
from marketplace.workshop.field_values import as_hosts, as_notation, of_hosts, of_notation, values_of
from marketplace.workshop.starters import STARTERS, TEXTS
from registry.manifests import read
from tests.filling import untouched

REST = TEXTS["rest"]
PACK = """\
pack: my-round
version: 0.1.0
name: My round
summary: Adds a task for each call.
requires: { my-tasks: ^0.1 }
inputs: { title: string }
steps:
  - { id: add, use: my-tasks.create_task, with: { title: inputs.title } }
outcome: { name: tasks_added, success: steps.add.id, signal: validated }
sample: { inputs: { title: Call Ada } }
"""
TRIGGER = """\
trigger: my-mornings
version: 0.1.0
name: My mornings
summary: Begins each morning.
source: { type: schedule, cron: "0 8 * * *", timezone: Europe/Berlin }
outputs: { at: datetime }
"""
ACTION = """\
action: my-mail.send
version: 0.1.0
name: Send
summary: Sends a mail.
auth: { type: bearer }
base_url: https://mail.example.com
egress: [mail.example.com]
method: POST
path: /send
inputs: { to: email, subject: string }
outputs: { id: string }
scopes: [my-mail.send.write]
"""
TEXT_OF = {one.value: one.text for one in STARTERS if one.text} | {"pack": PACK, "trigger": TRIGGER, "action": ACTION}


def url(draft, name="draft-fields"):
    return reverse(f"workshop:{name}", args=["meridian", draft.pk])


def begun(workspace, creator, text=REST):
    return begin_draft(workspace, text=text, actor=creator)


def sent(draft, **changed):
    return untouched(draft.text) | {"revision": draft.revision} | changed


def digest(text):
    manifest = read(text).manifest
    assert manifest, [finding.message for finding in read(text).findings]
    return manifest.digest


@pytest.mark.parametrize("text", TEXT_OF.values(), ids=TEXT_OF)
def test_saving_what_nobody_touched_means_the_same(text, client_of, workspace, creator):
    draft = begun(workspace, creator, text)
    answer = client_of(creator).post(url(draft), sent(draft))
    assert (answer.status_code, answer.url) == (302, url(draft)), answer.text
    draft.refresh_from_db()
    assert digest(draft.text) == digest(text)


@pytest.mark.parametrize("text", TEXT_OF.values(), ids=TEXT_OF)
def test_every_kind_shows_what_its_text_says(text, client_of, workspace, creator):
    page = client_of(creator).get(url(begun(workspace, creator, text))).text
    assert values_of(text)["name"] in page and values_of(text)["summary"] in page
    assert 'name="about-version" value="0.1.0"' in page and "Look here" not in page


def test_what_is_typed_is_what_the_text_says_and_its_short_forms_stay(client_of, workspace, creator):
    draft = begun(workspace, creator)
    changed = {
        "about-name": "Our tasks",
        "about-keywords": "tasks, lists",
        "connection-egress": "api.example.com GET,POST /v1\r\nfiles.example.com",
        "connection-rate_limits-rpm": "90",
        "actions-0-inputs": "title: string\r\nnotes: string[]?",
        "actions-0-errors": "401, 404, 429, 5xx",
    }
    assert client_of(creator).post(url(draft), sent(draft, **changed)).status_code == 302
    draft.refresh_from_db()
    values = values_of(draft.text)
    assert (values["name"], values["keywords"], values["rate_limits"]) == ("Our tasks", ["tasks", "lists"], {"rpm": 90})
    assert values["egress"] == [
        {"host": "api.example.com", "methods": ["GET", "POST"], "path_prefix": "/v1"}, {"host": "files.example.com"},
    ]  # fmt: skip
    action = values["actions"][0]
    assert (action["inputs"], action["errors"]) == (
        {"title": "string", "notes": "string[]?"}, [401, 404, 429, "5xx"],
    )  # fmt: skip
    assert action["outputs"] == {"id": "string", "title": "string"} and values["retry"]["max_attempts"] == 3
    assert (draft.name, draft.revision) == ("Our tasks", 2)


def test_a_field_left_empty_takes_its_value_out(client_of, workspace, creator):
    draft = begun(workspace, creator)
    assert client_of(creator).post(url(draft), sent(draft, **{"connection-rate_limits-rpm": ""})).status_code == 302
    draft.refresh_from_db()
    assert "rate_limits" not in values_of(draft.text)


def test_a_fault_stands_beside_its_field_and_nothing_is_saved(client_of, workspace, creator):
    draft = begun(workspace, creator)
    changed = {"actions-0-inputs": "title: strng", "connection-base_url": "ftp://example.com", "about-version": "one"}
    answer = client_of(creator).post(url(draft), sent(draft, **changed))
    assert answer.status_code == 422
    for name in ("actions-0-inputs", "connection-base_url", "about-version"):
        assert f'id="id_{name}-error"' in answer.text
    assert "title: strng" in answer.text and "Look here" in answer.text and "Not saved" in answer.text
    draft.refresh_from_db()
    assert (draft.text, draft.revision) == (REST, 1)


def test_an_action_is_added_and_another_removed(client_of, workspace, creator):
    draft = begun(workspace, creator)
    client = client_of(creator)
    page = client.post(url(draft), sent(draft, add="1")).text
    assert 'name="actions-1-id"' in page and 'value="2" id="id_actions-TOTAL_FORMS"' in page
    second = {
        "actions-TOTAL_FORMS": "2",
        "actions-0-DELETE": "on",
        "actions-1-id": "list_tasks",
        "actions-1-name": "List tasks",
        "actions-1-method": "GET",
        "actions-1-path": "/tasks",
        "actions-1-outputs": "items: string[]",
        "actions-1-scopes": "my-tasks.tasks.read",
    }
    answer = client.post(url(draft), sent(draft, **second))
    assert answer.status_code == 302, answer.text
    draft.refresh_from_db()
    assert [one["id"] for one in values_of(draft.text)["actions"]] == ["list_tasks"]


def test_findings_come_while_typing_and_save_nothing(client_of, workspace, creator):
    draft = begun(workspace, creator)
    changed = sent(draft, **{"actions-0-scopes": "hubspot.contacts.write", "about-licence": ""})
    answer = client_of(creator).post(url(draft, "draft-fields-check"), changed, headers={"HX-Request": "true"})
    assert answer.status_code == 200 and answer.text.lstrip().startswith('<div class="card findings" id="findings"')
    assert "licence" in answer.text and "line-" not in answer.text
    broken = client_of(creator).post(url(draft, "draft-fields-check"), sent(draft, **{"actions-0-inputs": "a: b: c"}))
    assert broken.status_code == 200 and "Not saved" in broken.text
    draft.refresh_from_db()
    assert draft.text == REST


def test_somebody_saved_meanwhile(client_of, workspace, creator):
    draft = begun(workspace, creator)
    form = sent(draft, **{"about-name": "Mine"})
    save_draft(draft, text=REST.replace("My tasks", "Theirs"), revision=1, actor=creator)
    answer = client_of(creator).post(url(draft), form)
    assert answer.status_code == 409 and 'value="Mine"' in answer.text
    draft.refresh_from_db()
    assert draft.name == "Theirs"


@pytest.mark.parametrize("text", ["connector: [", "# action: my.titles\n\ndef run(inputs, ctx):\n    return {}\n"])
def test_what_has_no_fields_says_so_and_leads_to_the_text(text, client_of, workspace, creator):
    draft = begun(workspace, creator, text)
    for answer in (client_of(creator).get(url(draft)), client_of(creator).post(url(draft), {"revision": 1})):
        assert "cannot be shown as a form" in answer.text and draft.get_absolute_url() in answer.text


def test_a_new_draft_opens_as_a_form(client_of, workspace, creator):
    answer = client_of(creator).post(
        reverse("workshop:draft-create", args=["meridian"]), {"start": "rest", "fields": "1"}
    )
    assert answer.status_code == 302 and answer.url == url(Draft.objects.get())


@pytest.mark.parametrize(
    "changed",
    [
        {"about-name": "<script>alert(1)</script>"},
        {"about-name": "nul\x00"},
        {"actions-TOTAL_FORMS": "99999999999999999999"},
        {"actions-TOTAL_FORMS": "-1"},
        {"actions-INITIAL_FORMS": "x"},
        {"actions-0-inputs": "&a [*a]"},
        {"actions-0-inputs": "a: " * 5_000},
        {"actions-0-fixtures-happy": "[" * 2_000},
        {"about-docs": "x" * 70_000},
        {"revision": "9" * 40},
        {"connection-auth-type": "oauth9"},
    ],
)
def test_hostile_values_are_refused_or_kept_as_text(changed, client_of, workspace, creator):
    draft = begun(workspace, creator)
    answer = client_of(creator).post(url(draft), sent(draft, **changed))
    assert answer.status_code in (302, 422)
    assert "<script>alert" not in client_of(creator).get(url(draft)).text and "<script>alert" not in answer.text


@pytest.mark.parametrize(
    "value",
    [
        {"title": "string", "due": "datetime?"},
        {"a": {"b": ["c", 1, None, True]}},
        [{"normalize_date": {"field": "created"}}, {"validate": "outputs"}],
        {"yes": "no", "429": "x"},
    ],
)
def test_notation_reads_what_it_writes(value):
    assert of_notation(as_notation(value)) == value


def test_hosts_read_what_they_write():
    entries = [
        {"host": "api.example.com", "methods": ["GET"], "path_prefix": "/v1"},
        {"host": "{connection.host}", "suffix": "example.com"},
        {"host": "files.example.com"},
    ]
    assert of_hosts(as_hosts(entries)) == entries
