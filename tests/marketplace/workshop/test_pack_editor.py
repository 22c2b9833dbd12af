"""Building a pack by form: what its fields say becomes the draft's text, and what is wrong stands beside its field."""

import json

import pytest
from django.urls import reverse

from marketplace.workshop.drafts import begin_draft, save_draft
from marketplace.workshop.field_values import values_of
from registry.manifests import read
from registry.models import Installation, Version
from sandbox.models import Run
from tests.extensions import PACK, PROBE, TIDY, installed
from tests.filling import fields_of
from tests.playhouse import staged

MINE = """\
pack: my.round
version: 0.1.0
name: My round
summary: Makes a thing of each name.
publisher: orbit
timeout_ms: 60000
requires: { probe: ^1.0, probe.tidy: ^1.0 }
inputs: { names: "string[]", on: date, owner: email?, note: name }
steps:
  - { id: tidy, use: probe.tidy, with: { name: inputs.note, on: inputs.on } }
  - id: make
    use: probe.create
    each: inputs.names
    most: 20
    with: { key: item, owner: inputs.owner }
    on_failure: skip
  - id: look
    use: probe.look_up
    when: "steps.tidy.title == 'Ada'"
    with: { key: "join('-', [steps.tidy.title, 'x'])" }
outcome: { name: things_made, success: "length(steps.make) > `0`", signal: downstream_state }
sample: { inputs: { names: [a, b], on: "2026-01-02", note: Ada } }
"""


def url(draft):
    return reverse("workshop:pack-editor", args=["meridian", draft.pk])


@pytest.fixture
@staged
def parts(workspace, admin):
    return installed(workspace, admin, PROBE, TIDY)


@pytest.fixture
def draft(workspace, creator, parts):
    return begin_draft(workspace, text=MINE, actor=creator)


@pytest.fixture
def browser(client_of, creator):
    return client_of(creator)


def page_of(browser, draft):
    answer = browser.get(url(draft))
    assert answer.status_code == 200
    return answer.text


def shown(browser, draft):
    return fields_of(page_of(browser, draft), "pack-form")


def digest(text):
    manifest = read(text).manifest
    assert manifest, [one.message for one in read(text).findings]
    return manifest.digest


@pytest.mark.parametrize("text", [MINE, PACK.replace("probe.flow", "my.flow")])
def test_saving_what_nobody_touched_means_the_same(browser, workspace, creator, parts, text):
    draft = begin_draft(workspace, text=text, actor=creator)
    answer = browser.post(url(draft), shown(browser, draft) | {"do": "save"})
    assert (answer.status_code, answer.url) == (302, url(draft)), answer.text
    draft.refresh_from_db()
    assert digest(draft.text) == digest(text)


def test_shipped_packs_are_shown_and_saved_as_they_are(browser, workspace, creator, settings):
    for path in sorted(settings.BASE_DIR.glob("catalog/packs/*/manifest.yaml")):
        text = path.read_text()
        draft = begin_draft(workspace, text=text, actor=creator)
        answer = browser.post(url(draft), shown(browser, draft) | {"do": "save"})
        assert answer.status_code == 302, path
        draft.refresh_from_db()
        assert digest(draft.text) == digest(text), path


def test_a_pack_is_built_without_a_word_of_yaml(browser, workspace, creator, parts):
    text = "pack: my.first\nversion: 0.1.0\nsteps: [{ id: tidy, use: probe.tidy }]\nrequires: { probe.tidy: ^1.0 }\n"
    draft = begin_draft(workspace, text=text, actor=creator)
    sent = shown(browser, draft)
    sent = fields_of(browser.post(url(draft), sent | {"do": "add-input"}).text, "pack-form")
    sent |= {"i0-name": "title", "i0-class": "name", "i0-sample": "Ada"}
    sent = fields_of(browser.post(url(draft), sent | {"do": "add-step", "add-use": "probe.create"}).text, "pack-form")
    assert sent["s1-use"] == "probe.create" and sent["s1-id"] == "create"
    sent |= {"s0-in-name-how": "inputs.title", "s0-in-on-how": "=fixed", "s0-in-on-text": "2026-01-02"}
    sent |= {"s1-in-key-how": "steps.tidy.title", "s1-when-of": "steps.tidy.title", "s1-when-test": "equals"}
    sent |= {"s1-when-value": "Ada's", "s1-on_failure": "undo", "s1-timeout_ms": "5000"}
    sent |= {
        "outcome-name": "thing_made",
        "outcome-signal": "downstream_state",
        "outcome-success-of": "steps.create.id",
    }
    answer = browser.post(url(draft), sent | {"do": "save"})
    assert answer.status_code == 302, answer.text
    draft.refresh_from_db()
    assert values_of(draft.text) == {
        "pack": "my.first",
        "version": "0.1.0",
        "requires": {"probe.tidy": "^1.0", "probe": "^1.0"},
        "inputs": {"title": "name"},
        "sample": {"inputs": {"title": "Ada"}},
        "steps": [
            {"id": "tidy", "use": "probe.tidy", "with": {"name": "inputs.title", "on": "'2026-01-02'"}},
            {
                "id": "create",
                "use": "probe.create",
                "when": "steps.tidy.title == 'Ada\\'s'",
                "with": {"key": "steps.tidy.title"},
                "timeout_ms": 5000,
                "on_failure": "undo",
            },
        ],
        "outcome": {"name": "thing_made", "success": "steps.create.id", "signal": "downstream_state"},
    }


