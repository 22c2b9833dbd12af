"""How versions fare across workspaces: what is told, what is not, and what is flagged."""

from datetime import timedelta

import pytest
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from galaxy.core.scope import workspace_scope
from marketplace.services import list_extension
from registry.models import Pin, Version
from registry.services import install
from sandbox.health.comparing import is_worse, wilson
from sandbox.health.objective import Tally
from sandbox.health.versions import count_versions, flags_of
from sandbox.models import Issue, VersionFigure
from tests.extensions import publish
from tests.factories import make_user, make_workspace
from tests.sandbox.health.calls import CHECKED, connect, make_calls


@pytest.fixture
def releases(db) -> list[Version]:
    """1.0.0 and 1.1.0 of a connector."""
    return [publish(CHECKED), publish(CHECKED.replace("version: 1.0.0", "version: 1.1.0"))]


@pytest.fixture
def houses(releases, workspace, admin, other_workspace, stranger) -> list:
    """Three workspaces with the newer version, connected; each to be worked on in its own scope."""
    third_owner = make_user("Third")
    third = make_workspace("Harbour", {"owner": third_owner})
    found = []
    for house, person in ((workspace, admin), (other_workspace, stranger), (third, third_owner)):
        with workspace_scope([house.pk]):
            found.append(connect(install(house, releases[1].extension, version=releases[1], actor=person)))
    return found


def calls(houses, version, good: int, bad: int, **fields) -> None:
    """So many calls in each house."""
    for one in houses:
        with workspace_scope([one.workspace_id]):
            make_calls(one, good, version=version, **fields)
            make_calls(one, bad, version=version, category="transient", **fields)


@pytest.mark.parametrize(
    ("now", "before", "flagged"),
    [
        ((1, 1), (1_000, 0), False),  # 1 of 2
        ((45, 5), (1_000, 0), True),
        ((46, 4), (1_000, 0), False),  # four failures are few
        ((44, 5), (1_000, 0), False),  # 49 calls are few
        ((940, 60), (980, 20), True),  # exactly three times
        ((941, 59), (980, 20), False),
        ((850, 150), (950, 50), True),  # exactly three times, though 0.15 is less than 3 * 0.05
        ((90, 10), (48, 1), False),  # nothing to compare with
        ((90, 10), (97, 3), False),  # three times, and may be an accident
        ((900, 100), (970, 30), True),
        ((1_990, 10), (2_000, 0), False),  # the objective allows it
        ((980, 20), (900, 100), False),  # better
        ((0, 60), (60, 0), True),
    ],
)
def test_what_is_worse(now, before, flagged):
    assert is_worse(Tally(*now), Tally(*before)) is flagged


def test_wilsons_interval_is_that_of_the_books():
    low, high = wilson(15, 148, z=1.96)  # Newcombe 1998, table I: 0.0624 to 0.1605
    assert (round(low, 4), round(high, 4)) == (0.0624, 0.1605)


def test_a_release_with_three_times_the_errors_is_flagged_by_itself(releases, houses):
    old, new = releases
    calls(houses, old, 198, 2)
    calls(houses, new, 180, 20)
    assert count_versions() == 1
    every = VersionFigure.objects.get(version=new, action="")
    assert (every.good, every.bad, every.workspaces, every.is_flagged) == (540, 60, 3, True)
    assert (every.before, every.before_good, every.before_bad) == (old, 594, 6)
    assert not VersionFigure.objects.flagged().filter(version=old).exists()
    flag = flags_of([old.pk, new.pk])[new.pk]
    assert "10.00 % of calls fail in 1.1.0, 1.00 % in 1.0.0 before it." in flag.sentence
    assert flag.next_step == "Pin back to 1.0.0 until a fixed version is out."


def test_one_bad_action_is_enough(releases, houses):
    old, new = releases
    for version in releases:
        calls(houses, version, 700, 0)  # so that the version as a whole is well enough
    calls(houses, old, 60, 0, target="pulse.add")
    calls(houses, new, 50, 10, target="pulse.add")
    count_versions()
    assert [figure.action for figure in VersionFigure.objects.flagged()] == ["pulse.add"]


def test_what_fails_in_one_workspace_alone_warns_no_other(releases, houses):
    """Its account may have ended; or somebody calls a version until it looks bad to all."""
    old, new = releases
    calls(houses, old, 200, 0)
    calls(houses[:1], new, 0, 500)
    calls(houses[1:], new, 100, 0)
    assert count_versions() == 0
    assert VersionFigure.objects.get(version=new, action="").bad == 500
    calls(houses[1:2], new, 0, 1)
    assert count_versions() == 1


