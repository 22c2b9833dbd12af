"""One run: its figures, trace, values and reasons; live while it goes on, still once it is over."""

import re
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import translation

from galaxy.core.models import AuditEvent
from policies.services.approvals import request_approval
from registry.services import uninstall
from sandbox.models import Run
from tests.extensions import PACK, PROBE, TIDY, installed
from tests.playhouse import staged
from tests.sandbox.run_rows import make_decision, make_outcome, make_run, make_span

HOSTILE = '"><script>alert(1)</script>'


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE)[0]


@pytest.fixture
@staged
def pack(workspace, admin, probe):
    return installed(workspace, admin, TIDY, PACK)[-1]


def text_of(response) -> str:
    return response.content.decode()


def test_a_simulated_run_looks_simulated_everywhere(client_of, admin, workspace, pack):
    run = make_run(workspace, pack, admin, scenario="429")
    make_outcome(run)
    body = text_of(client_of(admin).get(run.get_absolute_url()))
    assert "<title>[Sim] probe.flow" in body
    assert "Nothing here reaches a live system." in body
    for words in ("no live system", "not counted", "429, then OK", "5f0c", "Simulated, so it is not counted."):
        assert words in body


def test_a_live_run_has_no_band_and_its_outcome_counts(client_of, admin, workspace, pack):
    run = make_run(workspace, pack, admin, mode="live", scenario="")
    make_outcome(run)
    body = text_of(client_of(admin).get(run.get_absolute_url()))
    assert "[Sim]" not in body and "simband" not in body
    assert "counted for this week" in body


def test_spans_stand_in_a_table_with_bars_on_one_scale(client_of, admin, workspace, probe):
    run = make_run(workspace, probe, admin, target="probe.put")
    make_span(run, "run probe.put", took_ms=400, id=run.pk, parent_id=None, kind="run")
    make_span(run, "attempt 1", start_ms=100, took_ms=100, kind="attempt", status="error", attributes={"status": 503})
    make_span(run, "back-off", start_ms=200, took_ms=100, kind="wait", status="waited")
    body = text_of(client_of(admin).get(run.get_absolute_url()))
    assert "3, none missing" in body
    assert '<rect class="fail" x="25.00%" y="13" width="25.00%"' in body
    assert '<rect class="wait" x="50.00%"' in body
    assert "503" in body and "Waited" in body


def test_numbers_in_drawings_keep_their_point_in_any_language(client_of, admin, workspace, probe, settings):
    settings.USE_I18N = settings.USE_THOUSAND_SEPARATOR = True
    settings.LANGUAGE_CODE = "de"
    run = make_run(workspace, probe, admin)
    make_span(run, "run", took_ms=7000, id=run.pk, parent_id=None)
    make_span(run, "call", start_ms=1234.5, took_ms=1234.5)
    with translation.override("de"):
        body = text_of(client_of(admin).get(run.get_absolute_url()))
    drawings = re.findall(r"<svg class=\"(?:wf|ruler)\".*?</svg>", body, re.DOTALL)
    numbers = re.findall(r' (?:x|y|width|height|rx|x1|x2|y1|y2)="([^"]*)"', "".join(drawings))
    assert len(numbers) > 20
    assert [one for one in numbers if not re.fullmatch(r"\d+(\.\d+)?%?", one)] == []


def test_missing_spans_are_said_aloud(client_of, admin, workspace, probe):
    run = make_run(workspace, probe, admin)
    make_span(run, "lost child", parent_id=uuid4())
    body = text_of(client_of(admin).get(run.get_absolute_url()))
    assert "1, 1 missing" in body
    assert "1 span never arrived" in body


def test_a_span_opens_below_its_row_by_a_plain_link(client_of, as_htmx, admin, workspace, probe):
    run = make_run(workspace, probe, admin, inputs={"key": "k1"}, outputs={"id": "thing-1"})
    span = make_span(run, "run probe", id=run.pk, parent_id=None, attributes={"per_minute": 120})
    closed = text_of(client_of(admin).get(run.get_absolute_url()))
    assert f"?span={span.pk}#span-{span.pk}" in closed and "span-open" not in closed
    for client in (client_of(admin), as_htmx(admin)):
        opened = text_of(client.get(f"{run.get_absolute_url()}?span={span.pk}"))
        assert opened.count('class="span-open"') == 1
        assert "Per minute" in opened and 'id="span-out"' in opened
        assert f'id="span-{span.pk}" href="{run.get_absolute_url()}#trace"' in opened