def test_what_there_is_to_point_at_has_type_class_and_sample(browser, draft):
    page = page_of(browser, draft)
    assert "steps.tidy.title (text, name): Ada" in page
    assert "inputs.owner (text, may be missing, email)" in page
    assert "inputs.note (text, name): Ada" in page
    assert "item (text): a" in page
    assert "steps.make (list)" in page


def test_what_is_wrong_stands_beside_its_field(browser, draft):
    sent = shown(browser, draft) | {
        "s0-in-name-how": "",
        "s2-in-key-how": "=expression",
        "s2-in-key-text": "steps.tidy.ttle",
    }
    page = browser.post(url(draft), sent | {"do": "check"}).text
    assert "“name” is needed, and nothing is given for it." in page
    assert "<code>steps.tidy</code> has no field “ttle”. Did you mean title?" in page
    draft.refresh_from_db()
    assert draft.revision == 1


def test_a_name_that_cannot_be_is_said_at_the_name(browser, draft):
    sent = shown(browser, draft) | {"s0-id": "Not So", "outcome-name": "", "s2-timeout_ms": "5"}
    page = browser.post(url(draft), sent | {"do": "check"}).text
    for field in ("s0-id", "outcome-name", "s2-timeout_ms"):
        assert f'aria-describedby="{field}-error"' in page and f'id="{field}-error"' in page
    assert "to correct, marked where it stands." in page


def test_an_expression_that_cannot_be_read_is_kept_and_not_saved(browser, draft):
    sent = shown(browser, draft) | {"s2-in-key-how": "=expression", "s2-in-key-text": "join("}
    answer = browser.post(url(draft), sent | {"do": "save"})
    assert answer.status_code == 422
    assert "Not saved." in answer.text
    assert fields_of(answer.text, "pack-form")["s2-in-key-text"] == "join("
    draft.refresh_from_db()
    assert draft.revision == 1


def test_steps_move_and_come_back(browser, draft):
    sent = shown(browser, draft)
    moved = fields_of(browser.post(url(draft), sent | {"do": "up-1"}).text, "pack-form")
    assert [moved[f"s{at}-id"] for at in range(3)] == ["make", "tidy", "look"]
    answer = browser.post(url(draft), moved | {"do": "remove-1"})
    assert "is out of the list" in answer.text and "Put it back" in answer.text
    gone = fields_of(answer.text, "pack-form")
    assert gone["steps-total"] == "2" and json.loads(gone["requires"]) == {"probe": "^1.0"}
    back = fields_of(browser.post(url(draft), gone | {"do": "undo"}).text, "pack-form")
    assert [back[f"s{at}-id"] for at in range(3)] == ["make", "tidy", "look"]
    assert json.loads(back["requires"]) == {"probe": "^1.0", "probe.tidy": "^1.0"}
    again = fields_of(browser.post(url(draft), back | {"do": "down-0"}).text, "pack-form")
    browser.post(url(draft), again | {"do": "save"})
    draft.refresh_from_db()
    assert digest(draft.text) == digest(MINE)


def test_an_input_goes_and_comes_back(browser, draft):
    gone = fields_of(browser.post(url(draft), shown(browser, draft) | {"do": "remove-input-3"}).text, "pack-form")
    assert gone["inputs-total"] == "3"
    back = fields_of(browser.post(url(draft), gone | {"do": "undo"}).text, "pack-form")
    browser.post(url(draft), back | {"do": "save"})
    draft.refresh_from_db()
    assert digest(draft.text) == digest(MINE)


