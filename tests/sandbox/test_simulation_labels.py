"""What is simulated says so wherever it is told: trail and its exports, API, pages, lists, notifications and mails."""

import csv
import io
import json

import pytest
from django.core import mail

from galaxy.core.audit.packs.rows import lines, sheet
from galaxy.core.audit.packs.selection import sealed_size, select
from galaxy.core.models import AuditEvent, Notification
from galaxy.core.notifications.hooks.messages import message_of
from galaxy.core.notifications.kinds import find
from galaxy.core.notifications.mailing import mail_digest, mail_notifications
from sandbox.errors import RunError
from sandbox.models import Category, Run
from sandbox.services import invoke
from sandbox.services.claiming import Standing, claim
from sandbox.services.ending import end
from tests.extensions import PROBE, installed
from tests.playhouse import staged
from tests.sealing import make_sequencer, seal


@pytest.fixture
@staged
def run(workspace, admin):
    installed(workspace, admin, PROBE)
    return invoke(workspace, actor=admin, target="probe.look_up", inputs={"key": "a"}, simulate=True)


@pytest.fixture
def failed(run):
    held = claim(run.pk, lambda run: Standing({}, "", {}), lambda run: None)
    end(held, error=RunError(Category.TOOL_ERROR, "broke", sentence="It broke."))
    return Run.objects.get(pk=run.pk)


def test_every_event_of_the_trail_says_so(failed):
    events = AuditEvent.objects.filter(target_id=str(failed.pk))
    assert {event.action for event in events} >= {"run.requested", "run.failed"}
    assert all(event.simulated for event in events)


def test_its_exports_have_a_column_for_it(workspace, failed, tmp_path, monkeypatch):
    seal(make_sequencer(tmp_path, monkeypatch), workspace)
    chosen = select(workspace, {"target": str(failed.pk)}, sealed_size(workspace))
    table = list(csv.DictReader(io.StringIO(b"".join(sheet(workspace, chosen)).decode())))
    assert {row["action"] for row in table} >= {"run.requested", "run.failed"}
    assert {row["simulated"] for row in table} == {"true"}
    told = [json.loads(line) for line in b"".join(lines(workspace, chosen)).splitlines()]
    assert [one["simulated"] for one in told] == [True] * len(table)


def test_page_list_and_api_say_so(client_of, workspace, admin, failed):
    client = client_of(admin)
    page = client.get(failed.get_absolute_url()).content.decode()
    assert "<title>[Sim] " in page
    assert 'class="simband"' in page
    assert "Simulated" in client.get("/w/meridian/runs/").content.decode()
    api = client.get(f"/api/v1/workspaces/meridian/runs/{failed.pk}/").json()
    assert api["mode"] == "simulated"


def test_news_and_mail_and_webhook_say_so(workspace, admin, failed):
    row = Notification.objects.get(kind="run_failed", person=admin)
    key = (row.target_kind, row.target_id)
    place = find(admin, workspace, [key])[key]
    assert place.is_simulated
    admin.mail_choices = {"run_failed": True}
    admin.save()
    mail_notifications(workspace, "run_failed", failed.pk)
    assert mail.outbox[0].body.count("simulated") == 1
    Notification.objects.update(mail_at=row.occurred_at)
    mail_digest(workspace, admin)
    assert mail.outbox[1].body.count("simulated") == 1
    assert message_of(row, workspace, "hook", place).content["subject"]["simulated"] is True


def test_the_list_of_news_says_so(client_of, admin, failed):
    page = client_of(admin).get("/w/meridian/notifications/").content.decode()
    assert "Your run failed" in page
    assert "Simulated" in page.partition("Your run failed")[2][:300]


def test_what_is_partly_simulated_counts_as_simulated(run):
    run.mode, run.kind = Run.Mode.PARTIAL, "pack"
    assert run.is_simulated
