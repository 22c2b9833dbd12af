"""The first page: each figure is the number of rows its link leads to, and nobody is shown what is not theirs."""

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from galaxy.core.scope import workspace_scope
from policies.models import ApproverGroup, ApproverGroupMember, Delegation
from policies.rules.asks import Ask, Stage
from policies.services.approvals import request_approval
from sandbox.forms import start_of
from tests.extensions import PACK, PROBE, TIDY, installed
from tests.factories import make_members, make_people
from tests.playhouse import staged
from tests.sandbox.run_rows import make_outcome, make_run


@pytest.fixture
@staged
def pack(workspace, admin):
    return installed(workspace, admin, PROBE, TIDY, PACK)[-1]


def figures(response) -> dict[str, int]:
    return {figure.label: figure.value for figure in response.context["figures"]}


def ask(workspace, user, summary="Remove a thing", reviewers="approvers"):
    return request_approval(
        workspace,
        subject_kind="run",
        subject_id=uuid4(),
        bound={"inputs": "d"},
        summary=summary,
        facts={},
        requested_by=user,
        ask=Ask(stages=(Stage(reviewers),)),
    )


def test_every_run_figure_counts_the_rows_behind_its_link(client_of, admin, workspace, pack):
    long_ago = timezone.now() - timedelta(days=20)
    make_outcome(make_run(workspace, pack, admin, mode="live", scenario=""))
    make_outcome(make_run(workspace, pack, admin))
    make_outcome(make_run(workspace, pack, admin, mode="live", scenario="", created_at=long_ago), reached_at=long_ago)
    make_outcome(make_run(workspace, pack, admin, mode="live", scenario=""), is_success=False)
    failed = make_run(workspace, pack, admin, state="failed")
    make_run(workspace, pack, admin, parent=failed, step_id="make", state="failed")
    client = client_of(admin)
    response = client.get(workspace.get_absolute_url())
    assert figures(response) == {"Successful outcomes": 1, "Waiting for you": 0, "Runs": 4, "Installed": 3}
    for figure in response.context["figures"]:
        links = [(figure.value, figure.url), *((int(words.split()[0]), url) for words, url in figure.notes if url)]
        for number, url in links:
            if "/runs/" in url:
                assert client.get(url).context["page"].paginator.count == number, url


def test_a_week_begins_on_monday_in_utc():
    sunday = datetime(2026, 11, 29, 23, 59, tzinfo=UTC)
    assert f"{start_of('week', sunday):%A %Y-%m-%d %H:%M}" == "Monday 2026-11-23 00:00"


def test_simulated_outcomes_never_count_and_the_page_says_so(client_of, admin, workspace, pack):
    make_outcome(make_run(workspace, pack, admin))
    response = client_of(admin).get(workspace.get_absolute_url())
    assert figures(response)["Successful outcomes"] == 0
    assert "Simulated runs never count." in response.content.decode()


def test_only_what_this_person_may_decide_waits_for_them(client_of, admin, approver, member, workspace, pack):
    ask(workspace, member, "Remove a thing for Mia")
    ask(workspace, approver, "Remove a thing for Paul")
    response = client_of(approver).get(workspace.get_absolute_url())
    body = response.content.decode()
    assert figures(response)["Waiting for you"] == 1
    assert "Remove a thing for Mia" in body and "Remove a thing for Paul" not in body
    assert "1 request waits for your answer." in body
    assert figures(client_of(admin).get(workspace.get_absolute_url()))["Waiting for you"] == 2
    for_member = client_of(member).get(workspace.get_absolute_url())
    assert "Waiting for you" not in for_member.content.decode()


