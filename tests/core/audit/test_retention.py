"""How long values are kept: rules, previews, holds, purges with their tombstones, and packs that still verify."""

import json
from datetime import datetime, timedelta

import pytest
from django.db import DatabaseError, ProgrammingError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from galaxy.core import audit
from galaxy.core.audit import exporting, retention
from galaxy.core.audit.packs import making, verify
from galaxy.core.audit.packs.selection import sealed_size, select
from galaxy.core.errors import Conflict, Invalid
from galaxy.core.models import AuditDetail, AuditEvent, LegalHold, RetentionRule
from galaxy.core.permissions import NotGranted
from galaxy.core.scope import workspace_scope
from tests.sealing import seal

HELD = {"reason": "A claim is under way."}


@pytest.fixture
def trail(workspace, owner, monkeypatch, sequencer):
    """Three events of forty days ago and three of now, sealed; returns nothing."""
    real = timezone.now
    for days in (40, 0):
        monkeypatch.setattr(audit.timezone, "now", lambda days=days: real() - timedelta(days=days))
        with transaction.atomic():
            for action in ("box.opened", "box.closed", "crate.opened"):
                audit.record(action, actor=owner, target=workspace, note="A note")
    monkeypatch.setattr(audit.timezone, "now", real)
    seal(sequencer, workspace)


@pytest.fixture(autouse=True)
def month_of_then(db):
    with connection.cursor() as cursor:
        cursor.execute("SELECT galaxy_make_partitions(1, 3)")


def kept(action="") -> int:
    ids = AuditEvent.objects.filter(action__prefix=action).values("pk")
    return AuditDetail.objects.filter(event_id__in=ids).count()


def told(action) -> dict:
    event = AuditEvent.objects.filter(action=action).latest("id")
    return AuditDetail.objects.get(event_id=event.pk).fields


def pack(workspace, tmp_path, filters=None, redacted=(), *, with_sheet=True):
    folder = tmp_path / f"pack-{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    order = making.Order(workspace, "An auditor", timezone.now(), filters or {}, list(redacted), with_sheet)
    chosen = select(workspace, order.filters, sealed_size(workspace))
    for _ in making.write_events(folder, order, chosen):
        pass
    making.complete(folder, order, chosen)
    return folder


# --- Rules ----------------------------------------------------------------------------------------------------------


def test_nothing_goes_without_a_rule(workspace, trail):
    before = kept()
    assert retention.purge_everywhere() == 0 and kept() == before


@pytest.mark.asvs("14.2.7")
def test_a_rule_takes_values_of_its_events_when_they_are_old_and_leaves_the_events(workspace, admin, trail):
    events = AuditEvent.objects.count()
    retention.set_rule(workspace, prefix="box.", keep_days=30, actor=admin)
    assert retention.purge_everywhere() == 2
    assert (kept("box."), kept("crate.")) == (2, 2) and AuditEvent.objects.count() == events + 2
    tombstone = told("retention.purged")
    assert (tombstone["data.count"], tombstone["data.events"], tombstone["data.keep_days"]) == (2, "box.", 30)
    leaves = tombstone["data.last_position"] - tombstone["data.first_position"]
    assert leaves == 1 and datetime.fromisoformat(tombstone["data.first_at"]) < timezone.now() - timedelta(days=39)
    assert retention.purge_everywhere() == 0 and AuditEvent.objects.filter(action="retention.purged").count() == 1


def test_the_most_exact_rule_holds(workspace, admin, trail):
    retention.set_rule(workspace, prefix="", keep_days=30, actor=admin)
    retention.set_rule(workspace, prefix="box.", keep_days=50, actor=admin)
    retention.set_rule(workspace, prefix="box.closed", keep_days=20, actor=admin)
    retention.purge_everywhere()
    assert (kept("box.opened"), kept("box.closed"), kept("crate.")) == (2, 1, 1)


def test_what_tells_of_retention_is_never_purged(workspace, admin, trail, monkeypatch):
    retention.set_rule(workspace, prefix="", keep_days=30, actor=admin)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM core_due_details(%s, '', -1) d JOIN core_auditevent e ON e.id = d.event_id"
            " WHERE e.action LIKE 'retention.%%'", [workspace.pk],
        )  # fmt: skip
        assert cursor.fetchone() == (0,)


