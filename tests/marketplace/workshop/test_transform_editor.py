"""A transform as a chain of operations: edited by form, and tried on its sample while one edits."""

import pytest
from django.urls import reverse

from marketplace.workshop.drafts import begin_draft, save_draft
from marketplace.workshop.field_values import values_of
from marketplace.workshop.starters import TEXTS
from marketplace.workshop.transform_chain import _KINDS, TITLES, WHOLE, arguments_of
from marketplace.workshop.transform_preview import preview_of
from registry.manifests import read
from registry.manifests.operations import OPERATIONS
from registry.manifests.shapes import Shape
from tests.filling import fields_of

CHAIN = """\
transform: my.lead
version: 0.1.0
name: My lead
summary: Puts a lead in order.
inputs: { name: name, phone: phone?, created: string, mail: email? }
outputs: { full_name: name, phone: phone?, created: date, mail: string? }
steps:
  - normalize_date: { field: created, timezone: UTC }
  - normalize_phone: { field: phone, region: US }
  - normalize_text: { field: name, case: title, trim: true }
  - map_fields: { full_name: name }
  - redact: { classes: [email], mode: mask }
  - { op: enrich, args: { field: full_name, table: { Ada: [1, two] }, into: mail, default: ada@example.com } }
  - validate: outputs
fixtures:
  happy:
    inputs: { name: " ada   LOVELACE ", phone: "(415) 555-0132", created: 3 Jan 2026 4pm }
    outputs: { full_name: Ada Lovelace, phone: "+14155550132", created: "2026-01-03", mail: ada@example.com }
"""


def url(draft):
    return reverse("workshop:transform-editor", args=["meridian", draft.pk])


@pytest.fixture
def draft(workspace, creator):
    return begin_draft(workspace, text=CHAIN, actor=creator)


@pytest.fixture
def browser(client_of, creator):
    return client_of(creator)


def shown(browser, draft):
    answer = browser.get(url(draft))
    assert answer.status_code == 200
    return fields_of(answer.text, "transform-form")


def digest(text):
    manifest = read(text).manifest
    assert manifest, [one.message for one in read(text).findings]
    return manifest.digest


def test_every_argument_of_every_operation_has_a_field():
    assert TITLES.keys() == OPERATIONS.keys()
    for op, reader in OPERATIONS.items():
        names = {key.name for key in reader.keys} if isinstance(reader, Shape) else {WHOLE}
        assert {one.name for one in arguments_of(op)} == names
        assert names <= _KINDS.keys() | {WHOLE}


@pytest.mark.parametrize("text", [CHAIN, TEXTS["transform"]])
def test_saving_what_nobody_touched_means_the_same(browser, workspace, creator, text):
    draft = begin_draft(workspace, text=text, actor=creator)
    answer = browser.post(url(draft), shown(browser, draft) | {"do": "save"})
    assert (answer.status_code, answer.url) == (302, url(draft)), answer.text
    draft.refresh_from_db()
    assert digest(draft.text) == digest(text)


def test_shipped_transforms_are_shown_and_saved_as_they_are(browser, workspace, creator, settings):
    for path in sorted(settings.BASE_DIR.glob("catalog/transforms/*/manifest.yaml")):
        draft = begin_draft(workspace, text=path.read_text(), actor=creator)
        assert browser.post(url(draft), shown(browser, draft) | {"do": "save"}).status_code == 302, path
        draft.refresh_from_db()
        assert digest(draft.text) == digest(path.read_text()), path


def test_a_chain_is_built_without_a_word_of_yaml(browser, workspace, creator):
    text = "transform: my.small\nversion: 0.1.0\nname: Small\nsteps: [{ validate: outputs }]\n"
    draft = begin_draft(workspace, text=text, actor=creator)
    sent = shown(browser, draft) | {
        "inputs": "amount: string",
        "outputs": "amount: number, other: string?".replace(", ", "\n"),
    }
    sent = fields_of(
        browser.post(url(draft), sent | {"do": "add", "add-op": "normalize_number"}).text, "transform-form"
    )
    sent |= {"o1-arg-field": "amount", "o1-arg-decimals": "2", "o1-arg-decimal_sign": ","}
    sent = fields_of(browser.post(url(draft), sent | {"do": "up-1"}).text, "transform-form")
    sent |= {"sample": "amount: 1.234,567", "do": "accept"}
    page = browser.post(url(draft), sent).text
    assert "The result is the example now." in page
    answer = browser.post(url(draft), fields_of(page, "transform-form") | {"do": "save"})
    assert answer.status_code == 302, answer.text
    draft.refresh_from_db()
    assert values_of(draft.text) == {
        "transform": "my.small",
        "version": "0.1.0",
        "name": "Small",
        "steps": [
            {"normalize_number": {"field": "amount", "decimal_sign": ",", "decimals": 2}},
            {"validate": "outputs"},
        ],
        "inputs": {"amount": "string"},
        "outputs": {"amount": "number", "other": "string?"},
        "fixtures": {"happy": {"inputs": {"amount": "1.234,567"}, "outputs": {"amount": 1234.57}}},
    }


