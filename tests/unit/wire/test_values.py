from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from tidewheel.wire.values import (
    duration,
    format_duration,
    format_instant,
    from_ms,
    parse_duration,
    parse_instant,
    to_ms,
)

INSTANTS = st.integers(0, 253_370_764_800_000)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-11-20T16:47:00Z", 1_795_193_220_000),
        ("2026-11-20t16:47:00z", 1_795_193_220_000),
        ("2026-11-20 17:47:00+01:00", 1_795_193_220_000),
        ("2026-11-20T06:47:00.5-10:00", 1_795_193_220_500),
        ("2026-11-20T16:47:00.1234Z", 1_795_193_220_124),  # rounded up: nothing starts early
        ("2026-11-20T16:47:00.123000001Z", 1_795_193_220_124),
        ("1969-12-31T23:59:59.999Z", -1),
        ("2026-11-20T16:47Z", 1_795_193_220_000),
        ("2026-11-20 17:47+01:00", 1_795_193_220_000),
        ("2026-11-20T17:47:00+0100", 1_795_193_220_000),
        ("2026-11-20T06:47:00,5-10", 1_795_193_220_500),
        ("2026-11-20T22:17+0530", 1_795_193_220_000),
    ],
)
def test_instants_are_read(text, ms):
    assert to_ms(parse_instant(text)) == ms


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20T16:47:00",
        "2026-11-20",
        "2026-11-20T16Z",
        "2026-11-20T16:47.5Z",
        "2026-11-20T16:47:00+1",
        "2026-11-20T16:47:00+010",
        "2026-11-20T16:47:00+2400",
        "20261120T164700Z",
        "2026-02-30T16:47:00Z",
        "2026-11-20T24:47:00Z",
        "2026-11-20T16:47:60Z",
        "2026-11-20T16:47:00+24:00",
        "2026-11-20T16:47:00+01:60",
        "0001-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "\uff12026-11-20T16:47:00Z",
        "tomorrow",
        "",
        1_795_193_220,
        None,
        datetime(2026, 11, 20, 16, 47),  # noqa: DTZ001 -- naive on purpose
    ],
)
def test_what_is_no_instant_is_refused_with_a_remedy(text):
    with pytest.raises(PydanticCustomError) as refused:
        parse_instant(text)
    assert "2026-11-20T16:47:00Z" in refused.value.context["remedy"]


@given(INSTANTS, st.integers(-23 * 60, 23 * 60))
def test_instants_round_trip_through_any_offset(ms, minutes):
    instant = from_ms(ms)
    assert to_ms(instant) == ms
    assert parse_instant(format_instant(instant)) == instant
    elsewhere = instant.astimezone(timezone(timedelta(minutes=minutes)))
    assert parse_instant(elsewhere.isoformat()) == instant
    assert parse_instant(elsewhere) == instant
    assert format_instant(elsewhere) == format_instant(instant)


def test_instants_are_written_in_utc_with_milliseconds():
    assert format_instant(datetime(2026, 11, 20, 16, 47, tzinfo=UTC)) == "2026-11-20T16:47:00.000Z"


@pytest.mark.parametrize(
    ("text", "ms", "written"),
    [
        ("PT30S", 30_000, "PT30S"),
        ("30s", 30_000, "PT30S"),
        ("PT1M", 60_000, "PT1M"),
        ("5m", 300_000, "PT5M"),
        ("500ms", 500, "PT0.5S"),
        ("1h30m", 5_400_000, "PT1H30M"),
        ("PT90M", 5_400_000, "PT1H30M"),
        ("1d", 86_400_000, "P1D"),
        ("P1D", 86_400_000, "P1D"),
        ("P1W", 604_800_000, "P7D"),
        ("P1DT0.25S", 86_400_250, "P1DT0.25S"),
        ("PT0,5S", 500, "PT0.5S"),
        ("PT0S", 0, "PT0S"),
        ("0s", 0, "PT0S"),
        ("PT100S", 100_000, "PT1M40S"),
        ("PT1.5H", 5_400_000, "PT1H30M"),
        ("PT0,25M", 15_000, "PT15S"),
        ("P0.5D", 43_200_000, "PT12H"),
        ("P1.5W", 907_200_000, "P10DT12H"),
        ("P1DT0.001H", 86_403_600, "P1DT3.6S"),
    ],
)
def test_durations_are_read_and_written(text, ms, written):
    assert to_ms(parse_duration(text)) == ms
    assert format_duration(duration(ms)) == written


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "P1DT",
        "P1M",
        "P1Y",
        "5",
        "5 m",
        "-5s",
        "m5",
        "5m1h",
        "PT-5S",
        "PT1.5H30M",
        "P0.5DT1H",
        "PT.5S",
        "PT1.H",
        "1.5h",
        "5M",
        5,
        1.5,
        None,
        "\u0665s",
    ],
)
def test_what_is_no_duration_is_refused_with_a_remedy(text):
    with pytest.raises(PydanticCustomError) as refused:
        parse_duration(text)
    assert "PT30S" in refused.value.context["remedy"]


def test_a_negative_or_endless_duration_is_refused():
    with pytest.raises(PydanticCustomError):
        parse_duration(timedelta(seconds=-1))
    with pytest.raises(PydanticCustomError, match="too long"):
        parse_duration("P999999W999999999D")


@given(st.integers(0, 10**13))
def test_durations_round_trip(ms):
    assert to_ms(parse_duration(format_duration(duration(ms)))) == ms
    assert parse_duration(f"{ms % 10**12}ms") == duration(ms % 10**12)
