"""The vault's pages in a real browser: a secret is stored and rotated by hand, and axe looks at every page."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from galaxy.core.models import Secret, SecretVersion
from galaxy.core.scope import workspace_scope
from galaxy.core.vault.services import (
    create_secret,
    go_on_rewrapping,
    lease,
    open_lease,
    rewrap,
    rewrapping,
    stage_version,
    switch_version,
)
from tests.browser.axe import DESK, PHONE, faults

PEM = "-----BEGIN PRIVATE KEY-----\nMIIBVgIBADANBgkq\n-----END PRIVATE KEY-----\n"
BINDING = {"hosts": ["api.example.com", "files.example.com", "uploads.example.com"], "places": ["header"]}


@pytest.fixture
def secrets(vault, workspace, admin, monkeypatch):
    """Secrets in each state, and a rotation of the key under way; the addresses of the pages by name."""
    monkeypatch.setattr(rewrapping, "_ring", lambda job: None)

    def stored(name, **changes):
        facts = {"purpose": "Calls the CRM for the sales team.", "value": "the first value", **BINDING}
        return create_secret(workspace, name=name, actor=admin, **(facts | changes))

    calm, staged, switched = stored("crm-api-key"), stored("mail-token"), stored("storage-key", hosts=["s.example.com"])
    stored("signing-key", value=PEM, hosts=[], places=[])
    stage_version(staged, value="the next value", **BINDING, actor=admin)
    switch_version(stage_version(switched, value="the next value", **BINDING, actor=admin), actor=admin)
    what = {"run_id": "0d3a4c1e-run", "purpose": "Create a task", "extension": "hubspot 1.2.0", "action": "create_task"}
    open_lease(lease(calm, **what))
    go_on_rewrapping(rewrap(workspace, actor=admin).pk)
    rewrap(workspace, actor=admin)
    pages = {name: reverse(f"core:secret-{name}", args=["meridian"]) for name in ("list", "create", "keys")}
    pages |= {secret.name: secret.get_absolute_url() for secret in (calm, staged, switched)}
    return pages | {"shredding": reverse("core:secret-shredding", args=["meridian", calm.pk])}


def test_axe_finds_nothing_on_the_pages_of_the_vault(visit, owner, auditor, secrets):
    looks = {name: [DESK] for name in ("list", "crm-api-key", "mail-token")}
    looks |= {"keys": [DESK, PHONE], "storage-key": [PHONE]}
    tabs = {person: visit("/w/meridian/", person, for_axe=True) for person in (owner, auditor)}
    found = {name: faults(tabs[owner].go(secrets[name]), *some) for name, some in looks.items()}
    found["mail-token of the auditor"] = faults(tabs[auditor].go(secrets["mail-token"]), DESK, PHONE)
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_a_secret_is_stored_and_rotated_by_hand_at_320_px(visit, admin, vault, workspace):
    tab = visit("/w/meridian/secrets/", admin, width=320)
    page = tab.page
    page.get_by_role("link", name="Store a secret").click()
    page.get_by_label("Name", exact=True).fill("crm-api-key")
    page.get_by_label("Purpose").fill("Signs requests to the CRM.")
    page.get_by_label("Value").fill(PEM)
    page.get_by_label("Headers").uncheck()
    page.get_by_role("button", name="Store it").click()
    expect(page.get_by_role("heading", name="crm-api-key")).to_be_visible()
    page.go_back()
    expect(page.get_by_label("Value")).to_have_value("")
    page.go_forward()
    page.get_by_role("link", name="Stage a value…").click()
    page.get_by_label("Value").fill("the next value")
    page.get_by_role("button", name="Stage it").click()
    page.get_by_role("button", name="Switch to v2").click()
    page.get_by_role("button", name="Retire v1").click()
    expect(page.get_by_text("v1 is retired")).to_be_visible()
    assert tab.sideways_px <= 0
    assert tab.complaints == []
    with workspace_scope([workspace.pk]):
        secret = Secret.objects.get()
        assert dict(SecretVersion.objects.values_list("number", "stage")) == {1: "retired", 2: "current"}
        what = {"run_id": "r", "purpose": "p", "extension": "e", "action": "a"}
        assert open_lease(lease(secret, **what)).value == "the next value"
