"""F93: a level is lost where a version falls short in use for a week after its publisher was told, and comes back by a
person's word alone."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from galaxy.core.models import AuditEvent, Notification
from galaxy.core.scope import scope_with, workspace_scope
from marketplace.evidence.ageing import answer_appeal, appeal
from marketplace.evidence.facing import badge_of_listing
from marketplace.evidence.falling_short import watch_levels
from marketplace.evidence.limits import LEAST_CALLS, LIMITS, Week, bound_for, kept_to, limits_of
from marketplace.evidence.rules import BY_CODE, GRACE_DAYS
from marketplace.evidence.spread import count_spread
from marketplace.models import Listing, Lowering, Shortfall, ToldDay, VersionDay, Widespread
from marketplace.services import list_extension
from marketplace.telemetry.counting import count_telemetry
from marketplace.telemetry.sketch import percentile
from registry.models import PublisherMember
from registry.publishers.naming import make_publisher
from registry.services import install
from tests.factories import make_user, make_workspace
from tests.registry.samples import connector, publish
from tests.sandbox.health.calls import connect, make_calls

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
QUICK, SLOW = 233, 420  # buckets of about 100 ms and 4 s
BOUNDS = [(str(one.measure), bound_for(one, "connector")) for one in LIMITS]


@pytest.fixture
def publisher(workspace, creator):
    made = make_publisher("Paper Lantern", workspace=workspace, created_by=creator)
    PublisherMember.objects.create(publisher=made, user=creator, role="author")
    return made


@pytest.fixture
def listing(publisher):
    return list_extension(publish(connector(), publisher), level="enterprise", summary="Keeps things.")


def day(version, number, good=990, bad=10, *, at=NOW, failing=3, bucket=QUICK):
    """The figures of the day ``number`` before ``at``."""
    return VersionDay(
        version=version,
        day=(at - timedelta(days=number)).date(),
        good=good,
        bad=bad,
        workspaces=max(failing, 3),
        failing=failing,
        errors={"tool_error": bad} if bad else {},
        buckets=[bucket],
        counts=[good + bad],
    )


def week(version, *, at=NOW, **figures):
    """Figures that are missed wherever they are."""
    VersionDay.objects.filter(version=version).delete()
    VersionDay.objects.bulk_create([day(version, number, at=at, **figures) for number in range(1, 8)])
    Widespread.objects.all().delete()
    Widespread.objects.bulk_create([Widespread(version=version, measure=name, bound=bound) for name, bound in BOUNDS])


def states(listing, widespread=True, **figures):
    sums = Week([day(listing.version, 1, **figures)], frozenset(BOUNDS if widespread else ()))
    return {one.limit.code: one.state for one in kept_to(limits_of("enterprise"), listing.extension.kind, sums)}


def news(person, kind):
    return Notification.objects.of(person).filter(kind=kind).count()


def test_the_limits_are_named_like_rules_and_by_none_of_their_names():
    assert len({limit.code for limit in LIMITS}) == len(LIMITS)
    assert not {limit.code for limit in LIMITS} & set(BY_CODE)
    assert not limits_of("community")
    assert percentile([([SLOW], [1])]) > 2_000 * 2 - 200


@pytest.mark.parametrize(
    ("figures", "short"),
    [
        ({"good": 995, "bad": 5}, set()),
        ({"good": 994, "bad": 6}, {"relied-on"}),
        ({"good": 970, "bad": 30}, {"relied-on"}),
        ({"good": 969, "bad": 31}, {"relied-on", "used-well"}),
        ({"good": 900, "bad": 100, "widespread": False}, set()),  # an account that ended, or somebody who means ill
        ({"bucket": SLOW, "widespread": False}, set()),  # a bad network
        ({"good": LEAST_CALLS - 4, "bad": 4}, set()),  # few mishaps decide nothing
        ({"bucket": 390}, {"keeps-pace", "relied-on"}),  # 2.2 s of 2 s
        ({"good": 1_000, "bad": 0, "bucket": SLOW}, {"keeps-pace", "used-swiftly"}),
    ],
)
def test_what_falls_short(listing, figures, short):
    assert {code for code, state in states(listing, **figures).items() if state == "short"} == short


def test_what_is_missed_in_one_workspace_or_two_is_said_to_be_theirs(listing):
    days = [day(listing.version, 1, good=900, bad=100)]
    weeks = Week(days, frozenset()), Week(days, frozenset(BOUNDS))
    few, many = (kept_to(limits_of("verified"), listing.extension.kind, one) for one in weeks)
    assert few[0].state == "kept" and "a matter of one workspace or two" in few[0].words
    assert many[0].state == "short" and "one workspace" not in many[0].words


def test_of_too_few_calls_nothing_is_said(listing):
    assert set(states(listing, good=0, bad=LEAST_CALLS - 1).values()) == {"too_few"}


def test_a_level_is_lowered_a_week_after_its_publisher_was_told(client_of, desk, workspace, creator, admin, listing):
    version = listing.version
    week(version)  # 99 % of 7,000 calls: short of 99.5 %, not of 97 %
    assert [watch_levels(now=NOW), watch_levels(now=NOW)] == [0, 0]
    row = Shortfall.objects.get()
    assert (row.rule, row.level, row.told_at) == ("relied-on", "enterprise", NOW)
    assert "99 % of 7,000 calls within 7 days succeeded" in row.reason and "99.5 %" in row.reason
    assert news(creator, "level_short") == 1 and AuditEvent.objects.filter(action="level.fell_short").count() == 1
    with scope_with(desk.workspace.pk):
        assert news(desk.reviewer, "level_short") == 1
    page = client_of(creator).get(reverse("telemetry:telemetry-detail", args=["meridian", "acme"])).text
    assert "It falls short of its level." in page and "27 Nov 2026" in page
    later = NOW + timedelta(days=GRACE_DAYS - 1)
    week(version, at=later)
    assert watch_levels(now=later) == 0 and Listing.objects.get().level == "enterprise"
    last = NOW + timedelta(days=GRACE_DAYS)
    week(version, at=last)
    assert [watch_levels(now=last), watch_levels(now=last)] == [1, 0]
    lowered = Lowering.objects.get()
    assert (lowered.before, lowered.after, lowered.rule) == ("enterprise", "verified", "relied-on")
    assert Listing.objects.get().level == "verified" and Shortfall.objects.get().end == "lowered"
    assert news(creator, "own_level_lowered") == 1
    assert AuditEvent.objects.get(action="level.lowered").target_id == str(workspace.pk)
    with scope_with(desk.workspace.pk):
        assert AuditEvent.objects.filter(action="level.lowered").count() == 2
    week(version, at=last, good=1_000, bad=0)
    assert watch_levels(now=last) == 0 and Listing.objects.get().level == "verified"  # better figures alone
    page = client_of(admin).get(reverse("marketplace:listing-detail", args=["meridian", "acme"])).text
    assert "<b>Enterprise until" in page and "99 % of 7,000 calls" in page
    appeal(lowered, plea="A vendor was down.", workspace=workspace, actor=creator)
    with scope_with(desk.workspace.pk):
        answer_appeal(lowered, uphold=True, note="It was.", actor=desk.reviewer)
    assert Listing.objects.get().level == "enterprise"
    assert badge_of_listing(Listing.objects.get(), last).lowered is None


@pytest.fixture
def houses(listing, workspace, admin):
    """The connections of five workspaces that have it installed."""
    people = [(workspace, admin)]
    for number in range(4):
        owner = make_user(f"Owner {number}")
        people.append((make_workspace(f"Quay {number}", {"owner": owner}), owner))
    found = []
    for house, person in people:
        with workspace_scope([house.pk]):
            found.append(connect(install(house, listing.extension, version=listing.version, actor=person)))
    return found


def called(house, number, ms=100, **fields):
    begun = NOW - timedelta(days=1)
    with workspace_scope([house.workspace_id]):
        make_calls(
            house, number, created_at=begun, started_at=begun, finished_at=begun + timedelta(milliseconds=ms), **fields
        )


def missed(listing):
    """What three miss by the calls made so far, told as if for the first time."""
    ToldDay.objects.all().delete()
    VersionDay.objects.all().delete()
    count_telemetry(NOW)
    count_spread(NOW)
    return set(Widespread.objects.values_list("measure", "bound"))


def test_one_slow_workspace_lowers_no_level_however_much_it_calls(listing, houses):
    for house in houses[1:]:
        called(house, 60)
        called(house, 1, 5_000)  # everybody is slow at times
    called(houses[0], 900, 30_000)
    assert missed(listing) == set()
    watch_levels(now=NOW)
    assert not Shortfall.objects.exists()


def test_nor_does_one_workspace_whose_calls_fail(listing, houses):
    for house in houses[1:]:
        called(house, 400)
        called(house, 1, category="tool_error")
    called(houses[0], 900, category="tool_error")
    assert missed(listing) == set()
    watch_levels(now=NOW)
    assert not Shortfall.objects.exists()


def test_two_that_fall_short_are_too_few_and_three_are_enough(listing, houses):
    for house in houses:
        called(house, 60)
    for house in houses[:2]:
        called(house, 60, 5_000, category="tool_error")
    assert missed(listing) == set()
    called(houses[2], 60, 3_000)
    called(houses[2], 60, category="tool_error")
    assert missed(listing) == {("pace", 2_000), ("success", 970), ("success", 995)}
    watch_levels(now=NOW)
    assert set(Shortfall.objects.values_list("rule", flat=True)) == {"keeps-pace", "used-well", "relied-on"}


def test_the_lowest_level_that_is_missed_decides(listing):
    week(listing.version, good=900, bad=100)
    watch_levels(now=NOW)
    assert set(Shortfall.objects.values_list("rule", flat=True)) == {"used-well", "relied-on"}
    last = NOW + timedelta(days=GRACE_DAYS)
    week(listing.version, at=last, good=900, bad=100)
    assert watch_levels(now=last) == 1
    assert Listing.objects.get().level == "community"


@pytest.mark.parametrize(
    ("figures", "end"), [({"good": 1_000, "bad": 0}, "better"), ({"good": 20, "bad": 1}, "too_few")]
)
def test_what_falls_short_no_more_keeps_its_level_and_its_publisher_hears_of_it(listing, creator, figures, end):
    week(listing.version)
    watch_levels(now=NOW)
    week(listing.version, **figures)
    watch_levels(now=NOW + timedelta(hours=6))
    assert Shortfall.objects.get().end == end and news(creator, "level_holds") == 1
    last = NOW + timedelta(days=GRACE_DAYS)
    week(listing.version, at=last)
    assert watch_levels(now=last) == 0  # a new week begins
    assert Shortfall.objects.filter(ended_at=None).get().told_at == last


def test_another_version_or_level_is_judged_by_itself(listing, publisher):
    week(listing.version)
    watch_levels(now=NOW)
    list_extension(publish(connector(version="1.0.1", summary="Newer."), publisher), level="verified", summary="Newer.")
    last = NOW + timedelta(days=GRACE_DAYS)
    assert watch_levels(now=last) == 0
    assert Shortfall.objects.get().end == "other" and Listing.objects.get().level == "verified"


def test_the_database_keeps_one_open_shortfall_a_rule(listing):
    week(listing.version)
    watch_levels(now=NOW)
    row = Shortfall.objects.get()
    row.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)


def test_the_page_of_levels_says_what_is_asked_where_they_are_used(client_of, member):
    page = client_of(member).get(reverse("marketplace:level-list", args=["meridian"])).text
    assert all(limit.title in page and limit.about in page for limit in LIMITS)
    assert f"from {LEAST_CALLS} calls on" in page
