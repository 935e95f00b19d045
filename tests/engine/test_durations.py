"""Durations: what is read, what is refused, and the canonical text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stageauto.engine.durations import Duration, DurationError, format_span, parse_duration
from stageauto.errors import StageautoError

HOUR = 3_600_000


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("30s", Duration(ms=30_000)),
        ("10m", Duration(ms=600_000)),
        ("4h", Duration(ms=4 * HOUR)),
        ("3d", Duration(days=3)),
        ("2w", Duration(days=14)),
        ("1mo", Duration(months=1)),
        ("1d12h", Duration(days=1, ms=12 * HOUR)),
        ("1mo2w3d4h5m6s", Duration(months=1, days=17, ms=4 * HOUR + 306_000)),
        ("3wd", Duration(working_days=3)),
        ("4wh", Duration(working_ms=4 * HOUR)),
        ("1wd12h", Duration(working_days=1, ms=12 * HOUR)),
        ("2wh30m", Duration(working_ms=2 * HOUR, ms=1_800_000)),
        ("90m", Duration(ms=5_400_000)),
        ("0s", Duration()),
    ],
)
def test_a_duration_is_read(text, duration):
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "missing"),
        ("30", "no unit"),
        ("1.5", "no unit"),
        ("1.5h", "no duration"),
        ("-2d", "negative"),
        ("1d 12h", "space"),
        ("2 days", "space"),
        ("12h1d", "comes after a smaller one"),
        ("1d2wd3w", "comes after a smaller one"),
        ("1d1d", "twice"),
        ("3D", "no duration"),
        ("10min", "no duration"),
        ("1d5", "'5' in the duration '1d5'"),
        ("2y", "no duration"),
        ("٣d", "no duration"),  # an Arabic three is a digit to str.isdigit
        ("999999d", "too long"),
        ("1201mo", "too long"),
        ("20001wh", "too long"),
        ("9999999999999s", "no duration"),
        ("x" * 100_000, "..."),
    ],
)
def test_anything_else_is_refused_with_an_example(text, says):
    with pytest.raises(DurationError) as caught:
        parse_duration(text)
    assert says in str(caught.value)
    assert any(example in caught.value.hint for example in ("1d12h", "1200mo", "20000wh"))
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, StageautoError)


@given(
    st.builds(
        Duration,
        months=st.integers(0, 1200),
        days=st.integers(0, 36_525),
        ms=st.integers(0, 3_000_000).map(lambda seconds: seconds * 1000),
        working_days=st.integers(0, 36_525),
        working_ms=st.integers(0, 20_000).map(lambda hours: hours * HOUR),
    )
)
def test_the_canonical_text_is_read_back_to_the_same_duration(duration):
    assert parse_duration(str(duration)) == duration
    assert duration.is_zero == (str(duration) == "0s")


def test_the_canonical_text_has_the_largest_unit_first():
    assert str(parse_duration("2w")) == "14d"
    assert str(parse_duration("90m")) == "1h30m"
    assert str(parse_duration("36h")) == "36h"
    assert str(Duration(ms=1_500)) == "1s500ms"


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0 s"),
        (250, "250 ms"),
        (1_000, "1 s"),
        (61_999, "1 min 1 s"),
        (2 * HOUR, "2 h"),
        (51 * HOUR + 59_000, "2 d 3 h"),
        (48 * HOUR + 59_000, "2 d"),
        (-90_000, "-1 min 30 s"),
    ],
)
def test_a_span_is_told_to_people_by_its_two_largest_units(ms, text):
    assert format_span(ms) == text


@given(st.text(alphabet="0123456789mowdhs .-", max_size=12))
def test_no_text_breaks_the_reader(text):
    try:
        duration = parse_duration(text)
    except DurationError:
        return
    assert parse_duration(str(duration)) == duration
