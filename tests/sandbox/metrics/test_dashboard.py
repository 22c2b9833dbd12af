"""The dashboard and the pages behind it: every number is the number of rows that its link opens."""

import html
import re
from datetime import timedelta

import pytest
from django.urls import reverse

from sandbox.metrics.dashboard import dashboard
from sandbox.metrics.rolling import roll_up
from sandbox.metrics.windows import window_of
from sandbox.models import Run, Uncounted
from tests.sandbox.health.calls import connect, make_calls
from tests.sandbox.run_rows import make_run

NUMBERED = re.compile(r'<a href="([^"#]+/(?:runs|outcomes)/[^"]*)">([\d,]+)(?![\d.,:]| %| [A-Z])[^<]*<')


@pytest.fixture
def url(workspace):
    return reverse("sandbox:dashboard", args=[workspace.slug])


def target_url(installation, target):
    return reverse("sandbox:target-detail", args=[installation.workspace.slug, installation.pk, target])


def counted(client, address) -> int:
    return client.get(html.unescape(address)).context["page"].paginator.count


def test_at_a_glance(workspace, admin, busy):
    roll_up()
    page = dashboard(workspace, admin, window_of("7d"))
    assert (page.outcome_count, page.slow, page.targets, page.total) == (1, 1, 3, "0.80 EUR")
    slowest, *_ = page.slowest
    assert (slowest.name, slowest.figures.is_slow, slowest.budget) == ("pulse.add", True, "2.00 s")
    assert page.connectors[0].installation == busy and page.connectors[0].burn == "bad"
    assert len(page.makers) == 2
    assert "slower than the budget" in page.finding


@pytest.mark.parametrize("window", ["24h", "7d", "30d"])
def test_each_number_is_the_number_of_rows_behind_it(client_of, admin, busy, url, window):
    make_run(busy.workspace, busy, admin, target="pulse.list", mode="live", scenario="", state="queued")
    roll_up()
    client = client_of(admin)
    addresses = [f"{url}?range={window}"]
    addresses += [f"{target_url(busy, name)}?range={window}" for name in ("pulse.list", "pulse.add")]
    looked = 0
    for address in addresses:
        answer = client.get(address)
        assert answer.status_code == 200
        for link, number in NUMBERED.findall(answer.content.decode()):
            assert counted(client, link) == int(number.replace(",", "")), (address, link, number)
            looked += 1
    assert looked >= 15


def test_a_row_behind_a_share_is_a_failed_one(client_of, admin, busy, url):
    roll_up()
    page = client_of(admin).get(target_url(busy, "pulse.add"))
    failed = page.context["page"].line
    assert counted(client_of(admin), failed.failed.url) == 6 == failed.figures.bad
    (error,) = failed.errors
    assert (error.label, error.words, counted(client_of(admin), error.url)) == ("Transient", "6", 6)
    listed = client_of(admin).get(html.unescape(error.url))
    assert "Live runs of pulse.add" in listed.content.decode() and "transient" in listed.content.decode()


def test_a_page_of_a_target_says_times_failures_and_versions(client_of, admin, busy):
    roll_up()
    page = client_of(admin).get(target_url(busy, "pulse.add")).content.decode()
    for words in ("budget 2.00 s", "Failures by category", "Versions", "1.0.0", "none simulated"):
        assert words in page
    assert "style=" not in page
    quick = client_of(admin).get(target_url(busy, "pulse.list")).content.decode()
    assert "5 simulated" in quick and "0.80 EUR" in quick
    for odd in ("other.thing", "pulse.\0"):
        assert client_of(admin).get(target_url(busy, odd)).status_code == 404


def test_all_targets_are_sorted_and_found(client_of, admin, busy, workspace):
    roll_up()
    address = reverse("sandbox:target-list", args=[workspace.slug])

    def names(query=""):
        return [line.name for line in client_of(admin).get(address + query).context["page"].object_list]

    assert names()[0] == "pulse.add" and names("?sort=busy")[0] == "pulse.list"
    assert names("?q=PULSE.l") == ["pulse.list"] and names("?q=nothing") == []
    assert "No target fits" in client_of(admin).get(f"{address}?q=nothing").content.decode()
    assert names("?sort=odd&range=odd&page=99") == names()


