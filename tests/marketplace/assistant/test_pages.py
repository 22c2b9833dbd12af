"""The panel that knows its page, the list of advice, and its forms; without script too."""

import re
from urllib.parse import quote

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from galaxy.core.models import AuditEvent
from marketplace.assistant.answers import QUESTIONS
from marketplace.assistant.models import Advice
from marketplace.assistant.services import renew
from marketplace.services import list_extension
from policies.services.approvals import request_approval
from policies.services.rules import create_rule
from registry.services import install
from sandbox.models import UpgradePreview
from tests.marketplace.assistant.test_reading import calls
from tests.registry.samples import connector, publish
from tests.sandbox.health.calls import connect, make_calls
from tests.sandbox.run_rows import make_run


def panel(workspace, path: str = "", ask: str = "") -> str:
    return f"{reverse('assistant:panel', args=[workspace.slug])}?from={quote(path)}&ask={ask}"


def text_of(response) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split())


@pytest.fixture
def advice(advised, held, new):
    return advised("update_available")


def test_every_page_of_a_workspace_has_the_button_and_it_leads_to_a_page(client_of, workspace, member, held):
    browser = client_of(member)
    page = browser.get(held.get_absolute_url()).content.decode()
    link = f"{reverse('assistant:panel', args=[workspace.slug])}?from={quote(held.get_absolute_url(), safe='/')}"
    assert f'href="{link}" data-dialog="assistant"' in page
    assert browser.get(link).status_code == 200


def test_the_panel_shows_what_is_about_its_page_first(as_htmx, workspace, member, advice, held, probe):
    calls(probe, "probe.put", bad=6)
    renew(workspace)
    here = as_htmx(member).get(panel(workspace, held.get_absolute_url()))
    assert "<html" not in here.content.decode()
    assert text_of(here).index("Acme can go from") < text_of(here).index("probe.put keeps failing")
    assert "About Acme" in text_of(here)
    there = as_htmx(member).get(panel(workspace, probe.get_absolute_url()))
    assert text_of(there).index("probe.put keeps failing") < text_of(there).index("Acme can go from")


@pytest.mark.parametrize(
    "path", ["", "/", "//evil.example", "/w/nowhere/", "\x00", "/w/meridian/installed/x/", "x" * 9_000]
)
def test_a_path_that_is_no_page_of_this_workspace_is_no_page(client_of, workspace, member, path):
    response = client_of(member).get(panel(workspace, path))
    assert response.status_code == 200
    place = response.context["place"]
    assert (place.kind, place.title, place.path.startswith("/w/meridian/")) == ("", "", True)


def test_a_run_that_somebody_else_made_is_not_told_of(client_of, workspace, member, admin, probe):
    run = make_run(workspace, probe, admin, state="failed", target="probe.put")
    assert "probe.put" not in text_of(client_of(member).get(panel(workspace, run.get_absolute_url(), "why-failed")))
    told = text_of(client_of(admin).get(panel(workspace, run.get_absolute_url(), "why-failed")))
    assert "Transient: The other system did not answer as it should." in told


def test_questions_are_those_of_the_page_and_their_answers_rows(client_of, workspace, admin, held, new, probe):
    browser = client_of(admin)
    page = held.get_absolute_url()
    asked = text_of(browser.get(panel(workspace, page)))
    for words in ("What does this extension use?", "How does it fare?", "What waits for me?"):
        assert words in asked
    assert "Why did this fail?" not in asked
    assert "It can go from 1.2.0 to 1.3.0." in text_of(browser.get(panel(workspace, page, "update")))
    assert "It was given 1 scope: things.write." in text_of(browser.get(panel(workspace, page, "uses")))
    assert "Nothing here uses it." in text_of(browser.get(panel(workspace, page, "used-by")))
    assert "No request waits for you." in text_of(browser.get(panel(workspace, page, "mine")))
    assert browser.get(panel(workspace, page, "no-such-question")).status_code == 200


def test_every_question_has_an_answer(client_of, workspace, admin, approver, creator, held, new, probe, things_asked):
    """Each kind of page with each of its questions, by somebody who may see it."""
    browser, seen = client_of(admin), set()
    for path in things_asked:
        first = browser.get(panel(workspace, path))
        for question, _ in first.context["questions"]:
            answer = browser.get(panel(workspace, path, question.name))
            assert answer.context["answer"], (path, question.name)
            seen.add(question.name)
    assert seen == {question.name for question in QUESTIONS}


@pytest.fixture
def things_asked(workspace, admin, creator, held, probe):
    run = make_run(workspace, probe, admin, state="failed", target="probe.put")
    waiting = make_run(workspace, probe, admin, state="waiting", target="probe.put")
    approval = request_approval(
        workspace, summary="x", subject_kind="run", subject_id=waiting.pk, bound={"a": 1}, facts={},
        requested_by=creator, installation=probe,
    )  # fmt: skip
    list_extension(probe.pin.version, level="community", summary="Things.")
    values = {"title": "Deletes", "effect": "deny", "what": {"effects": ["delete"]}}
    rule = create_rule(workspace, actor=admin, values=values, reason="So", seen=0, confirmed=True)
    return [
        run.get_absolute_url(),
        waiting.get_absolute_url(),
        held.get_absolute_url(),
        approval.get_absolute_url(),
        rule.get_absolute_url(),
        reverse("marketplace:listing-detail", args=[workspace.slug, "probe"]),
        connect(probe).get_absolute_url(),
        reverse("policies:approval-list", args=[workspace.slug]),
    ]


