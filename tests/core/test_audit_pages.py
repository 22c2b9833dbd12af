"""The trail as a person reads it: filters, pages by place, one event opened, and looking as an event of its own."""

from datetime import timedelta
from unittest.mock import patch

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit import Actor
from galaxy.core.audit.paging import page_of, place_of
from galaxy.core.audit.reading import actions_of, in_words, view_of
from galaxy.core.audit.streams.delivering import line_of
from galaxy.core.forms import AuditFilterForm
from galaxy.core.models import AuditDetail, AuditEvent
from galaxy.core.request_id import reset_request_id, set_request_id
from galaxy.core.scope import workspace_scope
from galaxy.core.views import audit as view

HOSTILE = '<img src=x onerror="alert(1)">'


@pytest.fixture
def list_url(workspace):
    return reverse("core:audit-list", args=[workspace.slug])


@pytest.fixture
def write(workspace, owner):
    """``write("box.opened", …)``: one event on the workspace, by the owner unless told otherwise."""

    def written(action="box.opened", actor=owner, target=workspace, **data):
        with transaction.atomic():
            return audit.record(action, actor=actor, target=target, workspace=workspace, **data)

    return written


def shown(response) -> list[str]:
    return [row.event.action for row in response.context["rows"]]


# --- Who may look ------------------------------------------------------------------------------------------------


@pytest.mark.asvs("16.4.2")
@pytest.mark.parametrize(
    ("role", "status"),
    [("owner", 200), ("admin", 200), ("auditor", 200), ("approver", 403), ("creator", 403), ("member", 403)],
)
def test_who_reads_the_trail(client_of, cast, write, list_url, role, status):
    client = client_of(cast[role])
    assert client.get(list_url).status_code == status
    assert client.get(write().get_absolute_url()).status_code == status


def test_who_may_not_is_told_who_could_give_it(client_of, member, cast, list_url):
    text = client_of(member).get(list_url).text
    assert "This needs the permission “Read the audit trail”" in text and cast["owner"].name in text


def test_another_workspaces_events_are_not_found(client_of, write, stranger, auditor, other_workspace):
    event = write()
    for user, slug in ((stranger, "meridian"), (stranger, "tidewater"), (auditor, "tidewater")):
        client = client_of(user)
        assert client.get(reverse("core:audit-detail", args=[slug, event.pk])).status_code == 404
    assert client_of(stranger).get(reverse("core:audit-list", args=["meridian"])).status_code == 404


# --- Looking is an event -----------------------------------------------------------------------------------------


def test_looking_at_the_list_is_an_event_with_its_filters(client_of, auditor, list_url):
    client_of(auditor).get(list_url, {"action": "workspace.", "mode": "live"})
    event = AuditEvent.objects.get(action="audit.viewed")
    fields = AuditDetail.objects.get(event_id=event.pk).fields
    assert (event.actor_id, event.target_kind) == (str(auditor.pk), "workspace")
    assert fields["data.filters"] == {"action": "workspace.", "mode": "live"}


def test_one_look_is_one_event_however_many_pages_it_takes(client_of, as_htmx, auditor, write, list_url):
    client = client_of(auditor)
    for number in range(60):
        write(f"box.filled_{number % 2}")
    page = client.get(list_url).context["page"]
    client.get(list_url, {"before": page.older})
    client.get(list_url, headers={"HX-Request": "true"})
    assert AuditEvent.objects.filter(action="audit.viewed").count() == 1
    client.get(list_url, {"q": "Mer"})
    assert AuditEvent.objects.filter(action="audit.viewed").count() == 2


def test_a_later_look_is_written_again(client_of, auditor, list_url, monkeypatch):
    client = client_of(auditor)
    client.get(list_url)
    now = view.time.time()
    monkeypatch.setattr(view.time, "time", lambda: now + view.LOOK_S + 1)
    client.get(list_url)
    assert AuditEvent.objects.filter(action="audit.viewed").count() == 2


def test_looking_at_one_event_is_an_event_too(client_of, auditor, write):
    event = write()
    client = client_of(auditor)
    for _ in range(2):
        client.get(event.get_absolute_url())
    seen = AuditEvent.objects.get(action="event.viewed")
    assert (seen.actor_id, seen.target_kind, seen.target_id) == (str(auditor.pk), "auditevent", str(event.pk))


def test_a_refused_look_shows_and_writes_nothing(client_of, auditor, member, list_url):
    client_of(member).get(list_url)
    response = client_of(auditor).get(list_url, {"since": "2026-02-30"})
    assert (response.status_code, shown(response)) == (422, [])
    assert not AuditEvent.objects.filter(action="audit.viewed").exists()