def test_a_step_that_calls_nothing_is_told_with_the_nearest_name(browser, draft):
    answer = browser.post(url(draft), shown(browser, draft) | {"do": "default", "add-use": "probe.crate"})
    assert answer.status_code == 422
    assert "Did you mean probe.create?" in answer.text


def test_enter_in_a_field_saves(browser, draft):
    answer = browser.post(url(draft), shown(browser, draft) | {"do": "default", "s0-summary": "Tidies"})
    assert answer.status_code == 302
    draft.refresh_from_db()
    assert values_of(draft.text)["steps"][0]["summary"] == "Tidies"


def test_who_saved_meanwhile_is_told_and_nothing_is_lost(browser, draft, admin):
    sent = shown(browser, draft) | {"s0-summary": "Mine"}
    save_draft(draft, text=MINE.replace("My round", "Theirs"), revision=1, actor=admin)
    answer = browser.post(url(draft), sent | {"do": "save"})
    assert answer.status_code == 409
    assert fields_of(answer.text, "pack-form")["s0-summary"] == "Mine"
    draft.refresh_from_db()
    assert "Theirs" in draft.text


@pytest.mark.parametrize("odd", ["a\0b", "x" * 30_000])
def test_odd_text_is_refused_and_breaks_nothing(browser, draft, odd):
    """What the form shows is read again where it was saved; else it is what it was."""
    sent = shown(browser, draft)
    for name in (
        "s0-id",
        "s0-in-name-text",
        "i0-name",
        "add-use",
        "outcome-name",
        "steps-total",
        "removed",
        "requires",
    ):
        for act in ("save", "check", "undo", "add-step", "up-1", odd[:9]):
            answer = browser.post(url(draft), sent | {name: odd, "do": act})
            assert answer.status_code in (200, 302, 422), (name, act)
            if answer.status_code == 302:
                sent = shown(browser, draft)


def test_what_is_no_pack_is_edited_as_text(browser, workspace, creator):
    draft = begin_draft(workspace, text=TIDY.replace("probe.tidy", "my.tidy"), actor=creator)
    assert "cannot be shown as a form" in page_of(browser, draft)
    assert browser.post(url(draft), {"do": "save"}).status_code == 422


def test_a_step_of_what_is_not_installed_keeps_what_it_is_given(browser, draft):
    Installation.objects.filter(extension__slug="probe").update(removed_at="2026-01-01T00:00:00Z")
    sent = shown(browser, draft)
    assert sent["s1-in-key-how"] == "item"
    browser.post(url(draft), sent | {"do": "save"})
    draft.refresh_from_db()
    assert digest(draft.text) == digest(MINE)


def test_the_graph_says_what_reads_what(browser, draft):
    page = page_of(browser, draft)
    assert "3 steps" in page and "graph__edge is-data is-dashed" in page
    assert "<b>look</b> calls <code>probe.look_up</code>, when" in page
    assert "reads tidy" in page


def test_what_is_saved_is_simulated_with_a_sample_for_each_step_once_it_is_installed(
    client_of, draft, admin, workspace
):
    trial = reverse("workshop:pack-trial", args=["meridian", draft.pk])
    client = client_of(admin)
    answer = client.post(trial, {"sample-look": "429"})
    version = Version.objects.get(extension__slug="my.round")
    consent = reverse("workshop:version-installation", args=["meridian", draft.pk, version.pk])
    assert (answer.status_code, answer.url) == (302, consent)
    client.post(consent)
    answer = client.post(trial, {"sample-look": "429", "sample-tidy": "", "stepwise": "1"})
    run = Run.objects.get(target="my.round")
    assert (answer.status_code, answer.url) == (302, run.get_absolute_url())
    assert (run.mode, run.scenarios, run.is_stepped) == ("simulated", {"look": "429"}, True)
    assert Version.objects.filter(extension__slug="my.round").count() == 1


def test_a_pack_without_a_sample_or_with_errors_is_not_tried(browser, workspace, creator, parts):
    for text in (MINE[: MINE.index("sample:")], MINE.replace("key: item", "kye: item")):
        draft = begin_draft(workspace, text=text, actor=creator)
        answer = browser.post(reverse("workshop:pack-trial", args=["meridian", draft.pk]))
        assert answer.status_code in (409, 422)
        assert 'role="alert"' in answer.text
