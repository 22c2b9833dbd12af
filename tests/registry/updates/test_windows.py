"""Windows go by what the clocks of their zone show, on the days that clocks change too."""

from datetime import UTC, datetime, time, timedelta

import pytest

from registry.updates.windows import Window

BERLIN = "Europe/Berlin"
WEEKDAYS = 0b0011111


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-06-03T03:59:59", False),  # 05:59:59 in Berlin
        ("2026-06-03T04:00:00", True),
        ("2026-06-03T05:59:59", True),
        ("2026-06-03T06:00:00", False),
        ("2026-06-06T04:30:00", False),  # a Saturday
        ("2026-01-07T05:00:00", True),  # winter: an hour later in UTC
        ("2026-01-07T04:30:00", False),
    ],
)
def test_it_opens_by_the_clocks_of_its_zone(moment, is_open):
    assert Window(WEEKDAYS, time(6), time(8), BERLIN).is_open(at(moment)) is is_open


def test_one_that_closes_before_it_opens_closes_on_the_next_day():
    night = Window(0b0010000, time(22), time(2))  # Fridays
    shown = ["2026-06-05T21:59", "2026-06-05T22:00", "2026-06-06T01:59", "2026-06-06T02:00", "2026-06-06T23:00"]
    assert [night.is_open(at(moment)) for moment in shown] == [False, True, True, False, False]
    assert not night.is_open(at("2026-06-05T01:00"))  # the night of Thursday


def test_an_hour_that_is_shown_twice_is_open_twice():
    window = Window(opens=time(2), closes=time(3), zone=BERLIN)
    night = at("2026-10-25T00:00")  # 02:00 summer time; at 01:00 UTC it is 02:00 again
    quarters = [window.is_open(night + timedelta(minutes=15 * step)) for step in range(-1, 9)]
    assert quarters == [False, *[True] * 8, False]


def test_an_hour_that_is_left_out_does_not_open():
    window = Window(opens=time(2), closes=time(3), zone=BERLIN)
    night = at("2026-03-29T00:00")  # 01:00 in Berlin; at 01:00 UTC it is 03:00
    assert not any(window.is_open(night + timedelta(minutes=step)) for step in range(180))
    assert window.next_open(night) == at("2026-03-30T00:00")


def test_one_that_begins_in_the_hour_that_is_left_out_opens_as_soon_as_that_is_past():
    window = Window(opens=time(2, 30), closes=time(4), zone=BERLIN)
    assert window.next_open(at("2026-03-29T00:30")) == at("2026-03-29T01:00")
    assert window.is_open(at("2026-03-29T01:00"))


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-06-03T05:00", "2026-06-03T05:00"),  # open already
        ("2026-06-03T07:00", "2026-06-04T04:00"),
        ("2026-06-05T07:00", "2026-06-08T04:00"),  # over the weekend
        ("2026-10-23T07:00", "2026-10-26T05:00"),  # and over the end of summer time
    ],
)
def test_the_next_opening_is_the_earliest_there_is(now, opens):
    window = Window(WEEKDAYS, time(6), time(8), BERLIN)
    assert window.next_open(at(now)) == at(opens)


def test_it_is_named_as_people_name_it():
    assert Window().words == "At any time"
    assert Window(WEEKDAYS, time(6), time(8), BERLIN).words == "Weekdays, 06:00 to 08:00 (Europe/Berlin)"
    assert Window(0b0000101).words == "Monday, Wednesday, all day (UTC)"