@pytest.mark.parametrize("asked", ["nonsense", "00000000-0000-4000-8000-000000000000", "' OR 1=1"])
def test_a_span_that_is_not_there_opens_nothing(client_of, admin, workspace, probe, asked):
    run = make_run(workspace, probe, admin)
    make_span(run, "call")
    response = client_of(admin).get(run.get_absolute_url(), {"span": asked})
    assert response.status_code == 200
    assert "span-open" not in text_of(response)


def test_a_failure_says_what_happened_and_what_to_do(client_of, admin, workspace, probe):
    error = {
        "error_code": "http_503",
        "status": 503,
        "attempts": 3,
        "last_endpoint": "PUT /things",
        "sentence": "Probe did not answer.",
        "next_step": "Run it again in a few minutes.",
    }
    run = make_run(workspace, probe, admin, state="failed", error=error)
    body = text_of(client_of(admin).get(run.get_absolute_url()))
    for words in (
        "Probe did not answer.",
        "Run it again in a few minutes.",
        "http_503",
        "503",
        "PUT /things",
        "Transient",
    ):
        assert words in body


def test_the_receipt_says_why_and_what_would_pass(client_of, admin, workspace, probe):
    reason = {"code": "no", "text": "Mia may not write.", "passes_if": "They hold the grant", "who": "An owner"}
    decision = make_decision(workspace, effect="deny", reasons=[reason], policy_version=7)
    run = make_run(workspace, probe, admin, state="failed", error_category="policy_block", decision=decision)
    body = text_of(client_of(admin).get(run.get_absolute_url()))
    for words in ("Denied", "Mia may not write.", "They hold the grant", "An owner can see to it", "version 7"):
        assert words in body


def test_values_are_told_for_people_and_as_json(client_of, admin, workspace, probe):
    outputs = {"ok": True, "person": {"name": "a***"}, "tags": ["a", "b"], "rows": [{"x": 1}], "items": 3}
    run = make_run(workspace, probe, admin, outputs=outputs)
    body = text_of(client_of(admin).get(run.get_absolute_url()))
    for name, words in (
        ("ok", "Yes"),
        ("person.name", "a***"),
        ("tags", "a, b"),
        ("rows", "1 entries"),
        ("items", "3"),
    ):
        assert f"<dt>{name}</dt><dd>{words}</dd>" in body
    assert '<pre tabindex="0" id="outputs">' in body


def test_a_pack_shows_its_plan_and_where_each_step_stands(client_of, admin, workspace, pack):
    run = make_run(workspace, pack, admin, state="running")
    first = make_run(workspace, pack, admin, parent=run, step_id="tidy", target="probe.tidy")
    body = text_of(client_of(admin).get(run.get_absolute_url()))
    assert f'href="{first.get_absolute_url()}">tidy</a>' in body
    assert "1 of 4 done" in body and body.count('<span class="muted">Not started</span>') == 3
    over = make_run(workspace, pack, admin)
    assert text_of(client_of(admin).get(over.get_absolute_url())).count('<span class="muted">Left out</span>') == 4
    failed = make_run(workspace, pack, admin, state="failed")
    assert text_of(client_of(admin).get(failed.get_absolute_url())).count('<span class="muted">Not reached</span>') == 4


def test_a_step_has_the_same_page_with_its_own_part_of_the_trace(client_of, admin, workspace, pack):
    run = make_run(workspace, pack, admin)
    step = make_run(workspace, pack, admin, parent=run, step_id="tidy", target="probe.tidy", kind="transform")
    make_span(run, "run probe.flow", id=run.pk, parent_id=None)
    make_span(step, "run probe.tidy", id=step.pk, parent_id=run.pk)
    body = text_of(client_of(admin).get(step.get_absolute_url()))
    assert "1, none missing" in body and "run probe.flow" not in body
    assert f'href="{run.get_absolute_url()}"' in body and "as step “tidy”" in body


