"""When a call is tried again: a table for each rule."""

import random
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from django.conf import settings

from registry.manifests import read
from sandbox.errors import CATEGORIES
from sandbox.models import Category, Span
from sandbox.retry import (
    DEFAULT_TOTAL_MS,
    LONGEST_ASKED_MS,
    category_of,
    is_refusal,
    plan,
    retry_after_ms,
    usual_replies,
)
from sandbox.services import invoke, perform
from tests.extensions import PROBE, installed

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "category"),
    [
        (200, None), (201, None), (204, None), (400, "validation"), (401, "auth_error"), (402, "quota"),
        (403, "auth_error"), (404, "not_found"), (408, "transient"), (409, "validation"), (410, "not_found"),
        (412, "validation"), (413, "validation"), (414, "validation"), (418, "tool_error"), (422, "validation"),
        (423, "transient"), (425, "transient"), (429, "rate_limit"), (302, "tool_error"), (500, "transient"),
        (501, "tool_error"), (502, "transient"), (503, "transient"), (504, "transient"), (507, "quota"),
        (511, "tool_error"), (599, "transient"),
    ],
)  # fmt: skip
def test_each_status_lands_in_exactly_one_category(status, category):
    assert category_of(status) == category


def test_the_list_of_categories_is_closed_and_each_one_says_what_to_do():
    assert set(CATEGORIES) == set(Category.values)
    for meaning in CATEGORIES.values():
        assert meaning.sentence.endswith(".")
        assert meaning.next_step.endswith(".")
        assert meaning.who in {"admin", "requester", "creator", "nobody"}


@pytest.mark.parametrize(
    ("header", "asked_ms"),
    [
        ("7", 7_000),
        ("0", 0),
        ("3600", 3_600_000),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90_000),
        (format_datetime(NOW - timedelta(hours=1), usegmt=True), 0),
        ("soon", None),
        ("-5", None),
        ("", None),
        ("99999999999999999999", LONGEST_ASKED_MS),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(header, asked_ms):
    assert retry_after_ms({"retry-after": header}, NOW) == asked_ms


@pytest.mark.parametrize(
    "header",
    ["Wed, 25 Nov 2026 12:01:30 GMT", "Wednesday, 25-Nov-26 12:01:30 GMT", "Wed Nov 25 12:01:30 2026"],
    ids=["IMF-fixdate", "RFC 850", "asctime"],
)
def test_all_three_forms_of_an_http_date_are_read(header):
    assert retry_after_ms({"retry-after": header}, NOW) == 90_000


@pytest.mark.parametrize(
    ("header", "told_at", "asked_ms"),
    [
        ("Wed, 25 Nov 2026 15:00:07 GMT", "Wed, 25 Nov 2026 15:00:00 GMT", 7_000),  # its clock is three hours ahead
        ("Wed, 25 Nov 2026 09:00:07 GMT", "Wed, 25 Nov 2026 09:00:00 GMT", 7_000),  # or behind
        ("Wed, 25 Nov 2026 12:00:07 GMT", "yesterday", 7_000),  # a Date that is none: our clock
        ("Fri, 31 Dec 9999 23:59:59 GMT", "Thu, 01 Jan 1970 00:00:00 GMT", LONGEST_ASKED_MS),
        ("Wed, 99 Nov 2026 12:00:07 GMT", "", None),
        ("Wed, 25 Nov 99999999999999999999 12:00:07 GMT", "", None),
        ("1.5", "", None),
        ("1e9", "", None),
        ("١٢", "", None),
    ],
)
def test_a_date_is_read_against_the_clock_of_who_wrote_it(header, told_at, asked_ms):
    assert retry_after_ms({"retry-after": header, "date": told_at}, NOW) == asked_ms


@pytest.mark.parametrize("strategy", ["fixed", "none", "exponential"])
def test_each_strategy_waits_as_it_says(strategy):
    retry = {"strategy": strategy, "max_attempts": 9, "base_ms": 500, "max_ms": 60_000}
    waits = [planned(attempt=6, retry=retry, rng=random.Random(seed)).wait_ms for seed in range(300)]
    longest = {"fixed": 500, "none": None, "exponential": 16_000}[strategy]
    if longest is None:
        assert set(waits) == {None}
    else:
        assert longest * 0.9 < max(waits) <= longest


def test_the_time_for_all_tries_is_the_manifests_own():
    retry = {"max_attempts": 9, "base_ms": 1, "total_ms": 5_000}
    assert planned(retry=retry, spent_ms=4_000).wait_ms is not None
    assert planned(retry=retry, spent_ms=5_001).reason == "time"
    assert planned(retry=retry | {"total_ms": 120_000}, asked_ms=90_000).wait_ms >= 90_000


def test_the_table_of_the_documentation_is_the_tables_own():
    text = (Path(settings.BASE_DIR) / "docs" / "resilience.md").read_text(encoding="utf-8")
    table = text[text.index("| answer | category |") :].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        answer, category = (cell.strip() for cell in line.split("|")[1:3])
        for status in re.findall(r"\b[1-5]\d\d\b", answer):
            assert category_of(int(status)) == category.strip("`"), status
    assert category_of(503) == "transient"
    assert {name for name in Category.values if f"`{name}`" in table} == set(Category.values)


def planned(**changes):
    asked = {
        "attempt": 1, "retryable": True, "may_repeat": True,
        "retry": {"max_attempts": 3, "base_ms": 500, "max_ms": 4_000}, "asked_ms": None, "spent_ms": 0,
        "rng": random.Random(1),
    }  # fmt: skip
    return plan(**asked | changes)


def test_a_wait_is_at_least_what_was_asked_for():
    for seed in range(200):
        assert planned(asked_ms=7_000, rng=random.Random(seed)).wait_ms >= 7_000


def test_back_off_grows_with_full_jitter_up_to_its_cap():
    for attempt, ceiling in ((1, 500), (2, 1_000), (3, 2_000), (4, 4_000), (5, 4_000)):
        waits = [
            planned(
                attempt=attempt, retry={"max_attempts": 9, "base_ms": 500, "max_ms": 4_000}, rng=random.Random(seed)
            ).wait_ms
            for seed in range(400)
        ]
        assert 0 <= min(waits) < ceiling * 0.1
        assert ceiling * 0.9 < max(waits) <= ceiling


def test_a_fixed_back_off_does_not_grow():
    retry = {"strategy": "fixed", "max_attempts": 9, "base_ms": 500}
    waits = [planned(attempt=5, retry=retry, rng=random.Random(seed)).wait_ms for seed in range(400)]
    assert 450 < max(waits) <= 500


def test_too_long_a_wait_is_given_up_at_once():
    assert planned(asked_ms=3_600_000) == planned(asked_ms=DEFAULT_TOTAL_MS + 1)
    assert planned(asked_ms=3_600_000).reason == "time"
    assert planned(spent_ms=DEFAULT_TOTAL_MS, asked_ms=1_000).reason == "time"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"retryable": False}, "final"),
        ({"may_repeat": False}, "unsafe"),
        ({"attempt": 3}, "attempts"),
        ({"retry": {"strategy": "none"}}, "attempts"),
    ],
)
def test_why_a_call_is_not_tried_again(changes, reason):
    assert (planned(**changes).wait_ms, planned(**changes).reason) == (None, reason)


