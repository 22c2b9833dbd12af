"""normalize_date, normalize_phone, normalize_text and normalize_number, one table each."""

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.transforms import TransformError, apply
from sandbox.transforms.dates import load_zone, normalize_date
from sandbox.transforms.phones import normalize_phone
from sandbox.transforms.texts import normalize_number, normalize_text


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-01-03", "2026-01-03T00:00:00Z"),
        ("2026/1/3 10:00", "2026-01-03T10:00:00Z"),
        ("20260103", "2026-01-03T00:00:00Z"),
        ("20260103T101530Z", "2026-01-03T10:15:30Z"),
        ("2026-W01-6", "2026-01-03T00:00:00Z"),
        ("2026-01-03T10:15:30+01:00", "2026-01-03T09:15:30Z"),
        ("2026-01-03 10:00 +0100", "2026-01-03T09:00:00Z"),
        ("2026-01-03 24:00", "2026-01-04T00:00:00Z"),
        ("3 Jan 2026 4pm", "2026-01-03T16:00:00Z"),
        ("January 3rd, 2026", "2026-01-03T00:00:00Z"),
        ("May 4, 2026 at 3:07 PM", "2026-05-04T15:07:00Z"),
        ("Fri, 02 Jan 2026 23:30:00 -0500", "2026-01-03T04:30:00Z"),
        ("2026-01-03T10:00:00 EST", "2026-01-03T15:00:00Z"),
        ("25/12/2026", "2026-12-25T00:00:00Z"),
        ("1767456000", "2026-01-03T16:00:00Z"),
        (1767456000000, "2026-01-03T16:00:00Z"),
        ("2026-01-03T16", "2026-01-03T16:00:00Z"),
    ],
)
def test_a_moment_is_read_in_many_notations(written, moment):
    assert normalize_date(written, to="datetime") == moment


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("01/02/2026", "ambiguous_date"),
        ("02-Jan-26", "ambiguous_date"),
        ("10.11.12", "ambiguous_date"),
        ("2026010310", "ambiguous_date"),
        ("Jan 2026", "incomplete_date"),
        ("Friday", "incomplete_date"),
        ("12:30", "incomplete_date"),
        ("2026", "incomplete_date"),
        ("2026-02-30", "bad_date"),
        ("next week", "bad_date"),
        ("3. Januar 2026", "bad_date"),
        ("2026-01-03 10:00 CET", "unknown_zone"),
        ("x" * 100, "bad_date"),
        (10**30, "bad_date"),
        (True, "wrong_type"),
        (["2026-01-03"], "wrong_type"),
    ],
)
def test_what_is_no_certain_date_is_refused(written, code):
    with pytest.raises(TransformError) as refusal:
        normalize_date(written)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("order", "day"), [("year_first", "2001-02-03"), ("day_first", "2003-02-01"), ("month_first", "2003-01-02")]
)
def test_the_order_decides_what_is_ambiguous_and_nothing_else(order, day):
    assert normalize_date("01/02/03", order=order) == day
    assert normalize_date("2026-01-03", order=order) == "2026-01-03"
    assert normalize_date("25/12/2026", order=order) == "2026-12-25"


@pytest.mark.parametrize(
    ("written", "zone", "day"),
    [
        ("2026-01-03T23:30:00Z", "Europe/Berlin", "2026-01-04"),
        ("2026-01-03T01:00:00Z", "America/New_York", "2026-01-02"),
        ("2026-01-03 23:30", "Europe/Berlin", "2026-01-03"),
    ],
)
def test_the_day_is_the_zones_own(written, zone, day):
    assert normalize_date(written, zone=zone) == day


def test_an_hour_that_comes_twice_is_the_first_of_the_two():
    assert normalize_date("2026-10-25 02:30", zone="Europe/Berlin", to="datetime") == "2026-10-25T02:30:00+02:00"


def test_an_unknown_zone_is_refused():
    with pytest.raises(TransformError, match="no time zone"):
        load_zone("Europe/Atlantis")


def test_the_machines_own_zone_plays_no_part(monkeypatch):
    before = normalize_date("2026-01-03 10:00 EST", to="datetime")
    monkeypatch.setenv("TZ", "Australia/Sydney")
    time.tzset()
    try:
        assert os.environ["TZ"] == time.tzname[0] or time.tzname[0] == "AEST"
        assert normalize_date("2026-01-03 10:00 EST", to="datetime") == before == "2026-01-03T15:00:00Z"
    finally:
        monkeypatch.undo()
        time.tzset()


@given(st.text(max_size=30) | st.integers() | st.floats() | st.none() | st.lists(st.integers(), max_size=2))
def test_any_value_is_a_date_or_a_refusal(value):
    try:
        day = normalize_date(value)
    except TransformError:
        return
    assert normalize_date(day) == day


