"""Lists of the marketplace and of its desk ask the database as often for many rows as for few."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from galaxy.core.scope import workspace_scope
from marketplace.models import Listing, Lowering
from marketplace.services import list_extension
from registry.courses import Course
from registry.models import NameClaim, RollOut
from registry.publishers.claiming import claim_name
from registry.publishers.handing_over import ask_for_name
from registry.services import install
from registry.updates.pack_pins import pin_for_pack
from registry.updates.rollouts import start_rollout, stop_rollout
from tests.registry.samples import connector, pack, publish

FEW, MANY = 2, 8
NAMES = ("Birch", "Cedar", "Elder", "Fir", "Hazel", "Maple", "Rowan", "Willow")


@pytest.fixture
def same_at_many(client_of):
    """``same_at_many(person, add, *places)``: ``add(number)`` makes one row more; the places list them."""

    def held(person, add, *places):
        browser, counts = client_of(person), []
        for number in range(MANY):
            add(number)
            if number + 1 in (FEW, MANY):
                counts.append([asked(browser, place) for place in places])
        few, many = counts
        assert dict(zip(places, many, strict=True)) == dict(zip(places, few, strict=True))

    def asked(browser, place) -> int:
        assert browser.get(place).status_code == 200  # what is kept by digest is kept now
        with CaptureQueriesContext(connection) as found:
            browser.get(place)
        return len(found)

    return held


def lowered(number: int, publisher, **fields) -> Lowering:
    version = publish(connector(f"works{number}"), publisher=publisher)
    listing = list_extension(version, level="verified", summary="Works.")
    Listing.objects.filter(pk=listing.pk).update(level="community")
    return Lowering.objects.create(
        listing=listing, before="verified", after="community", rule="publisher", reason="Not proven.", **fields
    )


def test_levels_that_were_lowered(same_at_many, workspace, creator):
    publisher = claim_name(workspace, name="Meridian Works", actor=creator)
    same_at_many(
        creator, lambda number: lowered(number, publisher), reverse("marketplace:level-list", args=[workspace.slug])
    )


def test_appeals(same_at_many, desk, workspace, creator):
    publisher = claim_name(workspace, name="Meridian Works", actor=creator)

    def add(number):
        said = {"appeal": "open", "plea": "It is ours.", "asked_by": creator, "asked_at": timezone.now()}
        lowered(number, publisher, **said)

    same_at_many(desk.reviewer, add, reverse("marketplace:appeal-list", args=[desk.workspace.slug]))


@pytest.mark.parametrize("is_desk", [True, False])
def test_names_that_are_asked_for(same_at_many, desk, workspace, creator, other_workspace, stranger, is_desk):
    def add(number):
        there = claim_name(workspace, name=f"{NAMES[number]} Made", actor=creator)
        with workspace_scope([other_workspace.pk]):
            row = ask_for_name(other_workspace, publisher=there, plea="Ours by right.", actor=stranger)
        if number % 2:
            NameClaim.objects.filter(pk=row.pk).update(
                first_by=desk.reviewer, first_at=timezone.now(), first_reason="The register says so."
            )

    house, person = (desk.workspace, desk.reviewer) if is_desk else (other_workspace, stranger)
    same_at_many(person, add, reverse("registry:name-claim-list", args=[house.slug]))


def test_publications_with_their_versions(same_at_many, workspace, creator):
    publisher = claim_name(workspace, name="Meridian Works", actor=creator)

    def add(number):
        for step in range(1 + number % 3):
            list_extension(
                publish(connector(f"works{number}", f"1.0.{step}"), publisher=publisher),
                level="verified",
                summary="Works.",
            )

    same_at_many(creator, add, reverse("retiring:publication-list", args=[workspace.slug]))


def test_roll_outs_among_updates(same_at_many, workspace, admin):
    def add(number):
        version = publish(connector(f"going{number}"))
        one = install(workspace, version.extension, version=version, actor=admin)
        rollout = start_rollout(
            one, version=publish(connector(f"going{number}", "1.0.1")), actor=admin, course=Course()
        )
        if number % 2:
            stop_rollout(rollout, by=admin, why="A look at it.")

    same_at_many(admin, add, reverse("registry:update-list", args=[workspace.slug]))
    assert RollOut.objects.open().count() == MANY


def test_packs_of_a_roll_out_and_packs_with_a_version_of_their_own(same_at_many, workspace, admin):
    version = publish(connector("going"))
    one = install(workspace, version.extension, version=version, actor=admin)
    newer = publish(connector("going", "1.0.1"))
    callers = []

    def add(number):
        flow = publish(pack(f"going.flow{number}", needs="going"))
        callers.append(install(workspace, flow.extension, version=flow, actor=admin))
        pin_for_pack(one, pack=callers[-1], version=version, actor=admin, reason="As it is.")

    places = [
        reverse(f"registry:{name}", args=[workspace.slug, one.pk]) for name in ("pack-pin-list", "roll-out-create")
    ]
    places[1] += f"?to={newer.digest}"
    same_at_many(admin, add, *places)


def test_the_page_of_a_roll_out_by_packs(same_at_many, workspace, admin):
    version = publish(connector("going"))
    one = install(workspace, version.extension, version=version, actor=admin)
    newer = publish(connector("going", "1.0.1"))
    flows = [publish(pack(f"going.flow{number}", needs="going")) for number in range(MANY)]
    callers = [install(workspace, flow.extension, version=flow, actor=admin) for flow in flows]
    course = Course(stages=((100, 24),), packs=tuple(callers[:1]))
    rollout = start_rollout(one, version=newer, actor=admin, course=course)
    named = rollout.packs.model

    def add(number):
        if number:
            named.objects.create(workspace=workspace, rollout=rollout, pack=callers[number])

    same_at_many(admin, add, rollout.get_absolute_url())