@pytest.mark.parametrize(
    ("status", "headers", "refused"),
    [(429, {}, True), (503, {"retry-after": "1"}, True), (503, {}, False), (500, {}, False), (504, {}, False)],
)
def test_only_a_plain_refusal_says_that_nothing_was_done(status, headers, refused):
    assert is_refusal(status, headers) is refused


def test_an_hour_to_wait_ends_the_run_early_and_tells_the_time(workspace, admin):
    late = PROBE.replace('Retry-After: "7"', 'Retry-After: "3600"').replace("connector: probe", "connector: late")
    assert read(late).manifest
    installed(workspace, admin, late)
    run = invoke(workspace, actor=admin, target="late.look_up", inputs={"key": "a"}, scenario="429")
    run = perform(run.pk)
    assert (run.state, run.error_category, run.error["attempts"]) == ("failed", "rate_limit", 1)
    assert "It asks to wait until" in run.error["next_step"]
    assert not Span.objects.filter(run_id=run.pk, kind="wait").exists()


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [(200, {"error": "quota"}, "quota"), (200, {}, None), (404, {"error": "quota"}, "not_found")],
)
def test_an_entry_with_status_and_expression_asks_for_both(status, body, expected):
    replies = [{"status": 200, "match": "error == 'quota'", "category": "quota"}]
    assert category_of(status, replies, body) == expected


def test_the_usual_replies_name_each_status_once_under_its_category():
    lines = [(word, category) for words, category in usual_replies() for word in words.split(", ")]
    told = {int(word): category for word, category in lines if word.isdigit()}
    assert len(told) == len([word for word, _ in lines if word.isdigit()])
    assert all(category_of(status) == told.get(status, "tool_error") for status in range(400, 500))
    assert all(category_of(status) == told.get(status, "transient") for status in range(500, 600))
    assert {word: category for word, category in lines if not word.isdigit()} == {
        "any other 5xx": "transient",
        "no answer": "transient",
        "anything else": "tool_error",
    }
