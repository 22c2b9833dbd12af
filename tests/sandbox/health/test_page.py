"""The page of an installation's health: each number is the number of runs that its link leads to."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from registry.services import uninstall
from sandbox.health.page import health_page
from sandbox.models import CheckSchedule
from tests.extensions import PACK, PROBE, TIDY, installed
from tests.playhouse import staged
from tests.sandbox.health.calls import CHECKED, connect, make_calls
from tests.sandbox.run_rows import make_run


@pytest.fixture
@staged
def pulse(workspace, admin):
    return installed(workspace, admin, CHECKED)[0]


@pytest.fixture
def url(pulse):
    return reverse("sandbox:installation-health", args=[pulse.workspace.slug, pulse.pk])


@pytest.fixture
def busy(pulse):
    """200 calls of seven days: 197 went well, three failed, five were mistakes of callers; and what does not count."""
    connection = connect(pulse)
    make_calls(connection, 150, age=timedelta(days=2))
    make_calls(connection, 47, target="pulse.add")
    make_calls(connection, 2, category="transient", age=timedelta(days=6, hours=23))
    make_calls(connection, 1, category="rate_limit", target="pulse.add")
    make_calls(connection, 3, category="validation", target="pulse.add")
    make_calls(connection, 1, category="policy_block")
    make_calls(connection, 1, state="cancelled", started_at=None)
    make_calls(connection, 9, is_check=True)
    make_calls(connection, 9, mode="simulated")
    make_calls(connection, 9, category="transient", age=timedelta(days=7, hours=1))
    return connection


def test_the_figures_are_exact(pulse, busy):
    page = health_page(pulse, pulse.installed_by)
    assert (page.objective.week.good, page.objective.week.bad, page.objective.week.caller) == (197, 3, 5)
    assert (page.objective.success, page.objective.budget_words) == ("98.50 %", "200 % overspent")
    assert page.objective.burn_words == "4.2×"  # 1 of 48
    assert [(row.target, row.tally.counted, row.success, row.p95_ms) for row in page.actions] == [
        ("pulse.list", 152, "98.68 %", pytest.approx(100)),
        ("pulse.add", 48, "97.91 %", pytest.approx(100)),
    ]
    assert [(slot.tally.good, slot.tally.bad) for slot in page.slots] == [
        (0, 2), (0, 0), (0, 0), (0, 0), (150, 0), (0, 0), (47, 1),
    ]  # fmt: skip


def test_a_call_at_the_very_edge_is_in_one_day_and_in_the_sums_of_that_day(pulse):
    connection, now = connect(pulse), timezone.now()
    for days in range(8):
        make_calls(connection, days + 1, created_at=now - timedelta(days=days))
    page = health_page(pulse, pulse.installed_by, now)
    assert [slot.tally.good for slot in page.slots] == [7, 6, 5, 4, 3, 2, 1]
    assert (page.objective.week.good, page.objective.day.good) == (28, 1)


def test_the_95th_of_a_hundred(pulse):
    connection, began = connect(pulse), timezone.now() - timedelta(hours=1)
    for ms in range(1, 101):
        make_calls(connection, 1, started_at=began, finished_at=began + timedelta(milliseconds=ms))
    make_calls(connection, 50, category="validation", started_at=began, finished_at=began + timedelta(minutes=9))
    assert health_page(pulse, pulse.installed_by).actions[0].p95_ms == pytest.approx(95)


def test_each_number_leads_to_its_runs(client_of, admin, busy, url):
    client = client_of(admin)
    page = client.get(url).context["page"]
    figures = [page.good, page.bad, *page.callers]
    for row in page.actions:
        figures += [*row.errors, row.callers]
    links = [(one.number, one.url) for one in figures] + [(row.tally.counted, row.calls_url) for row in page.actions]
    assert len(links) == 11
    for number, link in links:
        assert client.get(link).context["page"].paginator.count == number, link


def test_steps_of_packs_are_calls_too(client_of, admin, workspace, url, pulse):
    pack = installed(workspace, admin, PROBE, TIDY, PACK)[-1]
    outer = make_run(workspace, pack, admin, mode="live", scenario="")
    make_calls(connect(pulse), 1, parent=outer, step_id="look")
    page = client_of(admin).get(url).context["page"]
    assert page.good.number == client_of(admin).get(page.good.url).context["page"].paginator.count == 1


def test_a_list_behind_a_figure_says_so_and_keeps_to_it(client_of, admin, busy, url):
    client = client_of(admin)
    link = client.get(url).context["page"].actions[1].errors[0].url
    text = client.get(link).text
    assert "Live calls of pulse.add that failed, rate limit." in text
    assert 'name="counts" value="bad"' in text and "All runs" in text


@pytest.mark.parametrize("query", ["installation=1", "connection=x", "counts=nonsense", "category=%00", "action=%00"])
def test_bad_filters_are_refused_in_words(client_of, admin, workspace, pulse, query):
    answer = client_of(admin).get(f"{reverse('sandbox:run-list', args=[workspace.slug])}?{query}")
    assert answer.status_code == 422 and "These filters cannot be used" in answer.text


def test_checks_are_listed_only_where_they_are_asked_for(client_of, admin, workspace, busy):
    client, list_url = client_of(admin), reverse("sandbox:run-list", args=[workspace.slug])
    assert client.get(f"{list_url}?checks=1").context["page"].paginator.count == 9
    plain = client.get(list_url).context["page"].paginator.count
    assert plain == 197 + 3 + 5 + 9 + 9  # simulated ones and those of the week before among them
    assert client.get(workspace.get_absolute_url()).context["figures"][1].value != plain + 9


def test_without_calls_it_says_so(client_of, admin, pulse, url):
    connect(pulse)
    text = client_of(admin).get(url).text
    assert "No calls yet" in text and "Not known yet" in text and "Due now." in text


def test_below_twenty_calls_there_is_no_budget(client_of, admin, pulse, url):
    make_calls(connect(pulse), 19)
    assert "told from 20 calls on" in client_of(admin).get(url).text


def test_the_next_check_is_told(client_of, admin, pulse, url):
    connection = connect(pulse)
    schedule = CheckSchedule.objects.create(workspace=pulse.workspace, connection=connection)
    schedule.next_at += timedelta(minutes=7, seconds=20)
    schedule.save()
    assert "In 7 min." in client_of(admin).get(url).text


def test_what_reaches_nothing_has_nothing_to_check(client_of, admin, workspace):
    tidy = installed(workspace, admin, TIDY)[0]
    text = client_of(admin).get(reverse("sandbox:installation-health", args=[workspace.slug, tidy.pk])).text
    assert "It runs inside Galaxy" in text


def test_whoever_sees_the_installation_sees_its_health_and_nobody_else(client_of, member, stranger, url):
    assert client_of(member).get(url).status_code == 200
    assert client_of(stranger).get(url).status_code == 404


def test_a_member_is_told_that_they_see_their_own_runs(client_of, member, busy, url):
    text = re.sub(r"\s+", " ", client_of(member).get(url).text)
    assert "you see those that you asked for" in text


def test_its_queries_do_not_grow_with_the_actions(client_of, admin, pulse, url, django_assert_max_num_queries):
    connection = connect(pulse)
    for at in range(30):
        make_calls(connection, 1, target=f"pulse.a{at}")
        make_calls(connection, 1, target=f"pulse.a{at}", category="transient")
    client = client_of(admin)
    client.get(url)
    with django_assert_max_num_queries(18):
        client.get(url)


def test_what_was_removed_has_no_health(client_of, admin, pulse, url):
    uninstall(pulse, actor=admin)
    assert client_of(admin).get(url).status_code == 404