# --- The list ----------------------------------------------------------------------------------------------------


def test_rows_say_in_words_who_did_what_to_what(client_of, auditor, owner, write, list_url):
    chain = Actor.of(owner).through("agent", "a1", "Research agent").through("version", "v", "HubSpot 1.2.0")
    event = write("secret_key.rotated", actor=chain, simulated=True)
    response = client_of(auditor).get(list_url, {"action": "secret_key."})
    assert shown(response) == ["secret_key.rotated"]
    who = ("Research agent", f"for {owner.name}", "through HubSpot 1.2.0")
    for words in ("Secret key rotated", *who, "Meridian", "Simulated"):
        assert words in response.text
    assert event.get_absolute_url() in response.text


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"action": "box."}, {"box.opened", "box.closed"}),
        ({"action": "box.closed"}, {"box.closed"}),
        ({"actor_kind": "system"}, {"box.closed"}),
        ({"mode": "simulated"}, {"box.opened"}),
        ({"action": "box.", "mode": "live"}, {"box.closed"}),
        ({"request_id": "req-1"}, {"box.opened"}),
        ({"target": "nothing"}, set()),
        ({"q": "Crate 1"}, {"box.opened"}),
        ({"q": "Crate "}, {"box.opened", "box.closed"}),
        ({"q": "rate"}, set()),
        ({"q": "crate"}, {"box.opened", "box.closed"}),
        ({"q": "crATE"}, set()),
        ({"q": "%"}, set()),
        ({"actor": "galax"}, {"box.closed"}),
        ({"actor": "gAlAxY", "q": "Crate 1"}, set()),
        ({"actor": "owner", "action": "box."}, {"box.opened"}),
        ({"actor": "nobody"}, set()),
        ({"action": "box_"}, set()),
        ({"since": "2999-01-01"}, set()),
        ({"until": "2000-01-01"}, set()),
    ],
)
def test_filters(client_of, auditor, workspace, write, list_url, query, found):
    token = set_request_id("req-1")
    workspace.name = "Crate 1, small"
    write("box.opened", simulated=True)
    reset_request_id(token)
    workspace.name = "Crate 22, large"
    write("box.closed", actor=None)
    assert set(shown(client_of(auditor).get(list_url, query))) == found


def test_the_days_of_a_filter_are_whole_days_of_utc(client_of, auditor, write, list_url):
    write()
    today = timezone.now().date().isoformat()
    assert "box.opened" in shown(client_of(auditor).get(list_url, {"since": today, "until": today}))


def test_days_the_wrong_way_round_are_refused_beside_the_field(client_of, auditor, list_url):
    response = client_of(auditor).get(list_url, {"since": "2026-03-02", "until": "2026-03-01"})
    assert response.status_code == 422 and "This is before the first day." in response.text


def test_the_select_offers_what_occurs_by_subject(client_of, auditor, write, list_url, other_workspace, stranger):
    write("box.opened")
    with workspace_scope([other_workspace.pk]), transaction.atomic():
        audit.record("crate.opened", actor=stranger, target=other_workspace)
    text = client_of(auditor).get(list_url).text
    assert '<option value="box.">Box: all</option>' in text and '<option value="box.opened">' in text
    assert "crate" not in text


def test_actions_are_each_found_once(workspace, write):
    before = actions_of(workspace)
    for action in ("box.opened", "box.closed", "box.opened", "a.b", "z_y.x"):
        write(action)
    assert set(actions_of(workspace)) - set(before) == {"box.opened", "box.closed", "a.b", "z_y.x"}
    assert len(actions_of(workspace)) == len(set(actions_of(workspace)))


def test_no_match_says_so_and_offers_the_way_back(client_of, auditor, list_url):
    text = client_of(auditor).get(list_url, {"target": "nothing"}).text
    assert "No event matches" in text and "Clear filters" in text


def test_htmx_gets_the_rows_alone(as_htmx, auditor, list_url):
    text = as_htmx(auditor).get(list_url).text
    assert "<html" not in text and text.lstrip().startswith('<div class="stack" id="events">')


@pytest.mark.asvs("1.1.2", "1.2.1")
def test_hostile_words_are_shown_as_words(client_of, auditor, owner, workspace, write, list_url):
    owner.name = HOSTILE
    owner.save()
    workspace.name = HOSTILE
    event = write("box.opened", after={"note": HOSTILE}, label=HOSTILE)
    for address in (f"{list_url}?q=%3Cimg&action=box.", event.get_absolute_url()):
        text = client_of(auditor).get(address).text
        assert "<img" not in text and "&lt;img src=x onerror=" in text


