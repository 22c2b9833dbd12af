"""One word for each installation, the worst first; and where it is shown."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from registry import standing
from registry.models import Connection, Installation
from sandbox.health.standing import standings_of
from sandbox.models import Breaker, CheckSchedule, HealthCheck
from tests.extensions import TIDY, installed
from tests.playhouse import staged
from tests.sandbox.health.calls import CHECKED, connect, make_calls


@pytest.fixture
@staged
def pulse(workspace, admin):
    return installed(workspace, admin, CHECKED)[0]


def stands(installation) -> standing.Standing:
    rows = Installation.objects.filter(pk=installation.pk).select_related("workspace", "extension", "pin__version")
    return standings_of(list(rows))[installation.pk]


def check(connection, *, passed: bool, failures: int = 0, category: str = "") -> None:
    HealthCheck.objects.create(
        workspace=connection.workspace, connection=connection, passed=passed, category=category,
        sentence="" if passed else "It did not answer.", duration_ms=10,
    )  # fmt: skip
    CheckSchedule.objects.update_or_create(
        workspace=connection.workspace, connection=connection, defaults={"failures": failures}
    )


def test_without_an_account_it_is_not_connected(pulse):
    found = stands(pulse)
    assert (found.state, found.next_step) == (standing.NOT_CONNECTED, "Connect an account.")
    assert not found.is_unhealthy


def test_connected_and_silent_is_not_known(pulse):
    connect(pulse)
    assert stands(pulse).state == standing.NO_DATA


def test_a_passed_check_is_healthy(pulse):
    check(connect(pulse), passed=True)
    assert stands(pulse).state == standing.HEALTHY


def test_one_failed_check_is_no_verdict_and_two_are(pulse):
    connection = connect(pulse)
    check(connection, passed=False, failures=1, category="transient")
    assert (stands(pulse).state, stands(pulse).next_step) == (standing.NO_DATA, "The next check decides.")
    check(connection, passed=False, failures=2, category="auth_error")
    found = stands(pulse)
    assert (found.state, found.next_step) == (standing.FAILING, "Reconnect the connector, then run it again.")
    assert found.why == "The last 2 checks of the shared connection failed. It did not answer."


def test_half_of_a_days_calls_failing_is_failing(pulse):
    connection = connect(pulse)
    make_calls(connection, 2)
    make_calls(connection, 2, category="transient")
    assert stands(pulse).state == standing.HEALTHY  # too few to say
    make_calls(connection, 1, category="transient")
    found = stands(pulse)
    assert (found.state, found.why) == (standing.FAILING, "3 of the 5 calls of the last 24 hours failed.")


def test_a_missed_objective_is_degraded(pulse):
    connection = connect(pulse)
    make_calls(connection, 98, age=timedelta(days=2))
    make_calls(connection, 2, category="transient", age=timedelta(days=3))
    found = stands(pulse)
    assert found.state == standing.DEGRADED
    assert found.why == "98.00 % of 100 calls of seven days succeeded, and 99.5 % is the aim."


def test_mistakes_of_callers_leave_it_healthy(pulse):
    connection = connect(pulse)
    make_calls(connection, 30)
    for category in ("validation", "not_found", "policy_block"):
        make_calls(connection, 30, category=category)
    assert (stands(pulse).state, stands(pulse).why) == (
        standing.HEALTHY,
        "100 % of 30 calls of seven days succeeded.",
    )


def test_what_is_older_than_seven_days_is_over(pulse):
    connection = connect(pulse)
    make_calls(connection, 30, category="transient", age=timedelta(days=8))
    assert stands(pulse).state == standing.NO_DATA


def test_the_worst_is_told_first(pulse, member):
    connection = connect(pulse)
    make_calls(connection, 30, category="transient", age=timedelta(days=2))
    assert stands(pulse).state == standing.DEGRADED
    make_calls(connection, 30, category="transient")
    assert stands(pulse).state == standing.FAILING
    breaker = Breaker.objects.create(
        workspace=pulse.workspace, connection=connection, action="list", state=Breaker.State.OPEN,
        until=timezone.now() + timedelta(minutes=3, seconds=5),
    )  # fmt: skip
    assert stands(pulse).next_step == "A trial may go out in 3 min; if it succeeds, all go through."
    Breaker.objects.filter(pk=breaker.pk).update(is_manual=True, until=None)
    found = stands(pulse)
    assert (found.state, found.why) == (standing.HELD_BACK, "Calls of list are held back.")
    assert "by hand" in found.next_step
    connect(pulse, owner=member, status="exhausted")
    found = stands(pulse)
    assert (found.state, found.next_step) == (
        standing.RECONNECT,
        "Reconnect a member’s own connection; runs that wait for it then go on.",
    )
    Connection.objects.update(status="unauthenticated")
    assert stands(pulse).state == standing.NOT_CONNECTED


def test_the_next_step_leads_to_where_it_is_taken(pulse, client_of, member):
    assert stands(pulse).next_url == pulse.get_absolute_url()
    shared = connect(pulse)
    make_calls(shared, 98, age=timedelta(days=2))
    make_calls(shared, 2, category="transient", age=timedelta(days=2))
    assert f"installation={pulse.pk}&when=7&counts=bad" in stands(pulse).next_url
    make_calls(shared, 5, category="transient")
    urls = [stands(pulse).next_url]
    assert "when=1" in urls[0]
    check(shared, passed=False, failures=2, category="transient")
    urls.append(stands(pulse).next_url)
    row = {"workspace": pulse.workspace, "connection": shared, "state": "open"}
    Breaker.objects.create(action="add", until=timezone.now() + timedelta(minutes=3), **row)
    Breaker.objects.create(action="list", is_manual=True, **row)
    found = stands(pulse)
    assert found.why == "Calls of list are held back, and those of 1 other action." and "by hand" in found.next_step
    urls += [found.next_url, stands(connect(pulse, status="exhausted").installation).next_url]
    assert urls[1:] == [shared.get_absolute_url(), f"{shared.get_absolute_url()}#limits", shared.get_absolute_url()]
    assert [client_of(member).get(url).status_code for url in urls] == [200] * 4


def test_the_next_step_at_somebodys_own_account_leads_nowhere(pulse, member):
    connect(pulse, owner=member, status="exhausted")
    assert (stands(pulse).state, stands(pulse).next_url) == (standing.RECONNECT, "")


def test_what_never_leaves_galaxy_has_no_standing(workspace, admin):
    tidy = installed(workspace, admin, TIDY)[0]
    assert standings_of([tidy]) == {}


def test_the_list_and_all_three_pages_show_it(client_of, admin, pulse):
    from marketplace.services import list_extension

    list_extension(pulse.pin.version, level="community", summary="Beats.")
    make_calls(connect(pulse), 5, category="transient")
    client, slug = client_of(admin), pulse.workspace.slug
    for url in (
        reverse("registry:installation-list", args=[slug]),
        pulse.get_absolute_url(),
        reverse("marketplace:listing-detail", args=[slug, "pulse"]),
        reverse("sandbox:installation-health", args=[slug, pulse.pk]),
    ):
        page = client.get(url).text
        assert "Failing" in page and "5 of the 5 calls of the last 24 hours failed." in page, url


def test_forty_take_as_many_queries_as_one(workspace, admin, django_assert_num_queries):
    texts = [CHECKED.replace("connector: pulse", f"connector: pulse{at}") for at in range(12)]
    for one in installed(workspace, admin, *texts):
        make_calls(connect(one), 1)
    rows = list(Installation.objects.in_workspace(workspace).select_related("workspace", "extension", "pin"))
    for some in (rows[:1], rows):
        with django_assert_num_queries(4):
            assert len(standings_of(some)) == len(some)


def test_the_overview_tells_what_needs_somebody_the_worst_first(client_of, admin, member, workspace):
    texts = [CHECKED.replace("connector: pulse", f"connector: pulse{at}") for at in range(4)]
    well, failing, worn, _ = installed(workspace, admin, *texts)
    make_calls(connect(well), 30)
    make_calls(connect(failing), 30, category="transient")
    connect(worn, status="exhausted")
    page = client_of(admin).get(workspace.get_absolute_url())
    assert [(one, stand.state) for one, stand in page.context["unwell"]] == [
        (worn, standing.RECONNECT),
        (failing, standing.FAILING),
    ]
    assert "Needs attention" in page.text and "Reconnect the shared connection" in page.text
    assert f'<a href="{worn.connections.get().get_absolute_url()}">Reconnect the shared connection' in page.text


def test_the_overview_says_nothing_where_all_is_well(client_of, admin, pulse, workspace):
    make_calls(connect(pulse), 30)
    assert "Needs attention" not in client_of(admin).get(workspace.get_absolute_url()).text
