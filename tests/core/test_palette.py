"""Search or jump to: what a person may see and do here, and nothing else."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from galaxy.core.agents import create_agent
from galaxy.core.members import add_member
from galaxy.core.members.people import change_role
from galaxy.core.members.roles import create_role
from galaxy.core.models import Membership
from galaxy.core.templatetags.ui import marked
from marketplace.services import list_extension
from sandbox.palette import ids_beginning
from sandbox.services import invoke
from tests.extensions import PROBE, TIDY, installed, publish
from tests.factories import make_user


@pytest.fixture
def url(workspace):
    return reverse("core:search", args=[workspace.slug])


@pytest.fixture
def house(workspace, admin, member):
    """An installed and a listed extension, a run and a waiting approval of the admin's, and an agent."""
    probe = installed(workspace, admin, PROBE)[0]
    tidy = publish(TIDY)
    list_extension(tidy, level="community", summary="Tidies up")
    return {
        "probe": probe,
        "run": invoke(workspace, actor=admin, target="probe.create", inputs={"key": "a"}),
        "approval": invoke(workspace, actor=admin, target="probe.remove", inputs={"key": "a"}).approval,
        "agent": create_agent(
            workspace,
            name="Probing agent",
            purpose="Probes.",
            owner=member,
            scopes=[],
            grants=[],
            calls_per_day=5,
            ends_at=timezone.now() + timedelta(days=30),
            actor=admin,
        ),
    }


def found(client, url, typed=""):
    """{kind: [label]} of what the palette offers."""
    page = client.get(url, {"q": typed}).content.decode()
    groups = {}
    for part in page.split('<div role="group"')[1:]:
        kind = re.search(r'class="palette-kind"[^>]*>([^<]+)<', part)[1]
        labels = re.findall(r'<span class="what">(.*?)</span>', part)
        groups[kind] = [re.sub(r"</?mark>", "", label) for label in labels]
    return groups


def test_everything_of_the_workspace_is_found_by_whoever_may_see_it(as_htmx, url, house, admin):
    groups = found(as_htmx(admin), url, "prob")
    assert groups == {
        "Approvals waiting": [house["approval"].summary],
        "Runs": ["probe.remove", "probe.create"],
        "Installed": ["Probe"],
        "Marketplace": ["Tidy"],  # by its identifier, probe.tidy
        "Agents": ["Probing agent"],
    }


def test_nobody_finds_what_they_may_not_see(as_htmx, url, house, member):
    assert found(as_htmx(member), url, "prob") == {"Installed": ["Probe"], "Marketplace": ["Tidy"]}


def test_with_nothing_typed_the_latest_come_first(as_htmx, url, house, admin):
    groups = found(as_htmx(admin), url)
    assert list(groups) == ["Approvals waiting", "Runs", "Do", "Go to"]
    assert groups["Runs"][0] == "probe.remove"


def test_acts_and_pages_are_those_one_may(as_htmx, workspace, url, owner, auditor):
    everything = found(as_htmx(owner), url)
    assert everything["Do"] == ["Invite someone…", "New agent…", "New role…", "Run an action…", "Make a trigger…"]
    assert {"Overview", "Approvals", "Runs", "People", "Agents", "Settings"} <= set(everything["Go to"])
    seen = found(as_htmx(auditor), url)
    assert "Do" not in seen
    assert "Audit trail" in seen["Go to"]
    assert not {"Agents", "Settings"} & set(seen["Go to"])
    blind = create_role(workspace, name="Blind", permissions={"view_run"}, actor=owner)
    change_role(Membership.objects.get(user=auditor), to=blind, actor=owner)
    assert found(as_htmx(auditor), url)["Go to"] == ["Notifications"]


def test_acts_are_found_by_other_words_too(as_htmx, url, owner):
    assert found(as_htmx(owner), url, "add people")["Do"] == ["Invite someone…"]
    assert found(as_htmx(owner), url, "second")["Go to"] == ["Second factor"]


def test_people_are_found_by_name_and_address(as_htmx, workspace, url, member, owner, stranger):
    for words in (member.name[:8].lower(), member.email):
        assert member.name in found(as_htmx(owner), url, words)["People"]
    assert "People" not in found(as_htmx(owner), url, stranger.email)


def test_a_run_is_found_by_the_beginning_of_its_id(as_htmx, url, house, admin):
    run = house["run"]
    for typed in (run.short_id, run.pk.hex[:6], str(run.pk)):
        assert found(as_htmx(admin), url, typed)["Runs"] == ["probe.create"]


@pytest.mark.parametrize("words", ["", "7c", "probe", "7c41e0zz", "a" * 33])
def test_other_words_are_no_id(words):
    assert ids_beginning(words) is None


def test_the_foreign_workspace_has_nothing_of_it(client_of, as_htmx, other_workspace, house, url, stranger, admin):
    assert client_of(stranger).get(url).status_code == 404
    there = reverse("core:search", args=[other_workspace.slug])
    assert found(as_htmx(stranger), there, "prob") == {"Marketplace": ["Tidy"]}  # which is everybody's
    assert client_of(admin).get(there).status_code == 404


def test_names_are_escaped_and_what_was_typed_too(as_htmx, client_of, workspace, url, owner):
    person = make_user("<script>alert(1)</script>")
    add_member(workspace, user=person, role="member", actor=owner)
    for client in (as_htmx(owner), client_of(owner)):
        page = client.get(url, {"q": "<script>"}).content.decode()
        assert "<script>alert" not in page
        assert "<mark>&lt;script&gt;</mark>alert(1)" in page


@pytest.mark.parametrize("typed", ["%", "_", "\\", "\x00%", "' OR 1=1 --", "x" * 5000, "☃"])
def test_odd_words_find_nothing_and_break_nothing(client_of, url, house, admin, typed):
    page = client_of(admin).get(url, {"q": typed})
    assert page.status_code == 200
    assert "Nothing fits" in page.content.decode()


def test_without_script_it_is_a_page_of_links(client_of, url, house, admin):
    page = client_of(admin).get(url, {"q": "probe"}).content.decode()
    assert page.count("<h1") == 1
    assert f'<a href="{house["probe"].get_absolute_url()}"' in page
    assert 'value="probe"' in page
    assert "Nothing fits" in client_of(admin).get(url, {"q": "nowhere"}).content.decode()


def test_it_asks_a_fixed_number_of_queries(as_htmx, workspace, url, house, admin, owner):
    client = as_htmx(owner)

    def asked(typed):
        with CaptureQueriesContext(connection) as queries:
            client.get(url, {"q": typed})
        return len(queries)

    asked("")
    before = {typed: asked(typed) for typed in ("", "prob")}
    for number in range(5):
        invoke(workspace, actor=admin, target="probe.remove", inputs={"key": str(number)})
        add_member(workspace, user=make_user("Probing"), role="member", actor=owner)
    assert {typed: asked(typed) for typed in before} == before
    assert before[""] <= 8
    assert before["prob"] <= 14


def test_each_word_is_marked_once():
    assert marked("Lead <b> follow-up", ["up", "lead"]) == "<mark>Lead</mark> &lt;b&gt; follow-<mark>up</mark>"
    assert marked("Aa", ["a", "aa"]) == "<mark>A</mark>a"
    assert marked("Plain", []) == "Plain"
    assert marked("\u0130zmir roll-out", ["roll"]) == "\u0130zmir <mark>roll</mark>-out"  # lower() makes that two signs