def test_a_run_that_goes_on_asks_for_news_and_a_finished_one_does_not(client_of, admin, workspace, pack):
    going, over = make_run(workspace, pack, admin, state="running"), make_run(workspace, pack, admin)
    live = text_of(client_of(admin).get(going.get_absolute_url()))
    assert 'hx-trigger="every 1s"' in live
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in live
    still = text_of(client_of(admin).get(over.get_absolute_url()))
    assert "every 1s" not in still and "http-equiv" not in still


def test_a_poll_without_news_is_empty_and_the_last_one_announces_the_end(as_htmx, admin, workspace, pack):
    run = make_run(workspace, pack, admin, state="running")
    first = as_htmx(admin).get(run.get_absolute_url())
    assert b"<!doctype html>" not in first.content and "HX-Request" in first["Vary"]
    ask_again = re.search(r'hx-get="([^"]+)"', text_of(first))[1].replace("&amp;", "&")
    assert as_htmx(admin).get(ask_again).status_code == 204
    Run.objects.filter(pk=run.pk).update(state="succeeded", lease_until=None, finished_at=run.created_at)
    last = as_htmx(admin).get(ask_again)
    assert (last.status_code, "every 1s" in text_of(last)) == (200, False)
    assert 'hx-swap-oob="innerHTML">Probe flow succeeded.</div>' in text_of(last)
    assert "<title>[Sim] probe.flow, succeeded · Galaxy</title>" in text_of(last)


def test_an_open_span_stays_open_through_a_poll(as_htmx, admin, workspace, probe):
    run = make_run(workspace, probe, admin, state="running")
    span = make_span(run, "policy.evaluate")
    opened = text_of(as_htmx(admin).get(f"{run.get_absolute_url()}?span={span.pk}"))
    assert f"&amp;span={span.pk}" in re.search(r'id="run" hx-get="([^"]+)"', opened)[1]


def test_a_waiting_run_leads_to_its_request_also_when_a_step_waits(client_of, admin, workspace, pack):
    run = make_run(workspace, pack, admin, state="waiting")
    approval = request_approval(
        workspace,
        subject_kind="run",
        subject_id=uuid4(),
        bound={"inputs": "d"},
        summary="Remove a thing",
        facts={},
        requested_by=admin,
    )
    make_run(workspace, pack, admin, parent=run, step_id="drop", state="waiting", approval=approval)
    body = text_of(client_of(admin).get(run.get_absolute_url()))
    assert f'href="{approval.get_absolute_url()}"' in body and "Remove a thing" in body


def test_whoever_asked_may_cancel_before_a_worker_has_it(client_of, member, workspace, probe):
    run = make_run(workspace, probe, member, state="queued")
    path = f"{run.get_absolute_url()}cancellation/"
    assert path in text_of(client_of(member).get(run.get_absolute_url()))
    assert client_of(member).get(path).status_code == 405
    response = client_of(member).post(path)
    run.refresh_from_db()
    assert (response.status_code, response["Location"], run.state) == (302, run.get_absolute_url(), "cancelled")
    assert AuditEvent.objects.filter(action="run.cancelled", target_id=str(run.pk)).count() == 1
    assert path not in text_of(client_of(member).get(run.get_absolute_url()))


def test_others_cannot_cancel_it(client_of, member, creator, approver, workspace, probe):
    run = make_run(workspace, probe, member, state="queued")
    path = f"{run.get_absolute_url()}cancellation/"
    assert client_of(creator).post(path).status_code == 404
    assert client_of(approver).post(path).status_code == 403
    assert path not in text_of(client_of(approver).get(run.get_absolute_url()))
    run.refresh_from_db()
    assert run.state == "queued"


def test_an_unknown_effect_is_settled_by_a_person_who_says_how_they_know(client_of, admin, workspace, probe):
    run = make_run(
        workspace, probe, admin, state="unknown", error_category="transient", error={"sentence": "It was cut off."}
    )
    path = f"{run.get_absolute_url()}settlement/"
    body = text_of(client_of(admin).get(run.get_absolute_url()))
    assert f'action="{path}"' in body and "It was cut off." in body
    unsaid = client_of(admin).post(path, {"happened": "yes", "note": "  "})
    assert (unsaid.status_code, "id_note-error" in text_of(unsaid)) == (422, True)
    response = client_of(admin).post(path, {"happened": "no", "note": "I looked it up."})
    run.refresh_from_db()
    assert (response.status_code, run.state) == (302, "failed")
    assert AuditEvent.objects.filter(action="run.settled", target_id=str(run.pk)).count() == 1
    assert client_of(admin).post(path, {"happened": "yes", "note": "Again."}).status_code == 409
    assert path not in text_of(client_of(admin).get(run.get_absolute_url()))