@given(st.datetimes(timezones=st.timezones()))
def test_every_moment_survives_its_own_notation(moment):
    try:
        written = normalize_date(moment.isoformat(), to="datetime")
    except TransformError:
        assert moment.year in (1, 9999) or moment.utcoffset().total_seconds() % 60
        return
    assert normalize_date(written, to="datetime") == written


@pytest.mark.parametrize(
    ("written", "region", "number"),
    [
        ("(415) 555-0132", "US", "+14155550132"),
        ("+1 415 555 0132 ext. 7", "US", "+14155550132"),
        ("+44 20 7946 0958", "US", "+442079460958"),
        ("020 7946 0958", "GB", "+442079460958"),
        ("030 901820", "DE", "+4930901820"),
        ("+4930901820", None, "+4930901820"),
    ],
)
def test_a_number_becomes_international(written, region, number):
    assert normalize_phone(written, region=region) == number


@pytest.mark.parametrize(
    ("written", "region", "code"),
    [
        ("020 7946 0958", None, "no_region"),
        ("123", "US", "bad_phone"),
        ("call me", "US", "bad_phone"),
        ("+1 415 555 0132 " + "9" * 60, "US", "bad_phone"),
        (4155550132, "US", "wrong_type"),
    ],
)
def test_what_is_no_number_is_refused(written, region, code):
    with pytest.raises(TransformError) as refusal:
        normalize_phone(written, region=region)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("text", "options", "normal"),
    [
        ("  ada   LOVELACE \n", {"case": "title"}, "Ada Lovelace"),
        ("o'neil jean-luc", {"case": "title"}, "O'neil Jean-Luc"),
        ("Zoe\u0308", {}, "Zoë"),
        ("ﬁle №1", {"form": "NFKC"}, "file No1"),
        (" a  b ", {"trim": False}, " a b "),
        (" a  b ", {"collapse": False}, "a  b"),
        ("STRASSE", {"case": "lower"}, "strasse"),
    ],
)
def test_a_text_gets_one_spelling(text, options, normal):
    assert normalize_text(text, **options) == normal


@given(st.text(max_size=60), st.sampled_from(["keep", "lower"]), st.sampled_from(["NFC", "NFKC"]))
def test_a_normal_text_stays_as_it_is(text, case, form):
    once = normalize_text(text, case=case, form=form)
    assert normalize_text(once, case="keep", form=form) == once


@pytest.mark.parametrize(
    ("written", "sign", "number"),
    [
        ("1,234.50", ".", 1234.5),
        ("1.234,50", ",", 1234.5),
        ("€ 1 234,5", ",", 1234.5),
        ("12'345.6", ".", 12345.6),
        ("1,234,567", ".", 1234567),
        ("-$5", ".", -5),
        ("−5", ".", -5),
        (" 7 ", ".", 7),
        (2.50, ".", 2.5),
        (3, ",", 3),
    ],
)
def test_a_number_is_read_with_its_decimal_sign(written, sign, number):
    assert normalize_number(written, decimal_sign=sign) == number


def test_a_number_is_rounded_half_to_even_from_its_digits():
    assert [normalize_number(text, decimals=2) for text in ("2.675", "2.665", "0.125", "1")] == [2.68, 2.66, 0.12, 1]


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("1,2", "bad_number"),
        ("1,23,456", "bad_number"),
        ("1 234,567", "bad_number"),
        ("1e5", "bad_number"),
        ("٣", "bad_number"),
        ("", "bad_number"),
        (float("inf"), "bad_number"),
        (10**20, "number_range"),
        ("99999999999999999999", "number_range"),
        (True, "wrong_type"),
        ([], "wrong_type"),
    ],
)
def test_what_is_no_certain_number_is_refused(written, code):
    with pytest.raises(TransformError) as refusal:
        normalize_number(written)
    assert refusal.value.code == code


@given(st.integers(-(2**53) + 1, 2**53 - 1))
def test_grouping_never_changes_a_number(number):
    assert normalize_number(f"{number:,}") == number
    assert normalize_number(f"{number:,}".replace(",", "."), decimal_sign=",") == number


@pytest.mark.parametrize("blank", [{}, {"created": None}, {"created": "  "}])
def test_a_field_that_says_nothing_is_left_alone(blank):
    assert apply([{"op": "normalize_date", "args": {"field": "created"}}], blank) == blank


def test_a_refusal_names_the_field_and_not_the_value():
    with pytest.raises(TransformError) as refusal:
        apply([{"op": "normalize_phone", "args": {"field": "phone", "region": "US"}}], {"phone": "secret words"})
    assert (refusal.value.field, "secret" in refusal.value.sentence) == ("phone", False)
