"""Who uses an installation, with owners, before it is moved or removed."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from galaxy.core.agents import create_agent
from galaxy.core.members import grant_on
from galaxy.core.models import AuditDetail, AuditEvent, Role, RoleGroup, Workspace
from galaxy.core.permissions import NotGranted, revoke
from policies.models import Approval
from registry.dependants import dependants_of, uses_of
from registry.errors import StillNeeded
from registry.models import Hold, Installation, PackPin
from registry.services import install, uninstall
from sandbox.services import invoke
from tests.extensions import PACK, PROBE, TIDY, installed, publish
from tests.playhouse import staged


@pytest.fixture
@staged
def probe(workspace, admin):
    return installed(workspace, admin, PROBE)[0]


@pytest.fixture
def three(workspace, admin, member, probe):
    """A pack, an agent and a request that waits; each has its owner."""
    for text in (TIDY, PACK):
        version = publish(text)
        install(workspace, version.extension, version=version, actor=admin)
    create_agent(
        workspace, name="Outreach", purpose="Writes to people.", owner=admin, scopes=["things.read"],
        grants=[(probe, "registry.run_installation")], calls_per_day=10, ends_at=timezone.now() + timedelta(days=30),
        actor=admin,
    )  # fmt: skip
    invoke(workspace, actor=admin, target="probe.remove", inputs={"key": "a"})
    return probe


def removal(installation) -> str:
    return reverse("registry:installation-removal", args=["meridian", installation.pk])


def test_packs_agents_pins_and_requests_stand_there_with_their_owners(client_of, three, admin, member):
    Hold.objects.create(workspace=three.workspace, installation=three, reason="Quarter end", held_by=member)
    found = {(use.kind, use.name, use.owner) for use in uses_of(three)}
    approval = Approval.objects.get()
    assert found == {
        ("pack", "Probe flow", str(admin)),
        ("agent", "Outreach", str(admin)),
        ("approval", approval.summary, str(admin)),
        ("pin", "Held at 1.0.0", str(member)),
    }
    uses = reverse("registry:installation-uses", args=["meridian", three.pk])
    assert uses in client_of(admin).get(three.get_absolute_url()).text
    page = client_of(admin).get(uses).text
    for words in ("Used by", "Probe flow", "Outreach", approval.summary, "Quarter end"):
        assert words in page
    card = client_of(member).get(uses, headers={"HX-Request": "true"})
    assert "<html" not in card.text
    text = card.text
    assert "A request that you may not open" in text and approval.get_absolute_url() not in text


def test_what_a_reader_may_not_see_is_counted_and_not_named(client_of, workspace, three, admin, member):
    """Somebody whose grant is on the one installation alone learns of no pack, agent or pin by name."""
    pack = Installation.objects.get(extension__kind="pack")
    PackPin.objects.create(
        workspace=workspace, pack=pack, installation=three, version=three.pin.version,
        digest=three.pin.digest, reason="Quarter end", pinned_by=admin,
    )  # fmt: skip
    group = RoleGroup.objects.get(workspace=workspace, role=Role.MEMBER).group
    for perm in ("core.view_installation", "core.run_installation"):
        revoke(perm, group, workspace)
    grant_on(three, perm="registry.view_installation", user=member, actor=admin)
    uses = reverse("registry:installation-uses", args=["meridian", three.pk])
    page = client_of(member).get(uses, headers={"HX-Request": "true"}).text
    for words in ("1 pack that you may not see", "1 agent that you may not see", "1 pin that you may not see"):
        assert words in page
    assert "Probe flow" not in page and "Outreach" not in page and "Quarter end" not in page
    assert "<span>4</span>" in page
    grant_on(pack, perm="registry.view_installation", user=member, actor=admin)
    page = client_of(member).get(uses, headers={"HX-Request": "true"}).text
    assert "Probe flow" in page and "Quarter end" in page and "1 agent that you may not see" in page
    grant_on(three, perm="registry.write_installation", user=member, actor=admin)
    with pytest.raises((StillNeeded, NotGranted)) as refused:
        uninstall(three, actor=member)
    assert "Outreach" not in str(refused.value)


def test_removing_what_three_depend_on_takes_its_typed_name_and_lists_all_three(client_of, three, admin):
    """F86."""
    client, url = client_of(admin), removal(three)
    page = client.get(url).text
    assert len(dependants_of(three)) == 3
    for use in dependants_of(three):
        assert use.name in page and use.owner in page
    assert "Type Probe, since others depend on it." in page
    with pytest.raises(StillNeeded, match="is needed by Probe flow, Outreach and"):
        uninstall(three, actor=admin, confirmed="probe")
    for name in ("", "probe", "Probe flow"):
        assert client.post(url, {"reason": "Not used", "name": name}).status_code == 422
    assert Installation.objects.active().filter(pk=three.pk).exists()
    client.post(url, {"reason": "Not used", "name": "Probe"})
    assert not Installation.objects.active().filter(pk=three.pk).exists()
    event = AuditEvent.objects.get(action="installation.removed")
    fields = AuditDetail.objects.get(event_id=event.pk).fields
    assert "pack: Probe flow" in str(fields["data.dependants"])


def test_what_nobody_depends_on_takes_no_name(client_of, probe, admin):
    page = client_of(admin).get(removal(probe)).text
    assert "Others depend on it." not in page and 'name="name"' not in page
    client_of(admin).post(removal(probe), {"reason": ""})
    assert not Installation.objects.active().exists()


def test_the_page_takes_a_fixed_number_of_queries(client_of, three, admin, django_assert_max_num_queries):
    client = client_of(admin)
    client.get(three.get_absolute_url())
    for number in range(5):
        invoke(Workspace.objects.get(), actor=admin, target="probe.remove", inputs={"key": f"k{number}"})
    with django_assert_max_num_queries(75):
        client.get(three.get_absolute_url())