def test_before_anything_ran_it_says_what_will_be_here(client_of, admin, url, workspace):
    page = client_of(admin).get(url).content.decode()
    assert "Nothing has run here yet" in page and "Simulate a first run" in page
    for name in ("sandbox:target-list", "sandbox:outcome-list"):
        assert client_of(admin).get(reverse(name, args=[workspace.slug])).status_code == 200


def test_before_anything_ran_live_it_leads_to_what_was_simulated(client_of, admin, parts, url):
    make_calls(connect(parts[0]), 3, mode="simulated")
    roll_up()
    page = client_of(admin).get(url).content.decode()
    assert "See 3 simulated calls" in page and "?range=7d&amp;simulated=on" in page


def test_what_was_simulated_is_told_by_itself(client_of, admin, busy, url):
    roll_up()
    answer = client_of(admin).get(f"{url}?range=24h&simulated=on")
    page, text = answer.context["page"], answer.content.decode()
    assert (page.calls, page.failed, page.targets, page.slow) == (5, 0, 1, 0)
    assert [line.name for line in page.slowest] == ["pulse.list"]
    for words in ("simband", "[Sim]", "?range=24h", "?range=7d&amp;simulated=on", "costs nothing"):
        assert words in text
    assert "outcomes/" not in text.partition("<main")[2] and "0.80" not in text
    looked = 0
    line = page.slowest[0]
    for address in (f"{url}?simulated=on", line.url):
        for link, number in NUMBERED.findall(client_of(admin).get(html.unescape(address)).content.decode()):
            assert counted(client_of(admin), link) == int(number.replace(",", "")), (address, link, number)
            looked += 1
    assert looked >= 3


def test_a_target_and_the_table_of_targets_have_a_simulated_side(client_of, admin, busy, workspace):
    roll_up()
    client = client_of(admin)
    listed = client.get(reverse("sandbox:target-list", args=[workspace.slug]) + "?simulated=on")
    assert [(line.name, line.figures.calls) for line in listed.context["page"].object_list] == [("pulse.list", 5)]
    assert "was simulated" in listed.content.decode() and "simband" in listed.content.decode()
    told = client.get(html.unescape(listed.context["page"].object_list[0].url))
    assert told.context["page"].line.figures.calls == 5
    assert "40 live" in told.content.decode() and "0.80 EUR" not in told.content.decode()
    assert client.get(target_url(busy, "pulse.add") + "?simulated=on").status_code == 200


def test_nothing_simulated_says_so(client_of, admin, url, workspace):
    page = client_of(admin).get(f"{url}?simulated=on").content.decode()
    assert "Nothing was simulated in this time" in page and "Simulate a first run" in page
    address = reverse("sandbox:target-list", args=[workspace.slug])
    assert "Nothing was simulated" in client_of(admin).get(f"{address}?simulated=on").content.decode()


def test_figures_that_are_behind_say_so(client_of, admin, busy, url):
    Uncounted.objects.update(noted_at=Run.objects.earliest("created_at").created_at - timedelta(hours=1))
    assert "These figures are behind" in client_of(admin).get(url).content.decode()
    roll_up()
    assert "These figures are behind" not in client_of(admin).get(url).content.decode()


def test_what_a_member_cannot_see_is_not_in_their_figures(client_of, member, stranger, busy, url):
    roll_up()
    page = client_of(member).get(url)
    assert page.status_code == 200 and page.context["page"].outcome_count == 0
    assert client_of(stranger).get(url).status_code == 404
    assert client_of(stranger).get(target_url(busy, "pulse.list")).status_code == 404


def test_its_queries_do_not_grow_with_targets(client_of, admin, busy, url, django_assert_max_num_queries):
    roll_up()
    client = client_of(admin)
    client.get(url)
    with django_assert_max_num_queries(30):
        client.get(url)
    for at in range(30):
        make_calls(connect(busy), 1, target=f"pulse.a{at}")
    roll_up()
    with django_assert_max_num_queries(30):
        client.get(url)
    with django_assert_max_num_queries(20):
        client.get(target_url(busy, "pulse.list"))