@pytest.mark.parametrize(("happened", "words"), [("yes", "it took effect"), ("no", "it had no effect")])
def test_a_settled_run_says_who_settled_it_and_how(client_of, admin, workspace, probe, happened, words):
    error = {"sentence": "It was cut off.", "next_step": "Look into the other system."}
    run = make_run(workspace, probe, admin, state="unknown", error_category="transient", error=error)
    client_of(admin).post(f"{run.get_absolute_url()}settlement/", {"happened": happened, "note": "I looked it up."})
    body = text_of(client_of(admin).get(run.get_absolute_url()))
    assert f"{admin} settled it: {words}." in body and "Look into the other system." not in body
    assert ("It was cut off." in body) is (happened == "no")


def test_settling_is_for_those_who_may_write(client_of, approver, creator, admin, workspace, probe):
    run = make_run(workspace, probe, admin, state="unknown", error_category="transient")
    path = f"{run.get_absolute_url()}settlement/"
    body = text_of(client_of(approver).get(run.get_absolute_url()))
    assert f'action="{path}"' not in body and "Needs “Run extensions that write”" in body
    said = {"happened": "yes", "note": "I saw it."}
    assert client_of(approver).post(path, said).status_code == 403
    assert client_of(creator).post(path, said).status_code == 404
    run.refresh_from_db()
    assert run.state == "unknown"


def test_run_again_is_offered_while_it_is_installed(client_of, admin, auditor, workspace, probe):
    run = make_run(workspace, probe, admin, target="probe.put")
    again = f"runs/new/?target=probe.put&amp;from={run.pk}"
    assert again in text_of(client_of(admin).get(run.get_absolute_url()))
    refused = text_of(client_of(auditor).get(run.get_absolute_url()))
    assert again not in refused and "Needs “" in refused
    uninstall(probe, actor=admin)
    assert again not in text_of(client_of(admin).get(run.get_absolute_url()))


def test_who_may_not_see_it_finds_nothing(client_of, creator, stranger, member, workspace, other_workspace, probe):
    run = make_run(workspace, probe, member)
    assert client_of(creator).get(run.get_absolute_url()).status_code == 404
    assert client_of(stranger).get(run.get_absolute_url()).status_code == 404
    elsewhere = run.get_absolute_url().replace(workspace.slug, other_workspace.slug)
    assert client_of(stranger).get(elsewhere).status_code == 404


def test_the_page_asks_as_often_for_sixty_spans_as_for_five(client_of, admin, workspace, pack):
    client = client_of(admin)
    run = make_run(workspace, pack, admin)

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(run.get_absolute_url()).status_code == 200
        return len(asked)

    for number in range(5):
        make_span(run, f"s{number}")
    queries()  # the first page of a session also notes who came
    few = queries()
    for number in range(55):
        make_span(run, f"t{number}")
    for step in ("tidy", "make", "look"):
        make_run(workspace, pack, admin, parent=run, step_id=step)
    assert queries() == few
    assert few <= 25


def test_nothing_that_others_wrote_is_markup(client_of, admin, workspace, probe):
    decision = make_decision(workspace, reasons=[{"code": "x", "text": HOSTILE, "passes_if": HOSTILE, "who": HOSTILE}])
    run = make_run(
        workspace, probe, admin, target=HOSTILE, state="failed", decision=decision,
        inputs={HOSTILE: HOSTILE}, outputs={"list": [HOSTILE]}, chain=[{"kind": "person", "id": "1", "label": HOSTILE}],
        error={"sentence": HOSTILE, "next_step": HOSTILE, "last_endpoint": HOSTILE, "error_code": HOSTILE},
    )  # fmt: skip
    span = make_span(run, HOSTILE, status="error", attributes={HOSTILE: HOSTILE})
    body = text_of(client_of(admin).get(f"{run.get_absolute_url()}?span={span.pk}"))
    assert "<script>alert" not in body
    assert body.count("&lt;script&gt;alert(1)") > 10