# --- Pages by place ----------------------------------------------------------------------------------------------


@pytest.fixture
def twelve(workspace, write):
    for number in range(12):
        write(f"box.n{number}")
    return AuditEvent.objects.in_workspace(workspace).filter(action__startswith="box.")


def numbers(page) -> list[int]:
    return [int(event.action.removeprefix("box.n")) for event in page.events]


def test_older_and_newer_meet_without_gap_or_repeat(twelve):
    first = page_of(twelve, size=5)
    second = page_of(twelve, before=first.older, size=5)
    third = page_of(twelve, before=second.older, size=5)
    assert [numbers(page) for page in (first, second, third)] == [[11, 10, 9, 8, 7], [6, 5, 4, 3, 2], [1, 0]]
    assert (first.newer, third.older) == ("", "")
    back = page_of(twelve, after=third.newer, size=5)
    assert numbers(back) == [6, 5, 4, 3, 2]
    assert numbers(page_of(twelve, after=back.newer, size=5)) == [11, 10, 9, 8, 7]


def test_events_of_the_same_microsecond_are_told_apart_by_their_id(twelve, workspace, owner):
    moment = timezone.now() + timedelta(seconds=1)
    for number in range(20, 26):
        AuditEvent.objects.create(
            workspace=workspace, occurred_at=moment, action=f"box.n{number}", actor_kind="person",
            actor_id=str(owner.pk), target_kind="box", target_id="1", commitments={},
        )  # fmt: skip
    first = page_of(twelve, size=4)
    assert numbers(first) + numbers(page_of(twelve, before=first.older, size=4)) == [25, 24, 23, 22, 21, 20, 11, 10]


@pytest.mark.parametrize(
    "place", ["x", "1", "-", "1-", "-1", "1-x", "9" * 40 + "-1", "9" * 30 + "-1", "٣-٣", "1-" + "9" * 30]
)
def test_a_place_that_is_none_is_the_newest_page(twelve, place):
    assert numbers(page_of(twelve, before=place, size=2)) == [11, 10]
    assert numbers(page_of(twelve, after=place, size=2)) == [11, 10]


def test_a_page_counts_nothing_and_costs_the_same_whatever_its_length(
    client_of, auditor, write, list_url, django_assert_max_num_queries
):
    client = client_of(auditor)
    client.get(list_url)
    for number in range(70):
        write(f"box.n{number % 3}", before={"a": number}, after={"a": number + 1})
    with django_assert_max_num_queries(16), CaptureQueriesContext(connection) as seen:
        response = client.get(list_url)
    assert len(response.context["rows"]) == 50
    of_the_trail = [query["sql"] for query in seen.captured_queries if "core_auditevent" in query["sql"]]
    assert of_the_trail and not [sql for sql in of_the_trail if "COUNT(" in sql.upper()]


def test_a_page_is_read_from_the_index_in_order(new_tables, twelve):
    middle = place_of(twelve.order_by("-occurred_at", "-id")[5])
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_bitmapscan = off")
    with CaptureQueriesContext(connection) as seen:
        page_of(AuditEvent.objects.in_workspace(twelve[0].workspace), before=middle)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {seen.captured_queries[-1]['sql']}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "Sort" not in plan and "Index Scan" in plan, plan


def test_filters_use_only_what_an_index_may_see_behind_a_wall(workspace):
    """A wall lets an index see leakproof conditions alone: with LIKE or upper() a filter would read the whole table."""
    query = {"q": "Crate", "actor": "owner", "action": "box.", "target": "t", "request_id": "r", "mode": "live"}
    form = AuditFilterForm(query, actions=[])
    assert form.is_valid()
    sql = str(form.apply(workspace).query).upper()
    assert "LIKE" not in sql and "UPPER(" not in sql and sql.count("~>=~") == 3
    with connection.cursor() as cursor:
        names = ["text_pattern_ge", "text_pattern_lt", "texteq"]
        cursor.execute("SELECT proname, proleakproof FROM pg_proc WHERE proname = ANY(%s)", [names])
        assert dict(cursor.fetchall()) == dict.fromkeys(names, True)


# --- One event ---------------------------------------------------------------------------------------------------


def test_an_event_shows_its_chain_its_changes_and_that_it_is_intact(client_of, auditor, owner, write):
    chain = Actor.of(owner).through("agent", "a1", "Research agent").through("call", "c", "share_files")
    event = write(
        "box.sealed",
        actor=chain,
        before={"state": "open", "same": 1, "gone": "x"},
        after={"state": "sealed", "same": 1, "new": ["a", 2]},
        reason="Full",
    )
    text = client_of(auditor).get(event.get_absolute_url()).text
    for part in ("Box sealed", "box.sealed", "Research agent", "<code>share_files</code>", "Full"):
        assert part in text
    assert "<del>open</del>" in text and "<ins>sealed</ins>" in text and "<del>x</del>" in text
    assert "<ins>[&quot;a&quot;, 2]</ins>" in text
    assert f"{len(event.commitments)} of {len(event.commitments)} match" in text and "Intact" in text


