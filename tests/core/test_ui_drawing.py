"""Pure pieces of the console: tiles, bars, words. What they draw must not drift."""

import hashlib
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from galaxy.core.ui import drawings, words
from galaxy.core.ui.glyphs import MOTIFS, glyph
from galaxy.core.ui.icons import UnknownIcon, icon
from galaxy.core.ui.payloads import SHOWN, highlight

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def test_a_tile_never_changes():
    """A changed constant redraws every tile that people know an extension by."""
    tiles = "\n".join(glyph(f"extension-{number}") for number in range(200))
    assert (
        hashlib.sha256(tiles.encode()).hexdigest() == "9e4f7ed69e504202772bad0e90e74f1835778cea961ec2601edd73791cce6c01"
    )
    assert set(MOTIFS) == {"quarter", "leaf", "half", "disc", "ring", "wedge", "block", "drop"}


def test_tiles_are_well_formed_differ_and_leave_purple_to_simulation():
    tiles = {slug: glyph(slug) for slug in ("hubspot", "gmail", "slack", "salesforce", "notion", "google-drive")}
    assert len(set(tiles.values())) == len(tiles)
    for tile in tiles.values():
        assert len(ET.fromstring(tile).findall("path")) == 4  # noqa: S314  (our own markup)
    assert 'class="glyph glyph-s hue-' in glyph("hubspot", "s")


def test_an_icon_comes_from_the_package_and_an_unknown_one_is_an_error():
    assert ET.fromstring(icon("plus")).get("aria-hidden") == "true"  # noqa: S314  (our own markup)
    with pytest.raises(UnknownIcon, match="no-such-icon"):
        icon("no-such-icon")


def test_every_state_has_an_icon_that_exists():
    for tone in words.STATUSES.values():
        assert not tone.icon or icon(tone.icon)
    assert words.tone_of("something new") == words.Tone("", "")


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (0, "just now"),
        (-12, "12 min ago"),
        (-60, "1 h ago"),
        (-130, "2 h 10 min ago"),
        (-7 * 60 - 20, "7 h ago"),
        (21 * 60, "in 21 h"),
        (-24 * 60, "1 day ago"),
        (-6 * 24 * 60, "6 days ago"),
        (-45 * 24 * 60, "11 Oct 2026"),
    ],
)
def test_times_are_said_from_now(minutes, said):
    assert words.relative(NOW + timedelta(minutes=minutes), NOW) == said


def test_no_step_between_minutes_and_hours_reads_as_sixty():
    for seconds in range(3540, 3660):
        assert "60" not in words.relative(NOW - timedelta(seconds=seconds), NOW)
    assert words.relative(NOW - timedelta(hours=23, minutes=59, seconds=59), NOW) == "1 day ago"


@pytest.mark.parametrize(
    ("ms", "said"),
    [
        (None, "–"),
        (0, "0 ms"),
        (0.04, "0.1 ms"),
        (0.4, "0.4 ms"),
        (310, "310 ms"),
        (999.6, "1.00 s"),
        (1840, "1.84 s"),
        (59_999, "1 min 0 s"),
        (125_000, "2 min 5 s"),
    ],
)
def test_durations_have_the_unit_that_fits(ms, said):
    assert words.duration(ms) == said


@pytest.mark.parametrize(
    ("name", "letters"), [("Rosa Marin", "RM"), ("rosa@example.com", "R"), ("A B C", "AC"), ("", "?")]
)
def test_initials(name, letters):
    assert words.initials(name) == letters


def test_bars_stay_on_the_scale_and_write_numbers_with_a_point(settings):
    settings.USE_I18N = settings.USE_THOUSAND_SEPARATOR = True
    with translation.override("de"):
        bar = drawings.waterfall_bar(12.5, 1250.25, 2000)
        late = drawings.waterfall_bar(5000, 900, 2000)
        share = drawings.meter_bar(45.65)
    assert 'x="0.62%"' in bar
    assert 'width="62.51%"' in bar
    assert 'x="99.50%"' in late
    assert 'width="0.50%"' in late
    assert 'width="45.6%"' in share or 'width="45.7%"' in share
    assert 'width="0.50%"' in drawings.waterfall_bar(0, 0, 0)


def test_progress_counts_steps_and_never_leaves_the_bar():
    bar = ET.fromstring(drawings.progress_bar(2, 3, 'Pack "one"'))  # noqa: S314  (our own markup)
    assert (bar.get("aria-valuenow"), bar.get("aria-valuemax"), bar.get("aria-label")) == ("2", "3", 'Pack "one"')
    assert 'width="100.0%"' in drawings.progress_bar(5, 3, "x")
    assert 'width="0.0%"' in drawings.progress_bar(0, 0, "x")


def test_payloads_are_escaped_whatever_they_hold():
    shown = highlight({"<b>": ['"</pre><script>alert(1)</script>', "\\", None, 1.5, True]})
    assert "<script>" not in shown
    assert "<b>" not in shown
    assert '<span class="k">&quot;&lt;b&gt;&quot;</span>:' in shown
    plain = ET.fromstring(f"<pre>{shown}</pre>")  # noqa: S314  (our own markup)
    assert '"\\\\"' in "".join(plain.itertext())


def test_a_long_payload_says_how_much_is_left_out():
    shown = highlight(["x" * 100] * 500)
    assert len(shown) < SHOWN * 3
    assert "more characters" in shown


def test_what_is_not_told_is_drawn_apart_from_nothing_and_what_is_over_its_limit_is_marked():
    drawn = ET.fromstring(drawings.bars([100, None, 0, 400], 200))  # noqa: S314  (our own markup)
    kinds = [rect.get("class") for rect in drawn.findall("rect")]
    assert kinds == ["rest", "good", "untold", "over"]
    line = drawn.find("line")
    assert float(line.get("y1")) == drawings.COLUMNS_HEIGHT - (drawings.COLUMNS_HEIGHT - 4) / 2
    pairs = ET.fromstring(drawings.columns([(1, 0), None, (0, 0)]))  # noqa: S314
    assert [rect.get("class") for rect in pairs.findall("rect")] == ["rest", "good", "untold", "rest"]
    assert ET.fromstring(drawings.bars([])).get("class") == "day-bars"  # noqa: S314
