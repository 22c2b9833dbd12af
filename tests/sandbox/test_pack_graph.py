"""The graph of a pack: the same on its page, on its installation's and, with how each step is, on that of a run."""

import pytest
from django.urls import reverse

from marketplace.services import list_extension
from registry.manifests.flow_graph import MOST_LANES, PITCH, State, graph_of
from sandbox.services import invoke, perform
from tests.extensions import PACK, PROBE, TIDY, installed
from tests.playhouse import staged


@pytest.fixture
@staged
def flow(workspace, admin):
    return installed(workspace, admin, PROBE, TIDY, PACK)


def test_a_run_says_how_each_step_is_and_what_went_between(client_of, workspace, admin, flow):
    run = perform(invoke(workspace, actor=admin, target="probe.flow", inputs={"name": "Ada", "on": "2 Jan 2026"}).pk)
    page = client_of(admin).get(run.get_absolute_url()).text
    assert 'aria-label="4 steps: 3 succeeded, 1 left out. The list below says the same."' in page
    assert "<b>drop</b> calls <code>probe.remove</code>, when <code>inputs.remove</code>" in page
    assert "graph__box is-ok" in page and 'id="passed-make-0"' in page
    assert "<dt>title</dt><dd>Ada</dd>" in page


def test_a_run_that_fails_says_where_and_what_was_not_reached(client_of, workspace, admin, flow):
    asked = {"target": "probe.flow", "inputs": {"name": "Ada", "on": "2 Jan 2026"}, "scenario": "401"}
    run = perform(invoke(workspace, actor=admin, simulate=True, **asked).pk)
    page = client_of(admin).get(run.get_absolute_url()).text
    assert "1 succeeded, 1 failed, 2 not reached" in page


def test_packs_are_drawn_where_they_are_offered_and_where_they_are_installed(client_of, workspace, admin, flow):
    page = client_of(admin).get(flow[2].get_absolute_url()).text
    assert "4 steps" in page and "reads tidy" in page
    assert 'class="card steps-graph"' not in client_of(admin).get(flow[0].get_absolute_url()).text
    list_extension(flow[2].pin.version, level="community", summary="A made-up pack.")
    offered = client_of(admin).get(reverse("marketplace:listing-detail", args=[workspace.slug, "probe.flow"]))
    assert offered.status_code == 200 and 'class="card steps-graph"' in offered.text


def test_the_drawing_grows_by_a_row_for_each_step_and_runs_out_of_no_lane():
    steps = [{"id": f"s{at}", "use": "a.b", "with": {"x": "steps.s0.id"} if at else {}} for at in range(100)]
    graph = graph_of(
        {"steps": steps, "outcome": {"name": "done", "success": "steps.s3.id"}}, {"s1": State("Failed", "bad")}
    )
    assert [node.y for node in graph.boxes] == [4 + PITCH * at for at in range(101)]
    far = [edge.path for edge in graph.edges if edge.path.startswith("M40 ")]
    assert len({path.split("H")[1].partition("V")[0] for path in far}) <= MOST_LANES
    assert graph.title == "100 steps: 1 failed"
    looped = {"a": State("Succeeded, 2 of 2", "ok"), "b": State("Succeeded", "ok")}
    assert graph_of({"steps": [{"id": "a"}, {"id": "b"}]}, looped).title == "2 steps: 2 succeeded"
    assert graph_of({"steps": []}).height == 0


def test_long_names_are_cut_in_the_drawing_alone():
    (node,) = graph_of({"steps": [{"id": "a" * 60, "use": "b" * 60}]}).nodes
    assert len(node.short_name) == 20 and node.name == "a" * 60
