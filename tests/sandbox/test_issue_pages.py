"""The pages of issues: what needs somebody, whose turn it is, and closing it with a reason."""

import pytest
from django.urls import reverse

from registry.models import Connection
from sandbox.issues import close_issues, open_issue
from sandbox.models import Issue
from tests.extensions import PROBE, TIDY, installed
from tests.playhouse import staged
from tests.sandbox.run_rows import make_run


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE)[0]


@pytest.fixture
def list_url(workspace):
    return reverse("sandbox:issue-list", args=[workspace.slug])


def opened(installation, target="create", **changes):
    asked = {
        "kind": Issue.Kind.BREAKER_OPEN,
        "sentence": f"Calls of {target} are held back.",
        "next_step": "Look whether Probe works.",
        "connection": installation.connections.first(),
        "facts": {"failures": 10, "calls": 12},
    } | changes
    return open_issue(installation, asked.pop("kind"), target=target, **asked)


def shown(client, url, **query) -> str:
    response = client.get(url, query)
    assert response.status_code == 200
    return response.content.decode()


def test_the_empty_page_says_what_will_stand_there(client_of, admin, list_url):
    page = shown(client_of(admin), list_url)
    assert "Nothing needs you" in page
    assert "Filter issues" not in page


def test_open_issues_are_listed_with_whose_turn_it_is_and_how_often(client_of, admin, probe, list_url):
    opened(probe)
    opened(probe)
    close_issues(probe, Issue.Kind.BREAKER_OPEN, because="Healed", target=opened(probe, "put").target)
    page = shown(client_of(admin), list_url)
    assert "2 times" in page
    assert admin.name in page
    assert "put, Probe" not in page
    assert "put, Probe" in shown(client_of(admin), list_url, state="closed")
    mine = shown(client_of(admin), list_url, state="all", installation=probe.pk, whose="mine")
    assert "2 issues" in mine


def test_a_filter_without_matches_says_so_in_words_and_an_odd_one_is_refused(client_of, admin, probe, list_url):
    opened(probe)
    page = shown(client_of(admin), list_url, kind="health_failing", whose="mine")
    assert "No issue fits" in page
    assert "Health checks fail, my turn." in page
    assert client_of(admin).get(list_url, {"kind": "odd"}).status_code == 422


def test_htmx_gets_the_rows_alone(as_htmx, admin, probe, list_url):
    opened(probe)
    page = shown(as_htmx(admin), list_url)
    assert page.lstrip().startswith('<div class="stack" id="issue-rows">')


def test_the_navigation_counts_what_is_open(client_of, admin, probe, list_url):
    opened(probe)
    opened(probe, "put")
    page = shown(client_of(admin), list_url)
    item = page[page.index(f'href="{list_url}"') :]
    assert ">2<" in item[: item.index("</a>")]


def test_one_issue_says_what_is_known_and_leads_to_the_connection(client_of, admin, probe):
    issue = opened(probe)
    page = shown(client_of(admin), issue.get_absolute_url())
    for words in ("Calls of create are held back.", "Look whether Probe works.", "Failures", "12", admin.name):
        assert words in page
    assert issue.connection.get_absolute_url() in page


def test_its_last_run_is_shown_to_whoever_may_see_that_run(client_of, workspace, admin, member, probe):
    run = make_run(workspace, probe, admin, mode="live")
    issue = opened(probe, kind=Issue.Kind.RETRIES_EXHAUSTED, facts={"run": str(run.pk), "category": "rate_limit"})
    page = shown(client_of(admin), issue.get_absolute_url())
    assert run.get_absolute_url() in page and "Rate limit" in page
    assert str(run.pk) not in shown(client_of(member), issue.get_absolute_url())


def test_a_version_is_named_with_its_extension_and_leads_to_the_others(client_of, workspace, admin, probe, list_url):
    issue = opened(probe, "1.0.0", kind=Issue.Kind.VERSION_FAILING, connection=None)
    assert ">Probe 1.0.0<" in shown(client_of(admin), list_url)
    page = shown(client_of(admin), issue.get_absolute_url())
    assert f'href="{reverse("registry:pin-change", args=[workspace.slug, probe.pk])}"' in page


def test_closing_needs_a_reason_and_the_right(client_of, admin, member, probe):
    issue = opened(probe)
    url = reverse("sandbox:issue-closing", args=[issue.workspace.slug, issue.pk])
    assert client_of(member).post(url, {"reason": "No"}).status_code == 403
    assert 'aria-describedby="denied-close"' in shown(client_of(member), issue.get_absolute_url())
    assert client_of(admin).post(url, {"reason": " "}).status_code == 422
    assert client_of(admin).post(url, {"reason": "The vendor had an outage."}).status_code == 302
    assert client_of(admin).post(url, {"reason": "Again"}).status_code == 409
    page = shown(client_of(admin), issue.get_absolute_url())
    assert "The vendor had an outage." in page
    assert "Close it" not in page


def test_what_is_about_somebodys_own_connection_is_theirs_and_of_who_manages_all(
    workspace, client_of, admin, creator, member, probe, list_url
):
    own = Connection.objects.create(workspace=workspace, installation=probe, name="Mine", owner=member)
    issue = opened(probe, connection=own)
    assert client_of(creator).get(issue.get_absolute_url()).status_code == 404
    assert "Nothing needs you" in shown(client_of(creator), list_url)
    for person in (member, admin):
        assert issue.target in shown(client_of(person), list_url)


def test_the_palette_finds_open_issues(client_of, admin, workspace, probe):
    opened(probe, "announce")
    url = reverse("core:search", args=[workspace.slug])
    assert "Calls are held back" in shown(client_of(admin), url, q="announ")


def test_hostile_words_are_shown_as_words(client_of, admin, probe):
    issue = opened(probe, sentence="<script>alert(1)</script>", facts={"endpoint": "<b>x</b>"})
    page = shown(client_of(admin), issue.get_absolute_url())
    assert "<script>alert(1)" not in page
    assert "<b>x</b>" not in page


def test_the_list_costs_the_same_whatever_its_length(
    client_of, workspace, admin, probe, list_url, django_assert_max_num_queries
):
    client = client_of(admin)
    tidy = installed(workspace, admin, TIDY)[0]
    for number in range(15):
        opened(probe, f"action{number}")
        opened(tidy, f"step{number}", connection=None)
    client.get(list_url)
    with django_assert_max_num_queries(16):
        assert "of 30" in shown(client, list_url)
