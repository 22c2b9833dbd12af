"""The pages of connections with rows in every state: worn out while runs wait, beside an own one with a long name."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from galaxy.core.scope import workspace_scope
from registry.models import Connection
from sandbox.models import CallRecord
from tests.browser.axe import DESK, SMALL, faults
from tests.connections import vendor
from tests.extensions import installed
from tests.sandbox.run_rows import make_run
from tests.sandbox.test_run_pages_requests import ATTEMPTS

LONG = "somebody.with.a.long.name@subsidiary.of.meridian-sales.example"


@pytest.fixture
def pages(cast):
    """Their addresses, each with the status it answers by."""
    workspace, admin, member = cast["meridian"], cast["admin"], cast["member"]
    with workspace_scope([workspace.pk]):
        installation = installed(workspace, admin, vendor())[0]
        shared, now = installation.connections.get(), timezone.now()
        Connection.objects.filter(pk=shared.pk).update(
            status="exhausted", account="sales@meridian.example", connected_at=now, connected_by=admin,
            refreshed_at=now, expires_at=now - timedelta(hours=2), scopes_granted=["openid"],
            last_error="It refused.", last_error_code="grant_refused",
        )  # fmt: skip
        own = Connection.objects.create(
            workspace=workspace, installation=installation, owner=member, name="Vendor", account=LONG,
            status="authenticated", connected_at=now, connected_by=member,
        )  # fmt: skip
        live = {"target": "vendor.look", "mode": "live"}
        held, sent = (
            make_run(workspace, installation, admin, state=state, connection=connection, **live)
            for state, connection in (("waiting", shared), ("succeeded", own))
        )
        CallRecord.objects.create(
            workspace=workspace, run=sent, version_digest=sent.version_digest, action="look", mode="live", inputs={},
            exchanges=ATTEMPTS,
        )  # fmt: skip
        place = [workspace.slug, installation.pk]
        return {
            shared.get_absolute_url(): 200,
            f"{shared.get_absolute_url()}connect/": 200,
            f"{shared.get_absolute_url()}disconnection/": 200,
            own.get_absolute_url(): 200,
            reverse("sandbox:connection-list", args=place): 200,
            reverse("sandbox:app-registration", args=place): 200,
            f"{reverse('sandbox:connection-return', args=place)}?error=access_denied": 400,
            held.get_absolute_url(): 200,
            sent.get_absolute_url(): 200,
        }


def test_every_page_is_clean_at_every_size(visit, cast, pages):
    found = {}
    tab = visit("/w/meridian/", cast["admin"], for_axe=True)
    for path, status in pages.items():
        tab.go(path, status).page.evaluate("document.querySelectorAll('main details').forEach(one => one.open = true)")
        found[path] = faults(tab, DESK, SMALL)
    assert {path: problems for path, problems in found.items() if problems} == {}
