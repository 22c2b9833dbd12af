"""A listing offers the newest release that may be installed, whatever becomes of its versions."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from galaxy.core.scope import scope_with
from marketplace.models import Listing
from marketplace.services import list_extension
from marketplace.submissions.approving import approve
from registry.models import PublisherMember
from registry.publishers.naming import make_publisher
from registry.services.quarantining import lift, quarantine
from registry.services.retiring import deprecate, undo_deprecation, yank
from tests.registry.samples import action, connector, publish
from tests.submitting import submitted, taken, text_of

WHY = "It writes twice."


@pytest.fixture
def acme(workspace, creator):
    """Two releases under a name of the creator's; the second one is listed, and asks for more."""
    owner = make_publisher("Paper Lantern", workspace=workspace, created_by=creator)
    PublisherMember.objects.create(publisher=owner, user=creator, role="manager")
    deletes = action("delete_thing", "things.delete", "DELETE")
    found = [
        publish(connector("acme", number, action(), *more, name="Acme", summary=f"Release {number}."), owner)
        for number, more in (("1.0.0", ()), ("1.1.0", (deletes,)))
    ]
    for one in found:
        list_extension(one, level="verified", summary=one.parsed.summary)
    return found


@pytest.fixture
def look(client_of, workspace, admin):
    client = client_of(admin)
    return lambda: client.get(reverse("marketplace:listing-list", args=[workspace.slug])).content.decode()


@pytest.mark.parametrize("end", ["yanked", "deprecated", "quarantined"])
def test_the_release_before_comes_back_and_goes_again(
    end, acme, desk, creator, look, django_capture_on_commit_callbacks
):
    assert "delete things" in look()
    with django_capture_on_commit_callbacks(execute=True):
        if end == "yanked":
            yank(acme[1], reason=WHY, actor=creator)
        elif end == "deprecated":
            ends_on = timezone.now().date() + timedelta(days=90)
            deprecate(acme[1], ends_on=ends_on, reason=WHY, actor=creator)
        else:
            quarantine(acme[1], reach="installs", reason=WHY, actor=desk.reviewer)
    listing = Listing.objects.get()
    assert (listing.version, listing.level, listing.summary) == (acme[0], "verified", "Release 1.0.0.")
    page = look()
    assert "delete things" not in page and "<code>1.0.0</code>" in page and "Install…" in page
    with django_capture_on_commit_callbacks(execute=True):
        if end == "deprecated":
            undo_deprecation(acme[1], reason="It stays.", actor=creator)
        elif end == "quarantined":
            lift(acme[1], reason="A false alarm.", actor=desk.reviewer)
    assert Listing.objects.get().version == acme[0 if end == "yanked" else 1]


def test_where_nothing_is_left_the_listing_stays_and_says_so(acme, creator, look, django_capture_on_commit_callbacks):
    for one in reversed(acme):
        with django_capture_on_commit_callbacks(execute=True):
            yank(one, reason=WHY, actor=creator)
    assert Listing.objects.get().version == acme[0]
    page = look()
    assert "Yanked" in page and "Install…" not in page


def test_a_release_comes_back_at_the_level_that_it_was_approved_to(
    workspace, creator, desk, django_capture_on_commit_callbacks
):
    for number, level in (("1.0.0", "community"), ("1.0.1", "verified")):
        row = taken(submitted(workspace, creator, text=text_of(number)), desk.workspace, desk.reviewer)
        with scope_with(desk.workspace.pk):
            version = approve(row, desk=desk.workspace, actor=desk.reviewer, level=level).version
    assert Listing.objects.get().level == "verified"
    with django_capture_on_commit_callbacks(execute=True):
        quarantine(version, reach="calls", reason=WHY, actor=desk.reviewer)
    listing = Listing.objects.get()
    assert (listing.version.number, listing.level) == ("1.0.0", "community")
    with django_capture_on_commit_callbacks(execute=True):
        lift(version, reason="A false alarm.", actor=desk.reviewer)
    assert Listing.objects.get().level == "verified"