def test_a_value_that_is_not_what_was_committed_to_is_named(client_of, auditor, owner, workspace, write):
    event = write(before={"state": "open"}, after={"state": "sealed"})
    detail = AuditDetail.objects.get(event_id=event.pk)
    detail.fields["after.state"] = "burnt"
    view = _view_with(event, detail)
    assert (view.broken, view.matching, view.committed) == (
        ["after.state"],
        len(event.commitments) - 1,
        len(event.commitments),
    )


@pytest.mark.parametrize(
    ("column", "value", "named"),
    [
        ("action", "box.closed", "action"),
        ("actor_id", "somebody", "actor.chain"),
        ("target_id", "elsewhere", "target.id"),
        ("simulated", True, "simulated"),
    ],
)
def test_a_column_that_disagrees_with_its_commitment_is_named(write, column, value, named):
    event = write()
    setattr(event, column, value)
    assert view_of(event).broken == [named]


def test_a_commitment_that_was_taken_away_or_added_is_named(write):
    event = write(after={"state": "sealed"})
    del event.commitments["after.state"]
    event.commitments["after.other"] = "0" * 64
    view = view_of(event)
    assert view.broken == ["after.other", "after.state"]
    assert view.matching == view.committed - 1


def test_an_event_whose_values_retention_deleted_still_shows_who_what_and_when(client_of, auditor, workspace, owner):
    event = AuditEvent.objects.create(
        workspace=workspace, occurred_at=timezone.now(), action="box.opened", actor_kind="person",
        actor_id=str(owner.pk), target_kind="box", target_id="b1", commitments={"action": "0" * 64},
    )  # fmt: skip
    text = client_of(auditor).get(event.get_absolute_url()).text
    assert "The values are gone." in text and str(owner.pk) in text and "1 kept" in text


@pytest.mark.parametrize(
    "fields",
    [
        "text",
        [],
        {},
        {"actor.chain": "somebody"},
        {"actor.chain": {}},
        {"actor.chain": []},
        {"actor.chain": [{"kind": "person", "id": "p"}]},
        {"actor.chain": [{"kind": "person", "id": "p", "label": {"of": 1}}], "before.state": [1], "data.note": None},
    ],
    ids=str,
)
def test_a_detail_that_cannot_be_read_hides_no_other_event(
    client_of, auditor, workspace, owner, write, list_url, fields
):
    """As somebody with the database's own rights would leave it."""
    now, fine = timezone.now(), write("box.closed")
    event = AuditEvent.objects.create(
        workspace=workspace, occurred_at=now, action="box.opened", actor_kind="person", actor_id=str(owner.pk),
        target_kind="box", target_id="b1", commitments=[],
    )  # fmt: skip
    AuditDetail.objects.create(
        event_id=event.pk, workspace=workspace, occurred_at=now, actor_label="Ada", target_label="Box 1",
        fields=fields, salt=b"",
    )  # fmt: skip
    client = client_of(auditor)
    rows = {row.event: row for row in client.get(list_url).context["rows"]}
    assert (rows[event].is_readable, rows[event].actor, rows[fine].is_readable) == (False, str(owner.pk), True)
    assert client.get(list_url).text.count("Detail cannot be read") == 1
    opened = client.get(event.get_absolute_url()).text
    assert "This event was altered after it was written." in opened and "actor.chain" in opened
    home = f"/api/v1/workspaces/{workspace.slug}/events/"
    assert {one["id"] for one in client.get(home).json()["results"]} >= {event.pk, fine.pk}
    assert "actor.chain" in client.get(f"{home}{event.pk}/").json()["broken"]
    assert line_of(0, b"", event, AuditDetail.objects.get(event_id=event.pk))["action"] == "box.opened"


def test_actions_read_as_words():
    assert in_words("secret_key.rotated") == "Secret key rotated"
    assert in_words("api_document.handed_in") == "API document handed in"


def _view_with(event, detail):
    """The view of an event whose detail was altered: no test can alter the row itself, which the database refuses."""
    with patch("galaxy.core.audit.reading.AuditDetail.objects") as objects:
        objects.in_workspace.return_value.filter.return_value.first.return_value = detail
        return view_of(event)
