"""The upgrade preview: a workspace's own calls on another version, kept with a digest, and who is hit by it."""

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse

from galaxy.core.members import grant_on
from galaxy.core.models import AuditEvent, Role, RoleGroup
from galaxy.core.permissions import revoke
from policies.bound import digest_of
from registry.models import Installation
from registry.services import install
from sandbox.models import UpgradeReport
from sandbox.upgrades.impact import impacts_of, packs_seen, verdict
from sandbox.upgrades.report import latest, preview
from sandbox.upgrades.safety import judge
from tests.extensions import PACK, TIDY, publish

OWNER_GONE = (
    ("response_schema: { id: string, owner: email? }", "response_schema: { id: string }"),
    ("owner: inputs.owner } }", "} }"),
)
KEY_GONE = (
    ("request_schema: { key: string, owner: email? }", "request_schema: { key: string }"),
    ("owner: inputs.owner } }", "} }"),
)


def test_a_report_counts_what_each_recorded_call_came_to(probe, called, newer, admin):
    called("create", key="a")
    called("create", key="b", owner="ann@example.test")
    called("look_up", key="c")
    answer = "fake_id('thing-', inputs.key)\", owner: inputs.owner"
    other = answer.replace("thing-", "other-")
    version = newer((f"{answer} }} }}", f"{other} }}, latency_ms: 1000 }}"))
    report = preview(probe, version, actor=admin)
    assert (report.calls, report.same, report.differs, report.slower, report.fails) == (3, 1, 2, 2, 0)
    assert report.digest == digest_of(report.content) and report.from_digest == probe.pin.digest
    create = next(one for one in report.content["actions"] if one["action"] == "probe.create")
    assert {(one["kind"], one["count"]) for one in create["findings"]} >= {("differs", 2), ("slower", 2)}
    assert "no sockets in Python" in report.content["walls"]
    assert AuditEvent.objects.filter(action="upgrade.previewed").count() == 1
    assert latest(probe, version) == report


def test_a_call_that_would_wait_for_a_person_is_told(probe, called, newer, workspace, admin):
    called("announce", to=["a", "b"])
    assert preview(probe, newer(), actor=admin).asks == 0
    report = preview(probe, newer(("bulk: { field: to, over: 2 }", "bulk: { field: to, over: 1 }"), number="3.0.0"))
    assert report.asks == 1
    finding = report.content["actions"][0]["findings"][0]
    assert finding["kind"] == "asks" and "waits for a person" in finding["text"]


def test_the_last_calls_of_each_action_alone_are_replayed(probe, called, newer, settings):
    settings.UPGRADE_REPLAYS = 2
    for number in range(3):
        called("look_up", key=f"k{number}")
    report = preview(probe, newer())
    assert (report.calls, report.content["replays_at_most"]) == (2, 2)


def test_a_report_is_written_once(probe, newer):
    report = preview(probe, newer())
    with pytest.raises(DatabaseError), transaction.atomic():
        UpgradeReport.objects.filter(pk=report.pk).update(calls=9)


def test_who_does_not_use_the_removed_field_is_not_affected(client_of, probe, called, newer, admin, workspace):
    """F85: by recorded calls, not by the declaration alone."""
    called("create", key="a")
    version = newer(*KEY_GONE)
    impacts = impacts_of(probe, [version])[0]
    assert verdict(impacts, ()) == "Not affected. create does not take owner any more: your calls do not use it."
    page = client_of(admin).get(reverse("registry:pin-change", args=["meridian", probe.pk]), {"to": version.digest})
    assert "Not affected." in page.text and "your calls do not use it" in page.text
    called("create", key="b", owner="ann@example.test")
    impacts = impacts_of(probe, [version])[0]
    assert verdict(impacts, ()) == "create does not take owner any more: 1 of your calls use it."
    page = client_of(admin).get(reverse("registry:pin-change", args=["meridian", probe.pk]), {"to": version.digest})
    assert "Not affected." not in page.text


