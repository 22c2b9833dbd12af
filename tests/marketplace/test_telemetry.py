"""What publishers read of how their extensions fare: sums over all workspaces, of three of them at least."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from galaxy.core.scope import scope_with, workspace_scope
from galaxy.core.ui.words import duration
from marketplace.models import InstallDay, Reached, ToldDay, VersionDay
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

NOW = datetime.now(UTC).replace(hour=12, minute=0)  # yesterday is settled, whenever this runs


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
    calls(houses, 2, age=timedelta(days=2), category="auth_error")
    calls(houses, 1, age=timedelta(days=2), category="tool_error")
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
    assert (row.version, row.day, row.good, row.bad) == (version, days_ago(2), 3 * good, 3 * bad)
    assert (row.callers, row.workspaces, row.failing) == (12, 3, 3)
    assert row.errors == {"auth_error": 6, "tool_error": 3}
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
    assert (told.sums.counted, told.sums.success, told.told_days, told.active) == (15, "100 %", 1, None)
    with workspace_scope([houses[2].workspace_id]):
        Run.objects.filter(workspace=houses[2].workspace_id).delete()
    count_telemetry(NOW)
    assert not Reached.objects.exists()
    assert VersionDay.objects.count() == 1  # what is told stays: what it lost would be what that workspace did


def test_a_day_is_told_once_when_it_is_over_so_that_no_look_after_another_tells_of_one(
    client_of, workspace, creator, houses, version
):
    """Whoever looks each hour finds the same: what one workspace did between two looks is no difference of them."""
    begun = NOW.replace(hour=0, minute=0) - timedelta(hours=5)  # yesterday at 19:00
    looks = [begun + timedelta(hours=hour) for hour in (0, 1, 5)]  # the last is midnight, when it is not settled
    for at in looks:
        for house in houses:
            call_at(house, begun, 100)
        count_telemetry(at)
        assert not VersionDay.objects.exists(), at
    count_telemetry(begun + timedelta(hours=6))
    told = VersionDay.objects.values_list("day", "good", "bad", "buckets", "counts")
    first = list(told)
    assert [(day, good) for day, good, *_ in first] == [(begun.date(), 9)]
    reached = list(Reached.objects.order_by("pk").values_list("version", "days_7"))
    call_at(houses[0], begun, 60_000)  # written late, or agreed to after the day was told
    call_at(houses[0], NOW - timedelta(hours=1), 100)  # today
    for hours in (7, 9, 16):
        count_telemetry(begun + timedelta(hours=hours))
        assert list(told.all()) == first
        assert list(Reached.objects.order_by("pk").values_list("version", "days_7")) == reached
    page = client_of(creator).get(url(workspace)).text
    assert "told when it is over" in page and "A day is told once" in page


def test_a_call_is_of_the_day_on_which_it_ended(houses):
    """So that nobody adds to a day that is told by agreeing to a call of then."""
    asked = NOW - timedelta(days=4)
    for house in houses:
        with workspace_scope([house.workspace_id]):
            ended = NOW - timedelta(days=2)
            make_calls(house, 1, created_at=asked, started_at=ended, finished_at=ended + timedelta(milliseconds=100))
    count_telemetry(NOW)
    assert list(VersionDay.objects.values_list("day", "good")) == [(days_ago(2), 3)]


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
    times = [rng.lognormvariate(5, 1) for _ in range(40)]
    for at, ms in enumerate(times):
        for house in houses:
            call(house, 1 + at % 2, ms)
    count_telemetry(NOW)
    days = VersionDay.objects.filter(version=version).values_list("buckets", "counts")
    assert len(days) == 2
    assert percentile(days) == pytest.approx(sorted(times)[37], rel=0.011, abs=1)
    assert percentile([]) is None


def call(house, days, ms, **fields):
    call_at(house, NOW - timedelta(days=days), ms, **fields)


def call_at(house, begun, ms, **fields):
    with workspace_scope([house.workspace_id]):
        make_calls(
            house, 1, created_at=begun, started_at=begun, finished_at=begun + timedelta(milliseconds=ms), **fields
        )


def test_times_that_fewer_than_three_workspaces_had_are_told_coarsely_or_not_at_all(houses, version):
    for house, ms in zip(houses, (2_000, 2_100, 2_200), strict=True):
        call(house, 1, ms)
    for _ in range(20):
        call(houses[0], 1, 55_555)  # one workspace's own
        call(houses[1], 2, 40_000)
    for house, ms in zip(houses, (1, 300, 90_000), strict=True):
        call(house, 2, ms)
    count_telemetry(NOW)
    near, apart = VersionDay.objects.order_by("-day")
    assert sum(near.counts) == 3 and 1_500 < percentile([(near.buckets, near.counts)]) < 3_000
    assert (apart.good, percentile([(apart.buckets, apart.counts)])) == (23, None)
    assert all(row.p95_ms is None or row.p95_ms < 3_000 for row in [one.sums for one in told(version).days])


def test_failures_that_fewer_than_three_workspaces_had_come_together_or_are_left_out(houses, version):
    calls(houses, 10, age=timedelta(days=1))
    for house, category in zip(houses, ("quota", "rate_limit", "rate_limit"), strict=True):
        calls([house], 2, age=timedelta(days=1), category=category)
    calls(houses, 1, age=timedelta(days=1), category="tool_error")
    calls(houses, 10, age=timedelta(days=2))
    calls(houses[:2], 5, age=timedelta(days=2), category="auth_error")
    calls(houses[:2], 5, age=timedelta(days=2), category="validation")  # callers' own, of two of them
    calls(houses[:2], 10, age=timedelta(days=3))
    calls(houses, 1, age=timedelta(days=3), category="transient")  # three called, two of them well
    count_telemetry(NOW)
    rows = {row.day: (row.good, row.bad, row.errors, row.callers) for row in VersionDay.objects.all()}
    assert rows == {
        days_ago(1): (30, 9, {"tool_error": 3, "others": 6}, 0),
        days_ago(2): (30, 0, {}, 0),
    }
    assert "Others, each in fewer" in [one.share.words for one in told(version).failures]


def told(version, window=30):
    return telemetry_of(version.extension, window, NOW)


@pytest.mark.parametrize("seed", range(4))
def test_no_number_nor_any_difference_of_two_rests_on_fewer_than_three_workspaces(seed, houses, version, publisher):
    """Random calls; what each shown number counts is worked out here by itself, call by call."""
    rng = random.Random(seed)
    for number in range(3):
        owner = make_user(f"More {number}")
        house = make_workspace(f"Quay {number}", {"owner": owner})
        with workspace_scope([house.pk]):
            houses.append(connect(install(house, version.extension, version=version, actor=owner)))
    versions = [version, publish(manifest_of(CHECKED.replace("1.0.0", "1.0.1")), publisher)]
    days = (1, 2, 10, 40)
    made = []  # (version, day, what came of it, house), one for each call
    for _ in range(110):
        one = (rng.choice(versions), rng.choice(days), rng.choice(KINDS), rng.choice(houses[: rng.choice((2, 4, 6))]))
        made.append(one)
        calls([one[3]], 1, version=one[0], age=timedelta(days=one[1]), category=one[2])
    count_telemetry(NOW)
    shown = {}
    for window in (7, 30, 90):
        found = told(version, window)
        within = [day for day in days if day < window]
        shown |= _numbers((window,), found.sums, versions, within)
        for row in found.days:
            since = (NOW.date() - row.day).days
            shown |= _numbers((window, since), row.sums, versions, [since])
        for row in found.versions:
            shown |= _numbers((window, row.version.number), row.sums, [row.version], within)
        assert found.active is None or found.installs - found.active >= 3
    cells = _cells(made)
    sets = []
    for name, (number, some_versions, some_days, wanted) in shown.items():
        calls_of = {
            at
            for (of_version, day, kind), told_calls in cells.items()
            if of_version in some_versions and day in some_days and wanted(kind)
            for at in told_calls
        }
        assert number == len(calls_of), name
        sets.append(frozenset(calls_of))
    whole = {frozenset()} | set(sets)
    assert len(whole) > 10
    for one in whole:
        for other in whole:
            if other < one:
                assert len({made[at][3].pk for at in one - other}) >= 3


KINDS = ("", "", "", "", "auth_error", "tool_error", "transient", "quota", "validation")


def _numbers(name, sums, versions, days):
    """{name: (number, the versions, days and kinds of cells that it is the sum of)} of what is shown of ``sums``."""
    found = {
        (*name, "good"): (sums.good, versions, days, lambda kind: kind == "good"),
        (*name, "bad"): (sums.bad, versions, days, lambda kind: kind not in ("good", "caller")),
        (*name, "counted"): (sums.counted, versions, days, lambda kind: kind != "caller"),
        (*name, "callers"): (sums.callers, versions, days, lambda kind: kind == "caller"),
    }
    for share in sums.errors:
        found[(*name, share.category)] = (share.number, versions, days, lambda kind, it=share.category: kind == it)
    return found


def _cells(made):
    """The numbers of the calls in each cell that may be told, by (version, day, kind)."""
    found, spread = {}, {}
    for at, (version, day, category, house) in enumerate(made):
        kind = {"": "good", "validation": "caller"}.get(category, category)
        found.setdefault((version, day, kind), set()).add(at)
        if kind != "caller":
            spread.setdefault((version, day), set()).add(house.pk)

    def houses_of(numbers):
        return {made[at][3].pk for at in numbers}

    told_cells = {}
    for place, called in spread.items():
        kinds = {kind: numbers for (*where, kind), numbers in found.items() if tuple(where) == place}
        good, callers = kinds.pop("good", set()), kinds.pop("caller", set())
        few = set().union(*(numbers for numbers in kinds.values() if len(houses_of(numbers)) < 3))
        bad = {kind: numbers for kind, numbers in kinds.items() if len(houses_of(numbers)) >= 3}
        if len(houses_of(few)) >= 3:
            bad["others"] = few
        if len(called) < 3 or (good and len(houses_of(good)) < 3) or not (good or bad):
            continue
        told_cells |= {(*place, kind): numbers for kind, numbers in bad.items()}
        told_cells[(*place, "good")] = good
        if len(houses_of(callers)) >= 3:
            told_cells[(*place, "caller")] = callers
    return told_cells


def test_who_does_not_use_it_is_no_remainder_of_who_does(houses, version):
    for number in range(9):
        owner = make_user(f"More {number}")
        house = make_workspace(f"Quay {number}", {"owner": owner})
        with workspace_scope([house.pk]):
            houses.append(connect(install(house, version.extension, version=version, actor=owner)))
    calls(houses[:10], 1, age=timedelta(days=1))
    count_telemetry(NOW)
    assert Reached.objects.get(version=None).days_7 == 10
    assert (told(version).active, told(version).installs) == (3, 12)  # not 10: two would be left
    owner = make_user("One more")
    house = make_workspace("Landing", {"owner": owner})
    with workspace_scope([house.pk]):
        install(house, version.extension, version=version, actor=owner)
    assert (told(version).active, told(version).installs) == (10, 13)


def test_the_page_says_it_all_to_the_team_and_to_nobody_else(
    client_of, workspace, creator, admin, houses, version, desk
):
    calls(houses, 20, age=timedelta(days=1))
    calls(houses, 1, age=timedelta(days=1), category="rate_limit")
    count_telemetry(NOW)
    page = client_of(creator).get(url(workspace)).text
    assert "3 of 63 calls failed" in page and "95.2 %" in page and "100 ms" in page
    assert f'within its budget of <span class="unbroken">{duration(2_000)}</span>' in page
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
    calls(houses[:2], 100, age=timedelta(days=1))
    count_telemetry(NOW)
    page = client_of(creator).get(url(workspace)).text
    assert "Too few workspaces to tell." in page and "somebody’s in particular" in page
    assert "3 <small>workspaces</small>" in page and "200 calls" not in page  # that hold it


def test_the_page_asks_as_much_for_many(client_of, workspace, creator, publisher, houses, version):
    calls(houses, 2, age=timedelta(days=1))
    count_telemetry(NOW)
    client, counts = client_of(creator), []
    for number in ("1.0.1", "1.0.2", "1.0.3"):
        client.get(url(workspace))
        with CaptureQueriesContext(connection) as asked:
            client.get(url(workspace, "?days=90"))
        counts.append(len(asked))
        made = publish(manifest_of(CHECKED.replace("1.0.0", number)), publisher)
        calls(houses, 2, version=made, age=timedelta(days=int(number[-1])))
        ToldDay.objects.all().delete()
        count_telemetry(NOW)
    assert len(set(counts)) == 1, counts
