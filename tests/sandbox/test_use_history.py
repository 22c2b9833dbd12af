"""The history of an installed pack or transform: its runs, what came of them, and how often it remembers."""

import pytest
from django.urls import reverse
from django.utils import timezone

from sandbox.models import Outcome, Run
from sandbox.packs.retrying import retry_pack
from sandbox.services import invoke, perform
from sandbox.use_history import remembered_of
from tests.extensions import PACK, PROBE, TIDY, installed
from tests.playhouse import staged

INPUTS = {"name": "Ada", "on": "2 Jan 2026"}


@pytest.fixture
@staged
def flow(workspace, admin):
    return installed(workspace, admin, PROBE, TIDY, PACK)


def page_of(client, installation, **words):
    answer = client.get(reverse("sandbox:use-history", args=["meridian", installation.pk]), words)
    assert answer.status_code == 200
    return answer.text


def ran(workspace, actor, target="probe.flow", **more):
    return perform(invoke(workspace, actor=actor, target=target, inputs=INPUTS, **more).pk)


def test_runs_of_a_pack_stand_with_their_outcome_and_what_came_after(client_of, workspace, admin, flow):
    client = client_of(admin)
    assert "No runs yet" in page_of(client, flow[2])
    good = ran(workspace, admin)
    failed = ran(workspace, admin, simulate=True, scenario="401")
    assert "Retry…" in page_of(client, flow[2])
    later = retry_pack(failed, actor=admin)
    page = page_of(client, flow[2])
    assert f"Went on in {later.short_id}" in page and "Retry…" not in page
    assert good.short_id in page and "Reached, not counted" in page
    assert "Successful outcomes by week" in page and "0 this week" in page
    assert good.steps.first().short_id not in page
    assert failed.short_id in page_of(client, flow[2], state="failed")
    assert good.short_id not in page_of(client, flow[2], state="failed")
    assert "No run fits" in page_of(client, flow[2], mode="live", state="cancelled")
    assert good.short_id in page_of(client, flow[2], state="nonsense")


def test_outcomes_that_count_are_told_by_week_and_live_runs_can_be_taken_back(client_of, workspace, admin, flow):
    run = ran(workspace, admin)
    Run.objects.filter(pk=run.pk).update(mode="live")
    Outcome.objects.filter(run=run).update(is_simulated=False, is_success=True, reached_at=timezone.now())
    page = page_of(client_of(admin), flow[2])
    assert "1 this week" in page and "Undo…" in page


def test_a_transform_says_how_often_it_remembers(client_of, workspace, admin, flow):
    for _ in range(3):
        ran(workspace, admin, target="probe.tidy")
    found = remembered_of(flow[1])
    assert (found.runs, found.hits >= 2) == (3, True)
    page = page_of(client_of(admin), flow[1])
    assert f"{found.rate} <span" in page and "of the last 3 runs" in page
    ran(workspace, admin)  # as a step of a pack
    assert remembered_of(flow[1]).runs == 4


def test_what_is_no_pack_nor_transform_has_no_such_page(client_of, workspace, admin, flow):
    answer = client_of(admin).get(reverse("sandbox:use-history", args=["meridian", flow[0].pk]))
    assert answer.status_code == 404
    assert "History of Probe flow" in client_of(admin).get(flow[2].get_absolute_url()).text


def test_the_page_asks_the_same_however_long_the_history_is(
    client_of, workspace, admin, flow, django_assert_max_num_queries
):
    client = client_of(admin)
    page_of(client, flow[2])
    for _ in range(6):
        ran(workspace, admin)
    with django_assert_max_num_queries(40):
        page_of(client, flow[2])
