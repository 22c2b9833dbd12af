"""Exports by the API: the same service as the page's, for who may export, by a token that opens it."""

import io
import zipfile

import pytest

from galaxy.core.audit import exporting
from galaxy.core.audit.packs import verify
from galaxy.core.models import AuditDetail, AuditEvent, ExportJob
from galaxy.core.tokens import API_PERMISSIONS
from tests import sealing
from tests.api.conftest import send, url


@pytest.fixture(autouse=True)
def sealed(settings, tmp_path, monkeypatch, workspace):
    settings.GALAXY_EXPORTS_DIR = tmp_path / "exports"
    sealing.seal(sealing.make_sequencer(tmp_path, monkeypatch), workspace)


def chain_of(action: str) -> tuple[str, list[str]]:
    """Who did it, and the kinds of links of the newest event of that name."""
    event = AuditEvent.objects.filter(action=action).latest("pk")
    chain = AuditDetail.objects.get(event_id=event.pk).fields["actor.chain"]
    return event.actor_id, [link["kind"] for link in chain]


def test_a_pack_is_asked_for_watched_and_fetched_by_token(api, token_of, auditor, tmp_path):
    client = api(token_of(auditor, "audit.export"))
    asked = {"filters": {"action": "membership."}, "left_out": ["names"], "with_csv": False}
    made = send(client, "audit-exports/", asked, **{"Idempotency-Key": "nightly"})
    again = send(client, "audit-exports/", asked, **{"Idempotency-Key": "nightly"})
    job = made.json()
    assert (made.status_code, job["state"], again.json()["id"]) == (201, "queued", job["id"])
    assert (job["filters"], job["left_out"], job["with_csv"]) == ({"action": "membership."}, ["names"], False)
    assert client.get(url(f"audit-exports/{job['id']}/file/")).status_code == 410
    exporting.work_on(job["id"])
    found = client.get(url(f"audit-exports/{job['id']}/")).json()
    assert (found["state"], found["failure"], found["done"]) == ("ready", "", found["report"]["events"])
    assert client.get(url("audit-exports/")).json()["results"] == [found]
    file = client.get(url(f"audit-exports/{job['id']}/file/"), headers={"Accept": "application/zip"})
    with zipfile.ZipFile(io.BytesIO(b"".join(file.streaming_content))) as archive:
        archive.extractall(tmp_path / "fetched")
    (folder,) = (tmp_path / "fetched").iterdir()
    assert verify.Pack(folder).verify()["events"] == found["total"] > 0
    for action in ("export.requested", "export.downloaded"):
        assert chain_of(action) == (str(auditor.pk), ["person", "token"])


def test_one_that_is_under_way_is_stopped_once(api, token_of, auditor):
    client = api(token_of(auditor))
    job = send(client, "audit-exports/", {}).json()
    stopped = send(client, f"audit-exports/{job['id']}/stopping/", {})
    assert (stopped.status_code, stopped.json()["state"]) == (200, "stopped")
    assert send(client, f"audit-exports/{job['id']}/stopping/", {}).status_code == 409


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"filters": {"colour": "red"}}, "colour"),
        ({"filters": {"outcome": "good"}}, "outcome"),
        ({"filters": {"since": "2026-02-30"}}, "since"),
        ({"left_out": ["salary"]}, "fields"),
        ({"form": "pdf"}, "form"),
    ],
)
def test_what_cannot_be_used_is_named_and_nothing_is_made(api, token_of, auditor, body, field):
    response = send(api(token_of(auditor)), "audit-exports/", body)
    assert (response.status_code, set(response.json()["fields"])) == (422, {field})
    assert not ExportJob.objects.exists()


def test_reading_the_trail_is_not_exporting_it(api, token_of, auditor, member, agent, admin):
    others = [name for name in API_PERMISSIONS if name != "audit.export"]
    for text in (token_of(auditor, *others), token_of(member), token_of(admin, agent=agent)):
        client = api(text)
        assert send(client, "audit-exports/", {}).status_code == 403
        assert client.get(url("audit-exports/")).status_code == 403
    assert not ExportJob.objects.exists()
