"""What publishers read of how their extensions fare: sums over all workspaces, of three of them at least."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from galaxy.core.scope import scope_with, workspace_scope
from galaxy.core.ui.words import duration
from marketplace.models import InstallDay, Reached, VersionDay
from marketplace.services import list_extension
from marketplace.telemetry.counting import KEPT_DAYS, count_telemetry
from marketplace.telemetry.reading import telemetry_of
from marketplace.telemetry.sketch import percentile
from registry.models import PublisherMember
from registry.publishers.naming import make_publisher
from registry.services import install
from sandbox.models import Run
from tests.extensions import manifest_of
from tests.factories import make_user, make_workspace
from tests.registry.samples import publish
from tests.sandbox.health.calls import CHECKED, connect, make_calls

NOW = datetime.now(UTC)


@pytest.fixture
def publisher(workspace, creator):
    made = make_publisher("Paper Lantern", workspace=workspace, created_by=creator)
    PublisherMember.objects.create(publisher=made, user=creator, role="author")
    return made


@pytest.fixture
def version(publisher):
    made = publish(manifest_of(CHECKED), publisher)
    list_extension(made, level="verified", summary="Beats.")
    return made


@pytest.fixture
def houses(version, workspace, admin, other_workspace, stranger):
    """The connections of three workspaces that have it installed."""
    owner = make_user("Third")
    people = (
        (workspace, admin),
        (other_workspace, stranger),
        (make_workspace("Harbour", {"owner": owner}), owner),
    )
    found = []
    for house, person in people:
        with workspace_scope([house.pk]):
            found.append(connect(install(house, version.extension, version=version, actor=person)))
    return found


def calls(houses, number, **fields):
    for one in houses:
        with workspace_scope([one.workspace_id]):
            make_calls(one, number, **fields)


def url(workspace, query=""):
    return reverse("telemetry:telemetry-detail", args=[workspace.slug, "pulse"]) + query


def days_ago(number):
    return (NOW - timedelta(days=number)).date()


def test_what_is_told_is_what_sql_over_the_runs_says_and_nothing_simulated_counts(houses, version):
    calls(houses, 10, age=timedelta(days=2))
    calls(houses[:2], 3, age=timedelta(days=2), category="auth_error")
    calls(houses[:1], 2, age=timedelta(days=2), category="tool_error")
    calls(houses, 4, age=timedelta(days=2), category="validation")  # the caller's own
    calls(houses, 7, age=timedelta(days=2), mode="simulated")
    calls(houses, 5, age=timedelta(days=2), is_check=True, state="succeeded")
    assert count_telemetry(NOW) == 2  # a day of calls, and today's installs
    row = VersionDay.objects.get()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE counts_as = 'good'), count(*) FILTER (WHERE counts_as = 'bad')"
            " FROM sandbox_run WHERE workspace_id = %s",
            [houses[0].workspace_id],
        )
        good, bad = cursor.fetchone()
    assert (row.version, row.day, row.good, row.bad) == (version, days_ago(2), 3 * good, bad + 3)
    assert (row.callers, row.workspaces, row.failing) == (12, 3, 2)
    assert row.errors == {"auth_error": 6, "tool_error": 2}
    assert sum(row.counts) == row.good + row.bad
    assert percentile([(row.buckets, row.counts)]) == pytest.approx(100, rel=0.011)
    assert count_telemetry(NOW) == 0  # the same again is no news


def test_of_what_fewer_than_three_workspaces_called_there_is_no_row_nor_any_sum(houses, version):
    calls(houses, 5, age=timedelta(days=3))
    calls(houses[:2], 50, age=timedelta(days=2), category="tool_error")
    calls(houses[:2], 50, age=timedelta(days=1))
    calls(houses[2:], 50, age=timedelta(days=1), category="validation")  # nothing of its own that counts
    count_telemetry(NOW)
    assert list(VersionDay.objects.values_list("day", "good", "bad")) == [(days_ago(3), 15, 0)]
    told = telemetry_of(version.extension, 30, NOW)
    assert (told.sums.counted, told.sums.success, told.told_days, told.active) == (15, "100 %", 1, 3)
    with workspace_scope([houses[2].workspace_id]):
        Run.objects.filter(workspace=houses[2].workspace_id).delete()
    count_telemetry(NOW)
    assert not VersionDay.objects.exists() and not Reached.objects.exists()


def test_a_transform_counts_by_the_same_rule(houses):
    calls(houses, 2, age=timedelta(days=1), kind="transform")
    calls(houses, 1, age=timedelta(days=1), kind="transform", category="tool_error")
    calls(houses, 1, age=timedelta(days=1), kind="transform", category="validation")
    count_telemetry(NOW)
    row = VersionDay.objects.get()
    assert (row.good, row.bad, row.callers) == (6, 3, 3)


def test_installs_are_those_at_the_end_of_each_day(houses, version):
    for house, since, until in ((houses[0], 5, None), (houses[1], 3, 1), (houses[2], 200, None)):
        with workspace_scope([house.workspace_id]):
            one = house.installation
            one.installed_at = NOW - timedelta(days=since)
            one.removed_at = None if until is None else NOW - timedelta(days=until)
            one.save()
    count_telemetry(NOW)
    found = dict(InstallDay.objects.values_list("day", "installs"))
    assert [found[days_ago(number)] for number in (6, 5, 4, 3, 2, 1, 0)] == [1, 2, 2, 3, 3, 2, 2]
    assert len(found) == 91  # the first time as far back as pages look
    assert count_telemetry(NOW + timedelta(days=KEPT_DAYS)) > 0
    assert InstallDay.objects.order_by("day").first().day == days_ago(0)


def test_a_percentile_of_several_days_is_that_of_their_calls_to_one_per_cent(houses, version):
    rng = random.Random(7)
    times = [rng.lognormvariate(5, 1) for _ in range(120)]
    for at, ms in enumerate(times):
        house, age = houses[at % 3], timedelta(days=1 + at % 2)
        begun = NOW - age
        with workspace_scope([house.workspace_id]):
            make_calls(house, 1, age=age, started_at=begun, finished_at=begun + timedelta(milliseconds=ms))
    count_telemetry(NOW)
    days = VersionDay.objects.filter(version=version).values_list("buckets", "counts")
    assert len(days) == 2
    assert percentile(days) == pytest.approx(sorted(times)[113], rel=0.011, abs=1)
    assert percentile([]) is None


def test_the_page_says_it_all_to_the_team_and_to_nobody_else(
    client_of, workspace, creator, admin, houses, version, desk
):
    calls(houses, 20, age=timedelta(days=1))
    calls(houses, 1, age=timedelta(days=1), category="rate_limit")
    count_telemetry(NOW)
    page = client_of(creator).get(url(workspace)).text
    assert "3 of 63 calls failed" in page and "95.2 %" in page and "100 ms" in page
    assert f"within its budget of {duration(2_000)}" in page
    assert "Rate limit" in page and "4.8 %" in page and "<code>1.0.0</code>" in page
    main = page.split("<main", 1)[1]
    assert not any(str(one.workspace_id) in page for one in houses) and "Harbour" not in page and "Meridian" not in main
    assert "too few workspaces to tell" in page  # the days on which nobody called
    assert 'aria-current="page">30 days' in page
    assert 'aria-current="page">7 days' in client_of(creator).get(url(workspace, "?days=7")).text
    assert 'aria-current="page">30 days' in client_of(creator).get(url(workspace, "?days=8")).text
    refused = client_of(admin).get(url(workspace))
    assert refused.status_code == 403 and "the team of Paper Lantern" in refused.text
    with scope_with(desk.workspace.pk):
        assert client_of(desk.reviewer).get(url(desk.workspace)).status_code == 200


def test_who_published_a_version_reads_it_without_being_of_the_team(client_of, workspace, admin, publisher):
    publish(manifest_of(CHECKED), publisher)
    assert client_of(admin).get(url(workspace)).status_code == 403
    publish(manifest_of(CHECKED.replace("1.0.0", "1.0.1")), publisher, published_by=admin)
    assert "Nobody uses it yet" in client_of(admin).get(url(workspace)).text


def test_another_publishers_telemetry_is_not_found(client_of, other_workspace, stranger, version):
    assert client_of(stranger).get(url(other_workspace)).status_code == 404


def test_the_way_there_is_shown_to_those_who_may_go(client_of, workspace, creator, admin, version):
    for name, namespace in (("listing-detail", "marketplace"), ("publication-detail", "retiring")):
        place = reverse(f"{namespace}:{name}", args=[workspace.slug, "pulse"])
        assert url(workspace) in client_of(creator).get(place).text
        assert url(workspace) not in client_of(admin).get(place).text


def test_few_workspaces_are_told_why_there_is_nothing(client_of, workspace, creator, houses):
    calls(houses[:2], 100)
    count_telemetry(NOW)
    page = client_of(creator).get(url(workspace)).text
    assert "Too few workspaces to tell." in page and "somebody’s in particular" in page
    assert "3 <small>workspaces</small>" in page and "200 calls" not in page


def test_the_page_asks_as_much_for_many(client_of, workspace, creator, publisher, houses, version):
    calls(houses, 2)
    count_telemetry(NOW)
    client, counts = client_of(creator), []
    for number in ("1.0.1", "1.0.2", "1.0.3"):
        client.get(url(workspace))
        with CaptureQueriesContext(connection) as asked:
            client.get(url(workspace, "?days=90"))
        counts.append(len(asked))
        made = publish(manifest_of(CHECKED.replace("1.0.0", number)), publisher)
        calls(houses, 2, version=made, age=timedelta(days=int(number[-1])))
        count_telemetry(NOW)
    assert len(set(counts)) == 1, counts
