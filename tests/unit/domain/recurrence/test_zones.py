"""A hint at a time zone never names another clock."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidewheel.domain.errors import Invalid
from tidewheel.domain.recurrence import city_zones, windows_zones
from tidewheel.domain.recurrence.zones import instant_of, known_zone, require_zone

CASES = json.loads((Path(__file__).parents[3] / "cases" / "zones.json").read_text())
NAMES = re.compile(r"[A-Za-z]+(?:/[A-Za-z0-9_+-]+)+|UTC")


def refused(given: str) -> Invalid:
    with pytest.raises(Invalid) as error:
        require_zone(given, field="timezone")
    return error.value


def named(given: str) -> set[str]:
    """The zones that the remedy names."""
    return {name for name in NAMES.findall(refused(given).remedy) if name != "Region/City"}


@pytest.mark.parametrize("case", CASES["wrong_hint_today"], ids=lambda case: case["given"])
def test_what_must_not_be_offered_is_not(case: dict[str, object]) -> None:
    given = case["given"]
    assert isinstance(given, str)
    assert named(given) == set(case.get("may", {"Etc/GMT-8"} if given == "UTC+8" else ()))  # type: ignore[call-overload]
    assert not set(refused(given).remedy.split()) & set(case["never"])  # type: ignore[call-overload]


@pytest.mark.parametrize("case", CASES["good_hint"], ids=lambda case: case["given"])
def test_a_misspelt_name_is_recognised(case: dict[str, str]) -> None:
    assert named(case["given"]) == {case["hint"]}


@pytest.mark.parametrize(
    ("given", "zone"),
    [
        ("w. europe standard time", "Europe/Berlin"),
        ("Russia Time Zone 11", "Asia/Kamchatka"),
        ("India  Standard Time", "Asia/Kolkata"),
        ("UTC-08", "Etc/GMT+8"),
        ("-3", "Etc/GMT+3"),
        ("UTC+14:00", "Etc/GMT-14"),
        ("GMT+0000", "UTC"),
        ("utc", "UTC"),
        ("Asia/Beijing", "Asia/Shanghai"),
        ("beijing", "Asia/Shanghai"),
        ("America/San Diego", "America/Los_Angeles"),
        ("Europe/Zürich", "Europe/Zurich"),
        ("America/NewYork", "America/New_York"),
        ("America/New_Yrok", "America/New_York"),
        ("Europe/Kiel", "Europe/Berlin"),
        ("Europe/Lublin", "Europe/Warsaw"),
        ("Africa/Harar", "Africa/Addis_Ababa"),
    ],
)
def test_what_is_certain_is_named(given: str, zone: str) -> None:
    assert named(given) == {zone}


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("PDT", "abbreviation"),
        ("bst", "abbreviation"),
        ("AEST", "abbreviation"),
        ("UTC-13", "offset"),
        ("UTC+15", "offset"),
        ("+0545", "offset"),
        ("Central European Summer Time", "in words"),
        ("Local", "machine"),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "POSIX"),
        ("Samoa", "not a known"),
        ("San Juan", "not a known"),
        ("Eastern", "not a known"),
        ("West", "not a known"),
        ("America/London", "not a known"),
        ("Asia/Dilli", "not a known"),
        ("Europe/Dublim", "not a known"),
        ("Etc/UTC+8", "not a known"),
        ("Etc/GMT+15", "not a known"),
    ],
)
def test_what_is_uncertain_says_what_it_is_and_names_nothing(given: str, kind: str) -> None:
    assert kind in refused(given).problem
    assert named(given) == set()


def test_every_zone_of_the_tables_is_known() -> None:
    named = {*windows_zones._ZONES.values(), *city_zones._CITIES}
    assert {name for name in named if known_zone(name) is None} == set()
    zones = {name.casefold() for name in available_timezones()}
    assert {f"{place}/{city}" for place, city in city_zones._ZONES if f"{place}/{city}" in zones} <= {
        "america/montreal",
    }


def test_another_spelling_of_any_zone_leads_back_to_its_clock() -> None:
    for name in sorted(available_timezones() - {"localtime", "Factory"}):
        if not re.search(r"\d", name) and known_zone(name.upper()) is None and "/" in name:
            assert known_zone(next(iter(named(name.upper())))) is not None, name


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


@pytest.mark.parametrize(
    ("zone", "wall", "instant"),
    [
        ("Europe/Paris", "2026-12-24T18:00:00.250", "2026-12-24T17:00:00.250"),
        ("Europe/Paris", "2026-03-29T02:30:00.250", "2026-03-29T01:00:00"),  # left out: when the gap ends
        ("Europe/Paris", "2026-03-29T03:00:00", "2026-03-29T01:00:00"),
        ("Europe/Paris", "2026-10-25T02:30:00", "2026-10-25T00:30:00"),  # twice: the first time
        ("Australia/Lord_Howe", "2026-10-04T02:15:00", "2026-10-03T15:30:00"),
        ("Pacific/Apia", "2011-12-30T12:00:00", "2011-12-30T10:00:00"),  # a day left out
        ("Pacific/Kiritimati", "2026-01-01T00:00:00", "2025-12-31T10:00:00"),
        ("America/New_York", "2999-12-31T00:00:00", "2999-12-31T05:00:00"),
        ("Asia/Kathmandu", "1970-01-01T05:30:00", "1970-01-01T00:00:00"),
    ],
)
def test_a_local_time_is_an_instant(zone: str, wall: str, instant: str) -> None:
    assert instant_of(zone, ms(wall)) == ms(instant)


@settings(max_examples=300)
@given(st.sampled_from(sorted(available_timezones() - {"localtime", "Factory"})), st.data())
def test_clocks_show_a_local_time_first_then_or_leave_it_out(zone: str, data: st.DataObject) -> None:
    if known_zone(zone) is None:
        return
    wall = data.draw(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(microsecond=0)))  # noqa: DTZ001
    known, found = (
        ZoneInfo(zone),
        datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=instant_of(zone, ms(wall.isoformat()))),
    )
    shown = found.astimezone(known).replace(tzinfo=None, fold=0)
    before = (found - timedelta(seconds=1)).astimezone(known).replace(tzinfo=None, fold=0)
    assert before < wall <= shown
    shows = {wall.replace(tzinfo=known, fold=fold).astimezone(UTC) for fold in (0, 1)}
    shows = {at for at in shows if at.astimezone(known).replace(tzinfo=None, fold=0) == wall}
    assert found == min(shows, default=found)
    assert bool(shows) == (shown == wall)