def test_acting_asks_in_the_name_of_who_pressed_the_button(client_of, workspace, member, advice):
    response = client_of(member).post(reverse("assistant:advice-acting", args=[workspace.slug, advice.pk]), follow=True)
    assert "Asked. It is done the moment somebody approves it" in text_of(response)
    request = client_of(member).get(response.context["change"].approval.get_absolute_url())
    assert "The Assistant prepared this request." in text_of(request)


def test_a_rule_that_would_shut_a_scope_off_is_drafted_and_never_saved(client_of, workspace, admin, member):
    place = reverse("policies:rule-create", args=[workspace.slug])
    query = "?title=Less&effect=deny&what_extensions=probe&what_scopes=things.delete"
    form = client_of(admin).get(place + query).context["form"]
    assert form["effect"].value() == "deny"
    assert form["what_scopes"].value() == ["things.delete"]
    assert form["reason"].value() is None
    assert client_of(admin).get(f"{place}?effect=allow").context["form"]["effect"].value() == "require_approval"


def test_dismissing_needs_a_reason_and_says_so_beside_the_field(client_of, workspace, admin, advice):
    url = reverse("assistant:advice-dismissal", args=[workspace.slug, advice.pk])
    refused = client_of(admin).post(url, {"reason": " "})
    assert refused.status_code == 422
    assert client_of(admin).post(url, {"reason": "Later"}).status_code == 302
    assert AuditEvent.objects.filter(action="advice.dismissed").count() == 1


def test_who_can_only_ask_reads_who_may_put_it_away(client_of, workspace, member, advice):
    page = client_of(member).get(advice.get_absolute_url())
    assert "Needs “Move and pin versions”" in text_of(page)
    url = reverse("assistant:advice-snooze", args=[workspace.slug, advice.pk])
    assert client_of(member).post(url, {"days": "7"}).status_code == 403


def test_a_simulation_is_begun_and_shown_in_place(client_of, as_htmx, workspace, admin, member, advice):
    url = reverse("assistant:advice-simulation", args=[workspace.slug, advice.pk])
    assert "Nobody simulated it yet." in text_of(client_of(member).get(advice.get_absolute_url()))
    running = as_htmx(admin).post(url)
    assert "0 of 0 calls" in text_of(running)
    assert 'hx-trigger="every 2s"' in running.content.decode()
    assert UpgradePreview.objects.get().asked_by == admin


def test_the_list_is_empty_in_words(client_of, workspace, member):
    response = client_of(member).get(reverse("assistant:advice-list", args=[workspace.slug]))
    assert "Nothing to advise" in text_of(response)


def test_anybody_may_have_it_look_now(client_of, workspace, member, held, new):
    cache.clear()
    url = reverse("assistant:advice-look", args=[workspace.slug])
    assert "1 new, 0 no longer so." in text_of(client_of(member).post(url, follow=True))
    assert "It looked a moment ago." in text_of(client_of(member).post(url, follow=True))


def test_the_list_filters_by_address_and_refuses_odd_ones(client_of, as_htmx, workspace, admin, advice):
    place = reverse("assistant:advice-list", args=[workspace.slug])
    browser = client_of(admin)
    assert "Acme can go" in text_of(browser.get(f"{place}?rule=update_available&severity=1"))
    assert "No advice fits" in text_of(browser.get(f"{place}?rule=slow"))
    assert "No advice fits" in text_of(browser.get(f"{place}?state=dismissed"))
    assert browser.get(f"{place}?rule=nonsense").status_code == 422
    assert "<html" not in as_htmx(admin).get(place).content.decode()


def test_the_list_and_the_panel_ask_the_database_as_often_for_many_rows_as_for_few(client_of, workspace, admin):
    browser, counts = client_of(admin), []
    places = (reverse("assistant:advice-list", args=[workspace.slug]), panel(workspace))
    for number in range(6):
        version = publish(connector(f"acme{number}"))
        publish(connector(f"acme{number}", "1.1.0"))
        one = install(workspace, version.extension, version=version, actor=admin)
        make_calls(connect(one), 6, category="tool_error", target=f"acme{number}.put")
        if number in (1, 5):
            renew(workspace)
            for place in places:
                browser.get(place)
                with CaptureQueriesContext(connection) as found:
                    assert browser.get(place).status_code == 200
                counts.append(len(found))
    assert Advice.objects.count() == 12
    assert counts[:2] == counts[2:]
    assert counts[0] <= 20


def test_what_is_put_off_is_listed_as_such(client_of, workspace, admin, advice):
    client_of(admin).post(reverse("assistant:advice-snooze", args=[workspace.slug, advice.pk]), {"days": "30"})
    place = reverse("assistant:advice-list", args=[workspace.slug])
    assert "Nothing to advise" in text_of(client_of(admin).get(place))
    assert "Acme can go" in text_of(client_of(admin).get(f"{place}?state=snoozed"))
    assert Advice.objects.get().snoozed_until > timezone.now()