def test_each_operation_shows_the_record_before_and_behind_it(browser, draft):
    page = browser.get(url(draft)).text
    assert "<del>3 Jan 2026 4pm</del> <ins>2026-01-03</ins>" in page
    assert "<del>(415) 555-0132</del> <ins>+14155550132</ins>" in page
    assert "full_name, out</dt><dd>name" in page
    assert "Take this as the example" not in page


def test_where_the_sample_is_refused_is_told_at_its_operation(browser, draft):
    sent = shown(browser, draft) | {"sample": "name: Ada\ncreated: 01/02/2026", "do": "check"}
    page = browser.post(url(draft), sent).text
    assert "Operation 1 refuses it." in page
    draft.refresh_from_db()
    assert draft.revision == 1


def test_while_one_types_the_preview_and_the_findings_follow(as_htmx, creator, draft, browser):
    sent = shown(browser, draft) | {"o2-arg-case": "upper", "do": "save"}
    part = as_htmx(creator).post(f"{url(draft)}?typing=1", sent).text
    assert part.lstrip().startswith("<div") or 'id="preview"' in part[:400]
    assert "<ins>ADA LOVELACE</ins>" in part and "Take this as the example" in part
    assert 'id="findings" hx-swap-oob="true"' in part and 'id="transform-form"' not in part


def test_what_is_wrong_stands_beside_its_argument(browser, draft):
    sent = shown(browser, draft) | {"o1-arg-region": "XX", "o4-arg-mode": "", "o3-arg-whole": "full_name: nosuch"}
    answer = browser.post(url(draft), sent | {"do": "save"})
    assert answer.status_code == 422
    assert "is no region" in answer.text and "no field" in answer.text
    assert fields_of(answer.text, "transform-form")["o1-arg-region"] == "XX"


def test_operations_go_and_come_back(browser, draft):
    answer = browser.post(url(draft), shown(browser, draft) | {"do": "remove-5"})
    gone = fields_of(answer.text, "transform-form")
    assert gone["ops-total"] == "6"
    back = fields_of(browser.post(url(draft), gone | {"do": "undo"}).text, "transform-form")
    down = fields_of(browser.post(url(draft), back | {"do": "down-0"}).text, "transform-form")
    up = fields_of(browser.post(url(draft), down | {"do": "up-1"}).text, "transform-form")
    browser.post(url(draft), up | {"do": "save"})
    draft.refresh_from_db()
    assert digest(draft.text) == digest(CHAIN)


def test_who_saved_meanwhile_is_told(browser, draft, admin):
    sent = shown(browser, draft) | {"o2-arg-case": "upper"}
    save_draft(draft, text=CHAIN.replace("My lead", "Theirs"), revision=1, actor=admin)
    answer = browser.post(url(draft), sent | {"do": "save"})
    assert answer.status_code == 409
    assert fields_of(answer.text, "transform-form")["o2-arg-case"] == "upper"


@pytest.mark.parametrize("odd", ["a\0b", "x" * 30_000, "[", "{a"])
def test_odd_text_is_refused_and_breaks_nothing(browser, draft, odd):
    """What the form shows is read again where it was saved; else it is what it was."""
    sent = shown(browser, draft)
    for name in (
        "o0-op",
        "o0-was",
        "o0-arg-field",
        "ops-total",
        "inputs",
        "outputs",
        "sample",
        "removed",
        "example",
        "add-op",
    ):
        for act in ("save", "check", "accept", "add", "undo", "up-1", odd[:9]):
            answer = browser.post(url(draft), sent | {name: odd, "do": act})
            assert answer.status_code in (200, 302, 422, 409), (name, act)
            if answer.status_code in (302, 409):
                sent = shown(browser, draft)


def test_a_sample_is_tried_within_bounds(draft):
    manifest = read(CHAIN.replace('" ada   LOVELACE "', f'"{"x" * 30_000}"')).manifest
    assert "too large" in preview_of(manifest, draft.workspace_id).problem
    bare = read(CHAIN[: CHAIN.index("fixtures:")]).manifest
    assert "no sample" in preview_of(bare, draft.workspace_id).problem
    unfit = read(CHAIN.replace("created: 3 Jan 2026 4pm", "created: [1]")).manifest
    assert "does not fit" in preview_of(unfit, draft.workspace_id).problem


def test_what_is_no_chain_is_edited_as_text(browser, workspace, creator):
    draft = begin_draft(workspace, text=TEXTS["rest"], actor=creator)
    assert "cannot be shown as a form" in browser.get(url(draft)).text
    assert browser.post(url(draft), {"do": "save"}).status_code == 422