def test_a_change_is_audited_with_before_and_after(workspace, admin, trail):
    retention.set_rule(workspace, prefix="box.", keep_days=90, actor=admin)
    rule = retention.set_rule(workspace, prefix="box.", keep_days=30, actor=admin)
    fields = told("retention.changed")
    assert (fields["before.keep_days"], fields["after.keep_days"], fields["data.events_due"]) == (90, 30, 2)
    retention.set_rule(workspace, prefix="box.", keep_days=30, actor=admin)
    assert AuditEvent.objects.filter(action="retention.changed").count() == 2, "nothing changed the third time"
    retention.end_rule(rule, actor=admin)
    assert told("retention.ended")["before.keep_days"] == 30 and retention.purge_everywhere() == 0


def test_a_preview_says_how_many_go(workspace, admin, trail):
    found = retention.preview_rule(workspace, prefix="box.", keep_days=30)
    assert (found.events, found.held) == (2, 0) and found.oldest < timezone.now() - timedelta(days=39)
    retention.place_hold(workspace, actor=admin, prefix="box.closed", **HELD)
    found = retention.preview_rule(workspace, prefix="box.", keep_days=30)
    assert (found.events, found.held) == (1, 1)
    assert retention.preview_rule(workspace, prefix="box.", keep_days=50) == retention.Preview(0, 0, None)


def test_many_go_in_batches_each_with_its_tombstone(workspace, admin, trail, monkeypatch):
    monkeypatch.setattr(retention, "BATCH", 2)
    retention.set_rule(workspace, prefix="", keep_days=30, actor=admin)
    assert retention.purge_everywhere() == 3
    assert AuditEvent.objects.filter(action="retention.purged").count() == 2


def test_a_rule_that_fails_is_reported_holds_up_no_other_and_is_tried_again(
    workspace, admin, trail, monkeypatch, caplog
):
    for prefix in ("box.", "crate."):
        retention.set_rule(workspace, prefix=prefix, keep_days=30, actor=admin)
    due, purge, tried = {"box.": 2, "crate.": 1}, retention.purge, []

    def fails_at_first(rule):
        tried.append(rule)
        return purge(rule) if rule != tried[0] else kept(None)

    monkeypatch.setattr(retention, "purge", fails_at_first)
    gone = retention.purge_everywhere()
    failed = due.pop(tried[0].prefix)
    assert len(tried) == 2 and gone == sum(due.values())
    assert str(tried[0].pk) in caplog.text and str(workspace.pk) in caplog.text
    monkeypatch.undo()
    assert retention.purge_everywhere() == failed


def test_only_who_manages_the_trail_sets_rules_and_holds(workspace, auditor, admin, trail):
    rule = retention.set_rule(workspace, prefix="box.", keep_days=30, actor=admin)
    hold = retention.place_hold(workspace, actor=admin, **HELD)
    for act in (
        lambda: retention.set_rule(workspace, prefix="", keep_days=1, actor=auditor),
        lambda: retention.end_rule(rule, actor=auditor),
        lambda: retention.place_hold(workspace, actor=auditor, **HELD),
        lambda: retention.release_hold(hold, reason="It is over now.", actor=auditor),
    ):
        with pytest.raises(NotGranted):
            act()
    with pytest.raises(Invalid):
        retention.set_rule(workspace, prefix="", keep_days=0, actor=admin)


# --- Holds ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        ({}, 3),
        ({"prefix": "box."}, 2),
        ({"prefix": "other."}, 0),
        ({"actor_id": "nobody"}, 0),
        ({"until": "before"}, 0),
        ({"since": "before"}, 3),
        ({"since": "before", "prefix": "crate."}, 1),
    ],
)
def test_a_hold_keeps_what_it_covers(workspace, admin, trail, scope, left):
    before = timezone.now() - timedelta(days=41)
    scope = {name: before if value == "before" else value for name, value in scope.items()}
    hold = retention.place_hold(workspace, actor=admin, **HELD, **scope)
    retention.set_rule(workspace, prefix="", keep_days=30, actor=admin)
    assert retention.purge_everywhere() == 3 - left
    retention.release_hold(hold, reason="The claim is settled.", actor=admin)
    assert retention.purge_everywhere() == left
    placed, released = told("legal_hold.placed"), told("legal_hold.released")
    assert placed["data.reason"] == HELD["reason"] and released["data.held_for"] == HELD["reason"]
    with pytest.raises(Conflict, match="already"):
        retention.release_hold(hold, reason="The claim is settled.", actor=admin)


def test_a_hold_of_one_person_and_one_object(workspace, owner, admin, trail):
    retention.place_hold(workspace, actor=admin, actor_id=str(owner.pk), target_id=str(workspace.pk), **HELD)
    retention.set_rule(workspace, prefix="", keep_days=30, actor=admin)
    assert retention.purge_everywhere() == 0