def test_a_pack_that_reads_a_field_is_hit_by_its_loss(probe, newer, workspace, admin):
    version = newer(*OWNER_GONE)
    assert "Not affected" in verdict(impacts_of(probe, [version])[0], ())
    reads = PACK.replace("with: { key: steps.make.id } }\noutcome", "with: { key: steps.make.owner } }\noutcome")
    for text in (TIDY, reads):
        one = publish(text)
        install(workspace, one.extension, version=one, actor=admin)
    impacts = impacts_of(probe, [version])[0]
    words = verdict(impacts, packs_seen(impacts, probe, admin))
    assert words == "create does not give owner any more: Probe flow uses it."


def test_the_preview_page_replays_and_leads_to_the_report(
    replayed, client_of, probe, called, newer, admin, member, stranger
):
    called("create", key="a")
    version = newer()
    url = reverse("sandbox:upgrade-preview", args=["meridian", probe.pk])
    client = client_of(admin)
    assert "Replay recorded calls" in client.get(url, {"to": version.digest}).text
    assert not UpgradeReport.objects.exists()  # a GET makes none
    page = replayed(client, url, to=version.digest)
    assert "1 recorded call replayed: all answered the same." in page.text and "Proven safe." in page.text
    report = UpgradeReport.objects.get()
    assert report.made_by == admin and report.digest in page.text
    assert client_of(stranger).get(report.get_absolute_url()).status_code == 404
    assert client_of(stranger).post(url, {"to": version.digest}).status_code == 404
    assert client_of(admin).get(url, {"to": "nonsense"}).status_code == 404


def test_reports_take_a_fixed_number_of_queries(client_of, probe, newer, admin, django_assert_max_num_queries):
    version = newer()
    client, url = client_of(admin), reverse("sandbox:upgrade-preview", args=["meridian", probe.pk])
    for _ in range(12):
        preview(probe, version, actor=admin)
    client.get(url, {"to": version.digest})
    with django_assert_max_num_queries(24):
        page = client.get(url, {"to": version.digest})
    assert len(page.context["page"].object_list) == 12


def test_no_page_of_a_change_names_a_pack_that_its_reader_may_not_see(
    client_of, probe, newer, workspace, admin, member
):
    """Report, move, marketplace, API and notices go by the rule of dependants; whoever sees the pack reads its name."""
    reads = PACK.replace("with: { key: steps.make.id } }\noutcome", "with: { key: steps.make.owner } }\noutcome")
    for text in (TIDY, reads):
        one = publish(text)
        install(workspace, one.extension, version=one, actor=admin)
    pack = Installation.objects.get(extension__kind="pack")
    version = newer(*OWNER_GONE)
    report = preview(probe, version, actor=admin)
    group = RoleGroup.objects.get(workspace=workspace, role=Role.MEMBER).group
    for perm in ("core.view_installation", "core.run_installation"):
        revoke(perm, group, workspace)
    grant_on(probe, perm="registry.view_installation", user=member, actor=admin)
    places = [
        report.get_absolute_url(),
        f"{reverse('sandbox:upgrade-preview', args=['meridian', probe.pk])}?to={version.digest}",
        f"{reverse('registry:pin-change', args=['meridian', probe.pk])}?to={version.digest}",
    ]
    steps = [step["id"] for step in pack.pin.version.parsed.steps]
    for place in places:
        assert "Probe flow" in client_of(admin).get(place).text
        page = client_of(member).get(place).text
        assert "1 pack that you may not see" in page and "Probe flow" not in page, place
        assert not any(f"“{step}”" in page for step in steps), place
    assert "Probe flow" not in str(judge(probe, version, report).why)  # of whom it is for is not known
    assert "Probe flow" in str(judge(probe, version, report, admin).why)
    assert report.digest == digest_of(report.content)  # what was bound is whole
    grant_on(pack, perm="registry.view_installation", user=member, actor=admin)
    for place in places:
        assert "Probe flow" in client_of(member).get(place).text
