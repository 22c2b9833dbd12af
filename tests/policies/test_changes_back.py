"""Going back where a rule wants a yes: asked for with a reason, made as a rollback, and asked anew where it moved."""

import pytest
from django.urls import reverse

from galaxy.core.errors import Invalid
from galaxy.core.scope import scope_with
from policies.models import Change
from policies.services.changes import ask_upgrade
from registry.models import Installation, Pin
from registry.services import install, move_pin
from registry.services.retiring import deprecate, yank
from tests.registry.samples import connector, publish
from tests.registry.test_retiring import in_days

WHY = "It answers late."


@pytest.fixture
def versions():
    return {number: publish(connector("acme", number)) for number in ("1.1.0", "1.2.0", "1.3.0")}


@pytest.fixture
def held(workspace, admin, versions, rule):
    one = install(workspace, versions["1.1.0"].extension, version=versions["1.1.0"], actor=admin)
    for number in ("1.2.0", "1.3.0"):
        move_pin(one, version=versions[number], actor=admin)
    rule("require_approval", acts=["upgrade"])
    rows = Installation.objects.select_related("workspace", "extension", "pin__version__extension")
    return rows.get(pk=one.pk)


def pinned() -> str:
    return Pin.objects.select_related("version").get().version.number


def test_of_two_ways_back_that_wait_the_second_is_asked_anew(held, versions, admin, member, say):
    """A yes to going from 1.3.0 to 1.1.0 is none to going there from where the other one led."""
    first = ask_upgrade(held, versions["1.2.0"], actor=admin, reason=WHY)
    second = ask_upgrade(held, versions["1.1.0"], actor=admin, reason=WHY)
    assert say(first).state == "made" and pinned() == "1.2.0"
    asked = second.approval_id
    assert say(second).state == "waiting" and pinned() == "1.2.0"
    assert second.approval_id != asked
    assert say(second).state == "made" and pinned() == "1.1.0"
    assert Pin.objects.get().reason == WHY


def test_it_takes_a_reason(client_of, workspace, held, versions, admin):
    with pytest.raises(Invalid, match="A rollback has a reason"):
        ask_upgrade(held, versions["1.2.0"], actor=admin, reason="  ")
    place = reverse("registry:rollback", args=[workspace.slug, held.pk])
    page = client_of(admin).get(place, {"to": versions["1.2.0"].digest}).text
    assert "Ask for it" in page and 'aria-describedby="ask-reason-hint" required' in page


def test_to_a_deprecated_version_it_is_asked_for_and_to_a_yanked_one_not(
    client_of, workspace, desk, held, versions, admin, say
):
    with scope_with(desk.workspace.pk):
        deprecate(versions["1.2.0"], ends_on=in_days(90), reason=WHY, actor=desk.reviewer)
    sent = {"kind": "upgrade", "installation": held.pk, "to": versions["1.2.0"].digest, "reason": WHY}
    place = reverse("policies:change-create", args=[workspace.slug])
    assert client_of(admin).post(place, sent).status_code == 302
    assert say(Change.objects.get()).state == "made" and pinned() == "1.2.0"
    with scope_with(desk.workspace.pk):
        yank(versions["1.1.0"], reason=WHY, actor=desk.reviewer)
    assert client_of(admin).post(place, sent | {"to": versions["1.1.0"].digest}).status_code == 404


def test_what_is_yanked_while_it_waits_is_not_gone_back_to(desk, held, versions, admin, say):
    change = ask_upgrade(held, versions["1.2.0"], actor=admin, reason=WHY)
    with scope_with(desk.workspace.pk):
        yank(versions["1.2.0"], reason=WHY, actor=desk.reviewer)
    assert say(change).state == "failed" and pinned() == "1.3.0"
    assert "yanked by its publisher" in change.error