# --- What the database holds ----------------------------------------------------------------------------------------


def test_the_application_deletes_values_only_as_a_stored_rule_says(workspace, other_workspace, admin, trail):
    with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
        AuditDetail.objects.filter(workspace=workspace)._raw_delete("default")
    rule = retention.set_rule(workspace, prefix="box.", keep_days=50, actor=admin)
    with connection.cursor() as cursor:
        cursor.execute("SELECT events FROM core_purge_details(%s, 1000)", [rule.pk])
        assert cursor.fetchone() == (0,), "nothing is old enough"
    with workspace_scope([other_workspace.pk]), pytest.raises(DatabaseError, match="no rows"), transaction.atomic():
        connection.cursor().execute("SELECT events FROM core_purge_details(%s, 1000)", [rule.pk])


def test_what_is_not_sealed_is_not_purged(workspace, admin, sequencer, owner, monkeypatch):
    real = timezone.now
    monkeypatch.setattr(audit.timezone, "now", lambda: real() - timedelta(days=40))
    with transaction.atomic():
        audit.record("box.opened", actor=owner, target=workspace)
    monkeypatch.setattr(audit.timezone, "now", real)
    retention.set_rule(workspace, prefix="", keep_days=30, actor=admin)
    assert retention.purge_everywhere() == 0


# --- Packs after a purge ---------------------------------------------------------------------------------------------


def test_a_pack_after_a_purge_verifies_and_shows_the_range(workspace, admin, trail, sequencer, tmp_path):
    retention.set_rule(workspace, prefix="box.", keep_days=30, actor=admin)
    retention.purge_everywhere()
    with pytest.raises(Conflict, match="not sealed yet"):
        sealed_size(workspace)
    seal(sequencer, workspace)
    report = verify.Pack(folder := pack(workspace, tmp_path)).verify()
    assert (report["purged"], report["tombstones"]) == (2, 1)
    assert any("Retention took the values of 2" in line for line in verify.sentences(report))
    assert b',"salt":null,"fields":null}' in (folder / verify.EVENTS).read_bytes()


@pytest.mark.parametrize("redacted", [(), ("details", "names")])
def test_the_tombstone_comes_along_with_a_filter_and_whatever_is_left_out(
    workspace, admin, trail, sequencer, tmp_path, redacted
):
    retention.set_rule(workspace, prefix="box.", keep_days=30, actor=admin)
    retention.purge_everywhere()
    seal(sequencer, workspace)
    report = verify.Pack(pack(workspace, tmp_path, {"action": "box.opened"}, redacted)).verify()
    assert (report["events"], report["purged"], report["tombstones"]) == (3, 1, 1)


