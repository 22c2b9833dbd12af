"""The list of runs: who sees which, filters that are links, and what stands there when there is nothing."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from galaxy.core.scope import workspace_scope
from tests.extensions import PACK, PROBE, TIDY, installed
from tests.playhouse import staged
from tests.sandbox.run_rows import make_outcome, make_run


@pytest.fixture
@staged
def pack(workspace, admin):
    return installed(workspace, admin, PROBE, TIDY, PACK)[-1]


@pytest.fixture
def url(workspace):
    return reverse("sandbox:run-list", args=[workspace.slug])


def targets(response) -> list[str]:
    return [run.target for run in response.context["page"].object_list]


def test_each_run_says_what_who_how_and_what_came_of_it(client_of, admin, member, workspace, pack, url):
    make_outcome(make_run(workspace, pack, member))
    body = client_of(admin).get(url).content.decode()
    for words in ("probe.flow", "Succeeded", "Simulated", str(member), "500 ms", "Reached, not counted"):
        assert words in body


def test_a_member_sees_their_own_runs_and_an_auditor_everyones(
    client_of, member, creator, auditor, workspace, pack, url
):
    make_run(workspace, pack, member, target="mine")
    make_run(workspace, pack, creator, target="theirs")
    assert targets(client_of(member).get(url)) == ["mine"]
    assert set(targets(client_of(auditor).get(url))) == {"mine", "theirs"}


def test_steps_of_a_pack_stand_on_its_own_page_only(client_of, admin, workspace, pack, url):
    run = make_run(workspace, pack, admin)
    make_run(workspace, pack, admin, parent=run, step_id="make", target="probe.create")
    assert targets(client_of(admin).get(url)) == ["probe.flow"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("state=failed", {"probe.create"}),
        ("mode=live", {"probe.tidy"}),
        ("kind=pack", {"probe.flow"}),
        ("target=CREATE", {"probe.create"}),
        ("outcome=reached", {"probe.flow"}),
        ("outcome=missed", set()),
        ("when=7", {"probe.create", "probe.flow"}),
        ("outcome=reached&when=week", {"probe.flow"}),
        ("state=succeeded&mode=simulated", {"probe.flow"}),
        ("", {"probe.create", "probe.flow", "probe.tidy"}),
    ],
)
def test_filters_are_links_and_add_up(client_of, admin, workspace, pack, url, query, found):
    make_outcome(make_run(workspace, pack, admin))
    make_run(workspace, pack, admin, target="probe.create", kind="action", state="failed")
    long_ago = timezone.now() - timedelta(days=20)
    make_run(workspace, pack, admin, target="probe.tidy", kind="transform", mode="live", created_at=long_ago)
    assert set(targets(client_of(admin).get(f"{url}?{query}"))) == found


def test_what_came_since_stands_on_the_list_too(client_of, admin, workspace, pack, url):
    client = client_of(admin)
    for number in (1, 2, 3):
        make_run(workspace, pack, admin, target=f"probe.n{number}")
        assert targets(client.get(url)) == [f"probe.n{one}" for one in range(number, 0, -1)]


def test_a_value_that_is_no_choice_is_refused_in_words(client_of, admin, workspace, pack, url):
    make_run(workspace, pack, admin)
    response = client_of(admin).get(f"{url}?state=exploded")
    assert response.status_code == 422
    assert "These filters cannot be used" in response.content.decode()


def test_no_match_names_the_filters_and_offers_to_clear_them(client_of, admin, workspace, pack, url):
    make_run(workspace, pack, admin)
    body = client_of(admin).get(f"{url}?state=failed&kind=pack").content.decode()
    assert "state Failed, kind Pack" in body
    assert f'href="{url}">Clear filters' in body


def test_first_use_offers_a_simulation_to_whoever_may_run(client_of, member, auditor, workspace, url):
    create = reverse("sandbox:run-create", args=[workspace.slug])
    offered = client_of(member).get(url).content.decode()
    assert f'href="{create}"' in offered and "Simulate a first run" in offered
    refused = client_of(auditor).get(url).content.decode()
    assert f'href="{create}"' not in refused
    assert "Needs “Run extensions that read”" in refused


def test_sorting_and_paging_keep_the_filters(client_of, admin, workspace, pack, url):
    for number in range(30):
        make_run(workspace, pack, admin, target=f"t{number:02}")
    response = client_of(admin).get(f"{url}?mode=simulated&sort=target&page=2")
    assert targets(response) == [f"t{number:02}" for number in range(25, 30)]
    body = response.content.decode()
    assert "26 to 30 of 30 runs" in body
    assert "?mode=simulated&amp;sort=target&amp;page=1" in body
    assert 'aria-sort="ascending"' in body


def test_htmx_gets_the_rows_alone_and_caches_keep_them_apart(client_of, as_htmx, admin, workspace, pack, url):
    make_run(workspace, pack, admin)
    page, part = client_of(admin).get(url), as_htmx(admin).get(url)
    assert b"<!doctype html>" in page.content and b"<!doctype html>" not in part.content
    assert part.content.lstrip().startswith(b'<div class="stack" id="run-rows">')
    assert "HX-Request" in page["Vary"] and "HX-Request" in part["Vary"]


def test_the_list_asks_as_often_for_sixty_runs_as_for_five(client_of, admin, workspace, pack, url):
    client = client_of(admin)

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert client.get(url).status_code == 200
        return len(asked)

    for _ in range(5):
        make_outcome(make_run(workspace, pack, admin))
    queries()  # the first page of a session also notes who came
    few = queries()
    for _ in range(55):
        make_outcome(make_run(workspace, pack, admin))
    assert queries() == few
    assert few <= 25


def test_strangers_and_the_signed_out_find_nothing(
    client_of, client, stranger, other_workspace, admin, workspace, pack, url
):
    make_run(workspace, pack, admin)
    assert client_of(stranger).get(url).status_code == 404
    assert client.get(url).status_code == 302
    with workspace_scope([other_workspace.pk]):
        theirs = client_of(stranger).get(reverse("sandbox:run-list", args=[other_workspace.slug]))
    assert targets(theirs) == []


def test_what_people_and_publishers_wrote_is_text(client_of, admin, workspace, pack, url):
    make_run(workspace, pack, admin, target="<script>alert(1)</script>")
    body = client_of(admin).get(f"{url}?target=<script>").content.decode()
    assert "<script>alert" not in body
    assert "&lt;script&gt;alert(1)" in body