def test_of_fewer_than_three_workspaces_nothing_is_told(releases, houses):
    for version in releases:
        calls(houses[:2], version, 100, 50)
    calls(houses[:1], releases[1], 100, 0, target="pulse.add")
    assert (count_versions(), VersionFigure.objects.count()) == (0, 0)
    calls(houses[2:], releases[1], 1, 0)
    count_versions()
    assert set(VersionFigure.objects.values_list("version", "action", "good", "bad", "workspaces")) == {
        (releases[1].pk, "", 201, 100, 3), (releases[1].pk, "pulse.list", 201, 100, 3),
    }, "what one workspace called is not what is left of all together"  # fmt: skip


def test_the_function_of_the_database_keeps_to_that_whoever_asks(releases, houses):
    calls(houses[:2], releases[1], 100, 0)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM sandbox_version_figures('-infinity')")
        assert cursor.fetchall() == []
        calls(houses[2:], releases[1], 1, 0)
        cursor.execute("SELECT * FROM sandbox_version_figures('-infinity')")
        columns = ["version_id", "action", "good", "bad", "workspaces", "failing"]
        assert [column.name for column in cursor.description] == columns
        assert len(cursor.fetchall()) == 2


def test_mistakes_of_callers_checks_and_old_calls_are_left_out(releases, houses):
    calls(houses, releases[1], 10, 0)
    for one in houses:
        with workspace_scope([one.workspace_id]):
            make_calls(one, 5, version=releases[1], category="validation")
            make_calls(one, 5, version=releases[1], category="transient", is_check=True)
            make_calls(one, 5, version=releases[1], category="transient", age=timedelta(days=15))
    count_versions()
    assert set(VersionFigure.objects.values_list("good", "bad")) == {(30, 0)}


def test_counting_again_forgets_what_is_over(releases, houses):
    calls(houses, releases[0], 198, 2)
    calls(houses, releases[1], 180, 20)
    assert (count_versions(), count_versions()) == (1, 1)
    assert VersionFigure.objects.count() == 4
    assert (count_versions(timezone.now() + timedelta(days=20)), VersionFigure.objects.count()) == (0, 0)


@pytest.fixture
def flagged(releases, houses):
    calls(houses, releases[0], 198, 2)
    calls(houses, releases[1], 180, 20)
    count_versions()
    return releases


def issues(house):
    return Issue.objects.in_workspace(house.workspace_id).filter(kind="version_failing")


def test_each_workspace_that_is_pinned_to_it_gets_one_issue(flagged, houses):
    count_versions()
    for house in houses:
        with workspace_scope([house.workspace_id]):
            issue = issues(house).get()
            assert (issue.target, issue.times, issue.is_open) == ("1.1.0", 1, True)
            assert issue.next_step == "Pin back to 1.0.0 until a fixed version is out."
            assert issue.facts == {"failed": 60, "calls": 600, "workspaces": 3}


def test_pinning_back_closes_it_there_and_nowhere_else(flagged, houses):
    old = flagged[0]
    Pin.objects.filter(installation=houses[0].installation).update(version=old, digest=old.digest)
    count_versions()
    assert issues(houses[0]).get().closed_because == "Another version is held now."
    with workspace_scope([houses[1].workspace_id]):
        assert issues(houses[1]).get().is_open


def test_a_version_that_fails_no_more_closes_them_all(flagged, houses):
    calls(houses, flagged[1], 1_000, 0)
    assert count_versions() == 0
    for house in houses:
        with workspace_scope([house.workspace_id]):
            assert issues(house).get().closed_because == "It fails no more."


def test_the_marketplace_and_the_pages_of_the_installation_say_so(flagged, houses, client_of, admin, workspace):
    list_extension(flagged[1], level="community", summary="Beats.")
    client, one = client_of(admin), houses[0].installation
    listing = client.get(reverse("marketplace:listing-detail", args=[workspace.slug, "pulse"])).text
    assert "Fails more" in listing and "10.00 % of 600 calls in 3 workspaces failed" in listing
    pin_url = f"{reverse('registry:pin-change', args=[workspace.slug, one.pk])}?to={flagged[0].digest}"
    for url in (
        one.get_absolute_url(),
        reverse("sandbox:installation-health", args=[workspace.slug, one.pk]),
        workspace.get_absolute_url(),
    ):
        text = client.get(url).text
        assert "Pin back to 1.0.0 until a fixed version is out." in text and pin_url in text, url