def alter(folder, position, **members):
    """Write members of one line anew, and the digest of the file with it."""
    path, sums = folder / verify.EVENTS, folder / verify.SUMS
    before, raw = making.digest_of(path), path.read_bytes().splitlines(keepends=True)
    line = json.loads(raw[position]) | members
    raw[position] = (json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
    path.write_bytes(b"".join(raw))
    sums.write_text(sums.read_text().replace(before, making.digest_of(path)))


@pytest.mark.parametrize(
    ("stripped", "said"),
    [
        (lambda first, size: first - 1, "line {first}, field fields: its values are missing, and no event says"),
        (
            lambda first, size: first + 1,
            "from here to position {last} the values of 1 more are missing than events say",
        ),
        (lambda first, size: size - 1, "its values are missing, and no event says"),
    ],
    ids=["elsewhere", "between purged ones", "of the tombstone"],
)
def test_values_that_no_tombstone_accounts_for_are_found(workspace, admin, trail, sequencer, tmp_path, stripped, said):
    retention.place_hold(workspace, actor=admin, prefix="box.closed", **HELD)
    retention.set_rule(workspace, prefix="", keep_days=30, actor=admin)
    assert retention.purge_everywhere() == 2
    seal(sequencer, workspace)
    tombstone = told("retention.purged")
    first, last = (tombstone[f"data.{name}_position"] for name in ("first", "last"))
    assert last == first + 2, "what is held lies between them"
    folder = pack(workspace, tmp_path, with_sheet=False)
    assert verify.Pack(folder).verify()["purged"] == 2
    alter(folder, stripped(first, sealed_size(workspace)), salt=None, fields=None)
    with pytest.raises(verify.Broken) as found:
        verify.Pack(folder).verify()
    assert said.format(first=first, last=last) in str(found.value)


@pytest.mark.parametrize(
    "member",
    [
        {"occurred_at": "+05:00"},
        {"occurred_at": ""},
        {"simulated": "yes"},
        {"simulated": 0},
    ],
)
def test_what_an_event_says_beside_its_leaf_is_written_in_one_way(workspace, admin, trail, sequencer, tmp_path, member):
    """Of a purged event there are no fields to compare with: whatever the leaf does not tell apart must not occur."""
    retention.set_rule(workspace, prefix="box.", keep_days=30, actor=admin)
    retention.purge_everywhere()
    seal(sequencer, workspace)
    position = told("retention.purged")["data.first_position"]
    folder = pack(workspace, tmp_path, with_sheet=False)
    if "occurred_at" in member:
        at = json.loads((folder / verify.EVENTS).read_bytes().splitlines()[position])["occurred_at"]
        member = {"occurred_at": at.removesuffix("+00:00") + member["occurred_at"]}
    alter(folder, position, **member)
    with pytest.raises(verify.Broken, match=f"line {position + 1}: it is no line of an export"):
        verify.Pack(folder).verify()


def test_nothing_is_purged_while_an_export_is_being_written(workspace, admin, auditor, trail, monkeypatch):
    monkeypatch.setattr(exporting, "_ring", lambda *ids: None)
    retention.set_rule(workspace, prefix="", keep_days=30, actor=admin)
    job = exporting.request_export(workspace, actor=auditor)
    assert retention.purge_everywhere() == 0
    exporting.stop_export(job, actor=auditor)
    assert retention.purge_everywhere() == 3


# --- Pages -----------------------------------------------------------------------------------------------------------


def address(name, workspace, *args):
    return reverse(f"core:{name}", args=[workspace.slug, *args])


def test_rules_by_their_page(client_of, admin, workspace, trail):
    client = client_of(admin)
    new = address("retention-rule-create", workspace)
    assert "every value is kept for good" in client.get(address("retention-list", workspace)).text
    looked = client.get(new, {"prefix": "box.", "keep_days": "30"})
    assert "2 events would lose their values" in looked.text and not RetentionRule.objects.exists()
    assert client.post(new, {"prefix": "box.", "keep_days": "0"}).status_code == 422
    assert client.post(new, {"prefix": "box.", "keep_days": "30"}).status_code == 302
    rule = RetentionRule.objects.get()
    change = address("retention-rule-change", workspace, rule.pk)
    assert "Kept for 30 days now" in client.get(change).text
    assert client.post(change, {"keep_days": "60"}).status_code == 302
    text = client.get(address("retention-list", workspace)).text
    assert "Box: all" in text and "60 days" in text
    assert client.post(address("retention-rule-removal", workspace, rule.pk)).status_code == 302
    assert not RetentionRule.objects.exists()


def test_holds_by_their_page(client_of, admin, auditor, workspace, trail):
    client = client_of(admin)
    new = address("legal-hold-create", workspace)
    assert client.post(new, {"reason": "short"}).status_code == 422
    wrong = client.post(new, {"reason": HELD["reason"], "since": "2026-03-02", "until": "2026-03-01"})
    assert wrong.status_code == 422 and "before the first day" in wrong.text
    assert client.post(new, {"reason": HELD["reason"], "prefix": "box.", "until": "2026-03-01"}).status_code == 302
    hold = LegalHold.objects.get()
    assert (hold.prefix, hold.until.isoformat()) == ("box.", "2026-03-02T00:00:00+00:00")
    text = client_of(auditor).get(address("retention-list", workspace)).text
    assert HELD["reason"] in text and "In force" in text and "Release…" not in text
    assert "Set how long records are kept" in text
    release = address("legal-hold-release", workspace, hold.pk)
    assert client.post(release, {"reason": "no"}).status_code == 422
    assert client.post(release, {"reason": "The claim is settled."}).status_code == 302
    assert "Released" in client.get(address("retention-list", workspace)).text


def test_an_event_whose_values_went_says_so(client_of, auditor, admin, workspace, trail):
    retention.set_rule(workspace, prefix="box.", keep_days=30, actor=admin)
    retention.purge_everywhere()
    event = AuditEvent.objects.filter(action="box.opened").earliest("occurred_at")
    assert "The values are gone." in client_of(auditor).get(event.get_absolute_url()).text


def test_the_page_costs_the_same_whatever_it_lists(client_of, admin, workspace, trail, django_assert_max_num_queries):
    for days in range(1, 6):
        retention.set_rule(workspace, prefix="box."[:days], keep_days=days, actor=admin)
        retention.place_hold(workspace, actor=admin, **HELD)
    client = client_of(admin)
    with django_assert_max_num_queries(16):
        client.get(address("retention-list", workspace))
