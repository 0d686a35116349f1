"""Every remedy for an expression of AWS or Quartz is obeyed, and names the instants that the dialect's own rules name.

The oracle never reads an expression: each field is generated as a text together with the values that it stands for.
"""

from __future__ import annotations

import calendar
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.instants import first_of
from tidewheel.domain.errors import Invalid
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.cron import parse_cron

START = date(2026, 1, 1)
COUNT = 200
DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
deterministic = settings(derandomize=True, deadline=None, database=None, max_examples=25)


@dataclass(frozen=True)
class Field:
    text: str
    matches: Callable[[date], bool]


@dataclass(frozen=True)
class Numbers:
    text: str
    values: frozenset[int]


def numbers(low: int, high: int) -> st.SearchStrategy[Numbers]:
    size = high - low + 1

    def stepped(first: int, last: int, step: int, form: str) -> Numbers:
        if form == "value":
            return Numbers(str(first), frozenset({first}))
        if form == "star":
            return Numbers("*", frozenset(range(low, high + 1)))
        if form == "from":
            return Numbers(f"{first}/{step}", frozenset(range(first, high + 1, step)))
        end = last if last >= first else last + size
        values = frozenset((value - low) % size + low for value in range(first, end + 1, step))
        return Numbers(f"{first}-{last}/{step}", values)

    bounds = st.integers(low, high)
    return st.builds(stepped, bounds, bounds, st.integers(1, size), st.sampled_from(["value", "star", "from", "range"]))


def sunday_is_one(day: date) -> int:
    return day.isoweekday() % 7 + 1


def last_of_month(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def nearest(named: int, day: date) -> bool:
    if named > last_of_month(day):
        return False
    month = [date(day.year, day.month, n) for n in range(1, last_of_month(day) + 1)]
    working = [one for one in month if one.isoweekday() < 6]
    return day == min(working, key=lambda one: abs(one.day - named))


WEEKDAYS = st.one_of(
    numbers(1, 7).map(lambda field: Field(field.text, lambda day: sunday_is_one(day) in field.values)),
    st.integers(1, 7).map(lambda n: Field(DAYS[n - 1], lambda day: sunday_is_one(day) == n)),
    st.integers(1, 7).map(
        lambda n: Field(f"{n}L", lambda day: sunday_is_one(day) == n and day.day + 7 > last_of_month(day))
    ),
    st.tuples(st.integers(1, 7), st.integers(1, 4)).map(
        lambda at: Field(
            f"{at[0]}#{at[1]}", lambda day: sunday_is_one(day) == at[0] and (day.day - 1) // 7 == at[1] - 1
        )
    ),
)
MONTHDAYS = st.one_of(
    numbers(1, 28)
    .filter(lambda field: "-" not in field.text and "/" not in field.text)
    .map(lambda field: Field(field.text, lambda day: field.text == "*" or day.day in field.values)),
    st.integers(1, 31).map(lambda n: Field(f"{n}W", lambda day: nearest(n, day))),
    st.integers(1, 20).map(lambda n: Field(f"L-{n}", lambda day: day.day == last_of_month(day) - n)),
    st.just(Field("LW", lambda day: nearest(last_of_month(day), day))),
    st.just(Field("L", lambda day: day.day == last_of_month(day))),
)


@st.composite
def days(draw: st.DrawFn) -> tuple[str, str, Callable[[date], bool]]:
    if draw(st.booleans()):
        field = draw(MONTHDAYS)
        return field.text, "?", field.matches
    field = draw(WEEKDAYS)
    return "?", field.text, field.matches


def instants(minutes: frozenset[int], hours: frozenset[int], matches: Callable[[date], bool]) -> list[int]:
    found: list[int] = []
    for n in range(60 * 366):
        day = START + timedelta(days=n)
        if matches(day):
            midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
            found += [
                int((midnight + timedelta(hours=hour, minutes=minute)).timestamp()) * 1000
                for hour in sorted(hours)
                for minute in sorted(minutes)
            ]
        if len(found) >= COUNT:
            break
    return found[:COUNT]


def obeyed(expression: str) -> str:
    with pytest.raises(Invalid) as refused:
        parse_cron(expression, "UTC", salt="")
    assert refused.value.remedy.startswith("write ")
    return refused.value.remedy.removeprefix("write ")


def named(expression: str) -> list[int]:
    start = int(datetime(START.year, START.month, START.day, tzinfo=UTC).timestamp()) * 1000
    return first_of(Schedule(parse_cron(expression, "UTC", salt="")), start, COUNT)


@deterministic
@given(numbers(0, 59), numbers(0, 23), days())
def test_aws(minute: Numbers, hour: Numbers, day: tuple[str, str, Callable[[date], bool]]) -> None:
    of_month, of_week, matches = day
    expression = f"{minute.text} {hour.text} {of_month} * {of_week} *"
    expected = instants(minute.values, hour.values, matches)
    assert named(f"cron({expression})") == expected, expression
    assert named(obeyed(expression)) == expected, expression


@deterministic
@given(numbers(0, 59), numbers(0, 23), days(), st.sampled_from(["", " *"]))
def test_quartz(minute: Numbers, hour: Numbers, day: tuple[str, str, Callable[[date], bool]], year: str) -> None:
    of_month, of_week, matches = day
    expression = f"0 {minute.text} {hour.text} {of_month} * {of_week}{year}"
    assert named(obeyed(expression)) == instants(minute.values, hour.values, matches), expression