def test_what_waits_by_a_group_or_in_anothers_place_is_counted_as_the_queue_counts_it(
    client_of, admin, approver, member, workspace
):
    """Neither of the two has a role that decides: one is in a group, the other answers for an approver."""
    in_a_group, stand_in = make_people("Ada", "Bo")
    for person in (in_a_group, stand_in):
        make_members(workspace, {"member": person}, actor=admin)
    group = ApproverGroup.objects.create(workspace=workspace, name="Sales-Ops", created_by=admin)
    ApproverGroupMember.objects.create(workspace=workspace, group=group, user=in_a_group, added_by=admin)
    now = timezone.now()
    Delegation.objects.create(
        workspace=workspace, giver=approver, taker=stand_in, starts_at=now, ends_at=now + timedelta(days=1)
    )
    ask(workspace, admin, "Mail the group", f"group:{group.pk}")
    ask(workspace, admin, "Remove a thing for Mia")
    ask(workspace, member, "Remove a thing for Paul")
    for person, summaries in (
        (in_a_group, ["Mail the group"]),
        (stand_in, ["Remove a thing for Mia", "Remove a thing for Paul"]),
    ):
        client = client_of(person)
        page = client.get(workspace.get_absolute_url())
        figure = next(one for one in page.context["figures"] if one.label == "Waiting for you")
        beside = [item["count"] for item in page.context["shell"].nav[0]["items"] if item["due"]]
        queue = client.get(figure.url).context["queue"]
        assert [figure.value] == beside == [queue.found.count()] == [len(summaries)]
        assert all(summary in page.content.decode() for summary in summaries)
    assert "Waiting for you" not in client_of(member).get(workspace.get_absolute_url()).content.decode()


def test_a_member_counts_their_own_runs_only(client_of, admin, member, workspace, pack):
    make_run(workspace, pack, admin, target="theirs")
    make_run(workspace, pack, member, target="mine")
    response = client_of(member).get(workspace.get_absolute_url())
    assert figures(response)["Runs"] == 1
    assert "theirs" not in response.content.decode()


def test_first_use_leads_from_the_marketplace_to_a_simulated_run(client_of, admin, workspace):
    body = client_of(admin).get(workspace.get_absolute_url()).content.decode()
    steps = re.search(r'<ol class="firsts">.*?</ol>', body, re.DOTALL)[0]
    assert re.findall(r"<h3>([^<]+)", steps) == ["Install a connector", "Add a pack", "Simulate a run"]
    for path in ("marketplace/?kind=connector", "marketplace/?kind=pack", "runs/new/"):
        assert f'href="{workspace.get_absolute_url()}{path}"' in body
    installed(workspace, admin, PROBE)
    assert client_of(admin).get(workspace.get_absolute_url()).content.decode().count("is-done") == 1


def test_steps_that_are_not_this_persons_say_who_can_give_them(client_of, member, auditor, workspace):
    body = client_of(member).get(workspace.get_absolute_url()).content.decode()
    assert "Needs “Install and remove extensions”" in body and "Simulate a first run" in body
    assert "Browse connectors" not in body  # browsing is not what is off
    body = client_of(auditor).get(workspace.get_absolute_url()).content.decode()
    assert "Needs “Run extensions that read”" in body


def test_once_something_ran_the_first_steps_are_gone(client_of, admin, workspace, pack):
    make_run(workspace, pack, admin)
    body = client_of(admin).get(workspace.get_absolute_url()).content.decode()
    assert "Start here" not in body and "Latest runs" in body


def test_the_page_asks_as_often_in_a_full_house(client_of, admin, member, workspace, pack):
    client = client_of(admin)

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(workspace.get_absolute_url()).status_code == 200
        return len(asked)

    make_outcome(make_run(workspace, pack, member))
    ask(workspace, member)
    queries()  # the first page of a session also notes who came
    few = queries()
    for _ in range(40):
        make_outcome(make_run(workspace, pack, member))
        ask(workspace, member)
    assert queries() == few
    assert few <= 30


def test_strangers_find_nothing_and_neighbours_runs_do_not_leak(
    client_of, stranger, other_workspace, admin, workspace, pack
):
    make_run(workspace, pack, admin)
    assert client_of(stranger).get(workspace.get_absolute_url()).status_code == 404
    with workspace_scope([other_workspace.pk]):
        response = client_of(stranger).get(other_workspace.get_absolute_url())
    assert figures(response) == {"Successful outcomes": 0, "Waiting for you": 0, "Runs": 0, "Installed": 0}
