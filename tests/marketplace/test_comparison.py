"""Two to four listings side by side."""

import pytest
from django.urls import reverse
from django.utils import timezone

from marketplace.models import Listing
from marketplace.services import list_extension
from registry.services import install
from tests.playhouse import staged
from tests.registry.samples import action, connector, publish, transform


@pytest.fixture
@staged
def offers(workspace):
    deletes = connector("acme", "1.0.0", action(), action("delete_thing", "things.delete", "DELETE"), name="Acme CRM")
    reads = connector("zeta", "1.0.0", action("list_mail", "mail.read", "GET"), name="Zeta Mail")
    rest = [connector(f"c{at}", "1.0.0", action(f"do_{at}"), name=f"C{at}") for at in range(3)]
    made = [deletes, reads, transform(), *rest]
    return [list_extension(publish(one), level="verified", summary="It helps.") for one in made]


@pytest.fixture
def url(workspace):
    return reverse("marketplace:listing-comparison", args=[workspace.slug])


def rows(page):
    return {row.label: row.cells for row in page.context["comparison"].rows}


def test_capabilities_scopes_figures_and_recency_stand_side_by_side(client_of, workspace, admin, member, url, offers):
    install(workspace, offers[1].extension, version=offers[1].version, actor=admin)
    page = client_of(member).get(url, {"pick": ["acme", "zeta"]})
    found = rows(page)
    assert found["Can"] == [["Writes", "Deletes"], ["Reads"]]
    assert found["Scopes"][1] == ["Read mail"]
    assert found["Figures"] == ["Not enough runs yet"] * 2 and "Errors" not in found
    assert found["Here"] == ["Not installed", "1.0.0"]
    assert {"Released", "Data classes"} <= found.keys()
    assert "Manage Zeta Mail" in page.content.decode()
    Listing.objects.filter(pk=offers[0].pk).update(runs=5_000, good=4_990, p95_ms=120, last_run_at=timezone.now())
    found = rows(client_of(member).get(url, {"pick": ["acme", "zeta"]}))
    assert found["Errors"] == ["0.2 %", "Not enough runs yet"] and "Figures" not in found
    assert {"p95", "Auth failures", "Last call", "Sample"} <= found.keys()


@pytest.mark.parametrize(("picked", "shown", "left"), [([], 0, 0), (["acme"], 1, 0), (["acme", "none", "acme"], 1, 0)])
def test_fewer_than_two_are_asked_for_more(client_of, member, url, offers, picked, shown, left):
    page = client_of(member).get(url, {"pick": picked})
    assert (len(page.context["comparison"].columns), page.context["comparison"].left_out) == (shown, left)
    assert "Choose two to four" in page.content.decode()


def test_what_does_not_fit_is_said(client_of, member, url, offers):
    page = client_of(member).get(url, {"pick": ["acme", "zeta", "things.clean", "c0", "c1", "\x00"]})
    assert len(page.context["comparison"].columns) == 4
    assert "1 is left out" in page.content.decode()
