"""Cron against a matcher that walks time minute by minute, written from the rules and not from croniter.

The matcher never reads an expression: a generated column is a text together with a predicate, so that a
mistake in reading the text cannot hide on both sides.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.cron import Cron, parse_cron

MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
EDGES = {
    "Europe/Paris": ["2026-03-29T01:00", "2026-10-25T01:00", "2087-03-30T01:00"],
    "America/New_York": ["2026-03-08T07:00", "2026-11-01T06:00"],
    "Australia/Lord_Howe": ["2026-04-04T15:00", "2026-10-03T15:30"],
    "America/Sao_Paulo": ["2017-10-15T03:00", "2018-02-18T02:00"],
    "Africa/Cairo": ["2026-04-23T22:00", "2026-10-29T21:00"],
    "Pacific/Apia": ["2011-12-30T10:00"],
    "Africa/Casablanca": ["2026-02-15T02:00"],
    "Asia/Pyongyang": ["2015-08-14T15:00", "2018-05-04T15:00"],
    "Europe/Dublin": ["2026-10-25T01:00"],
    "Asia/Kathmandu": ["1985-12-31T18:30", "2026-03-29T01:00"],
    "UTC": ["2028-02-29T00:00"],
}
deterministic = settings(derandomize=True, deadline=None, database=None)


@dataclass(frozen=True)
class Element:
    text: str
    matches: Callable[[date | int], bool]


@dataclass(frozen=True)
class Rules:
    """An expression with what it means: one predicate for each column."""

    columns: tuple[tuple[Element, ...], ...]  # minute hour day month weekday
    seconds: tuple[Element, ...] = ()

    @property
    def text(self) -> str:
        columns = (self.seconds, *self.columns) if self.seconds else self.columns
        return " ".join(",".join(element.text for element in column) for column in columns)

    def starred(self, column: int) -> bool:
        return self.columns[column][0].text.startswith("*")

    def holds(self, column: int, value: date | int) -> bool:
        return any(element.matches(value) for element in self.columns[column])

    def day_matches(self, day: date) -> bool:
        of_month, of_week = self.holds(2, day), self.holds(4, day)
        joined = (of_month and of_week) if self.starred(2) or self.starred(4) else (of_month or of_week)
        return joined and self.holds(3, day.month)

    def follows_elapsed_time(self) -> bool:
        return self.starred(0) or self.starred(1)

    def wall_matches(self, wall: datetime) -> bool:
        if self.seconds and not any(element.matches(wall.second) for element in self.seconds):
            return False
        return self.holds(0, wall.minute) and self.holds(1, wall.hour) and self.day_matches(wall.date())


def numbers(low: int, high: int, of: Callable[[date | int], int], words: list[str]) -> st.SearchStrategy[Element]:
    """A value, a range, a star, each with or without a step, sometimes by name."""

    def spelled(value: int, named: bool) -> str:
        index = value - low
        return words[index] if named and index < len(words) else str(value)

    def element(values: tuple[int, int], step: int, form: str, named: bool) -> Element:
        first, last = sorted(values)
        if form == "value":
            return Element(spelled(first, named), lambda at: of(at) == first % (7 if high == 7 else 100))
        if form == "star":
            first, last = low, high
        text = "*" if form == "star" else f"{spelled(first, named)}-{spelled(last, named and last < 7)}"
        members = {value % 7 if high == 7 else value for value in range(first, last + 1, step)}
        return Element(text + (f"/{step}" if step > 1 else ""), lambda at: of(at) in members)

    steps = st.one_of(st.just(1), st.integers(1, high - low + (0 if high == 7 else 1)))
    forms = st.sampled_from(["value", "value", "range", "star"])
    bounds = st.tuples(st.integers(low, high), st.integers(low, high))
    return st.builds(element, bounds, steps, forms, st.booleans())


def cron_weekday(at: date | int) -> int:
    assert isinstance(at, date)
    return at.isoweekday() % 7


def last_day(at: date | int) -> bool:
    assert isinstance(at, date)
    return at.day == calendar.monthrange(at.year, at.month)[1]


def nth_weekday(day: int, nth: int) -> Element:
    return Element(
        f"{day}#{nth}",
        lambda at: cron_weekday(at) == day % 7 and (at.day - 1) // 7 + 1 == nth,
    )


def last_weekday(day: int) -> Element:
    return Element(f"L{day}", lambda at: cron_weekday(at) == day % 7 and (at + timedelta(days=7)).month != at.month)


def as_int(at: date | int) -> int:
    assert isinstance(at, int)
    return at


def day_of(at: date | int) -> int:
    assert isinstance(at, date)
    return at.day


def column(*elements: st.SearchStrategy[Element]) -> st.SearchStrategy[tuple[Element, ...]]:
    return st.lists(st.one_of(*elements), min_size=1, max_size=3).map(tuple)


STAR = (Element("*", lambda _: True),)
ANY = st.just(STAR)
MINUTES = column(numbers(0, 59, as_int, []))
HOURS = column(numbers(0, 23, as_int, []))
DAYS_OF_MONTH = st.one_of(ANY, column(numbers(1, 31, day_of, []), st.just(Element("L", last_day))))
MONTH = st.one_of(ANY, column(numbers(1, 12, as_int, MONTHS)))
WEEKDAY = st.one_of(
    ANY,
    column(numbers(0, 7, cron_weekday, DAYS)),
    column(
        numbers(0, 7, cron_weekday, DAYS),
        st.builds(nth_weekday, st.integers(0, 7), st.integers(1, 5)),
        st.builds(last_weekday, st.integers(0, 7)),
    ),
)
NEAR_MIDNIGHT_TO_FOUR = column(
    numbers(0, 4, as_int, []).filter(lambda e: "*" not in e.text), numbers(0, 23, as_int, [])
)


@lru_cache(maxsize=64)
def ticks(zone: str, start: datetime, count: int, tick: timedelta) -> list[tuple[int, datetime, list[datetime]]]:
    """Each tick from the start: the instant, its wall, and the walls skipped just before it."""
    known = ZoneInfo(zone)
    found: list[tuple[int, datetime, list[datetime]]] = []
    before = (start - tick).astimezone(known).replace(tzinfo=None, fold=0)
    for n in range(count):
        instant = start + n * tick
        wall = instant.astimezone(known).replace(tzinfo=None)
        plain = wall.replace(fold=0)
        gap = [before + k * tick for k in range(1, (plain - before) // tick)]
        found.append((int(instant.timestamp()) * 1000, wall, gap))
        before = plain
    return found


def minutes_around(zone: str, edge: str) -> list[tuple[int, datetime, list[datetime]]]:
    """Two days before the edge to two after."""
    return ticks(zone, instant_of(edge) - timedelta(days=2), 4 * 1440, timedelta(minutes=1))


def instant_of(edge: str) -> datetime:
    return datetime.fromisoformat(edge).replace(tzinfo=UTC)


def brute_force(rules: Rules, times: list[tuple[int, datetime, list[datetime]]]) -> Iterator[int]:
    for instant, wall, gap in times:
        if rules.follows_elapsed_time():
            if rules.wall_matches(wall):
                yield instant
        elif (wall.fold == 0 and rules.wall_matches(wall)) or any(map(rules.wall_matches, gap)):
            yield instant


def from_next_after(schedule: Schedule, start: int, end: int) -> list[int]:
    found = []
    following = schedule.next_after(start - 1)
    while following is not None and following < end:
        found.append(following)
        following = schedule.next_after(following)
    return found


def assert_equal_around(rules: Rules, zone: str, edge: str) -> None:
    minutes = minutes_around(zone, edge)
    expected = list(brute_force(rules, minutes))
    start, end = minutes[0][0], minutes[-1][0] + 60_000
    if len(expected) > 150:  # too dense to walk in full: the hours around the edge
        start, end = start + 46 * 3_600_000, start + 50 * 3_600_000
        expected = [instant for instant in expected if start <= instant < end]
    schedule = Schedule(Cron(rules.text, zone))
    assert from_next_after(schedule, start, end) == expected, (rules.text, zone, edge)


@settings(deterministic, max_examples=350)
@given(
    st.builds(Rules, st.tuples(MINUTES, NEAR_MIDNIGHT_TO_FOUR, ANY, ANY, ANY)),
    st.sampled_from([(zone, edge) for zone, edges in EDGES.items() for edge in edges]),
)
def test_times_of_day_around_changes_of_the_offset(rules: Rules, place: tuple[str, str]) -> None:
    assert_equal_around(rules, *place)


@settings(deterministic, max_examples=350)
@given(
    st.builds(Rules, st.tuples(MINUTES, HOURS, DAYS_OF_MONTH, st.one_of(ANY, ANY, MONTH), WEEKDAY)),
    st.sampled_from([(zone, edge) for zone, edges in EDGES.items() for edge in edges]),
)
def test_whole_expressions_around_changes_of_the_offset(rules: Rules, place: tuple[str, str]) -> None:
    assert_equal_around(rules, *place)


@settings(deterministic, max_examples=300)
@given(st.tuples(DAYS_OF_MONTH, MONTH, WEEKDAY), st.integers(1970, 2200))
def test_days_over_two_years(days: tuple[tuple[Element, ...], ...], year: int) -> None:
    midnight = (Element("0", lambda at: at == 0),)
    rules = Rules((midnight, midnight, *days))
    start = datetime(year, 1, 1, tzinfo=UTC)
    calendar_days = [start + timedelta(days=n) for n in range(731)]
    expected = [int(day.timestamp()) * 1000 for day in calendar_days if rules.day_matches(day.date())]
    first, end = int(start.timestamp()) * 1000, int((start + timedelta(days=731)).timestamp()) * 1000
    if len(expected) > 120:
        expected = expected[:120]
        end = expected[-1] + 1
    assert from_next_after(Schedule(Cron(rules.text, "UTC")), first, end) == expected, (rules.text, year)


@settings(deterministic, max_examples=60)
@given(st.builds(Rules, st.tuples(MINUTES, HOURS, DAYS_OF_MONTH, MONTH, WEEKDAY)))
def test_what_a_user_writes_is_stored_as_written_when_it_holds_no_draw(rules: Rules) -> None:
    ever = any(rules.day_matches(date(1996, 1, 1) + timedelta(days=n)) for n in range(28 * 366))
    if ever:
        assert parse_cron(f"  {rules.text}\t", "UTC", salt="").expression == rules.text


@settings(deterministic, max_examples=80)
@given(
    column(numbers(0, 59, as_int, [])),
    column(numbers(0, 59, as_int, [])),
    st.sampled_from([(zone, edge) for zone in ("Europe/Paris", "Australia/Lord_Howe") for edge in EDGES[zone][:2]]),
    st.sampled_from(["*", "1", "2"]),
)
def test_seconds_around_changes_of_the_offset(
    seconds: tuple[Element, ...], minutes: tuple[Element, ...], place: tuple[str, str], hour: str
) -> None:
    zone, edge = place
    hours = (Element(hour, lambda at: hour in {"*", str(at)}),)
    rules = Rules((minutes, hours, STAR, STAR, STAR), seconds)
    window = ticks(zone, instant_of(edge) - timedelta(minutes=35), 70 * 60, timedelta(seconds=1))
    expected = list(brute_force(rules, window))
    end = window[-1][0] + 1 if len(expected) <= 100 else expected[100]
    schedule = Schedule(Cron(rules.text, zone))
    assert from_next_after(schedule, window[0][0], end) == expected[:100], (rules.text, zone, edge)
