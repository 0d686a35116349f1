"""Which instants other schedulers name: each read anew from its documentation, by walking days, hours and minutes.

Nothing here uses the project's own reading of cron. Debian's rules are cronsim's, which is tested against
Debian's cron.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

HORIZON = date(2999, 1, 1)
NAMES = {
    **{
        name: n
        for n, name in enumerate(
            ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
        )
    },
    **{name: n for n, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))},
}
BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))


def debian(fields: str, zone: str, after: datetime) -> Iterator[datetime]:
    """Debian's cron, by cronsim."""
    yield from (one.astimezone(UTC) for one in CronSim(fields, after.astimezone(ZoneInfo(zone))))


def walk(
    minutes: set[int],
    hours: set[int],
    runs_on: Callable[[date], bool],
    zone: str,
    after: datetime,
    *,
    twice: bool,
) -> Iterator[datetime]:
    """The instants after ``after`` of days that match, at times that exist; repeated ones once or twice."""
    here = ZoneInfo(zone)
    day = after.astimezone(here).date() - timedelta(days=1)
    last = after
    held: list[datetime] = []
    while day < HORIZON:
        if runs_on(day):
            held += _of_day(day, minutes, hours, here, twice=twice)
        held.sort()
        safe = datetime(day.year, day.month, day.day, tzinfo=UTC) - timedelta(hours=15)
        while held and held[0] < safe:
            one = held.pop(0)
            if one > last:
                last = one
                yield one
        day += timedelta(days=1)


def _of_day(day: date, minutes: set[int], hours: set[int], zone: ZoneInfo, *, twice: bool) -> list[datetime]:
    found = []
    for hour in hours:
        for minute in minutes:
            wall = datetime(day.year, day.month, day.day, hour, minute)  # noqa: DTZ001 -- local
            both = [wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
            real = sorted({one for one in both if one.astimezone(zone).replace(tzinfo=None) == wall})
            found += real if twice else real[:1]
    return found


def plain(text: str, low: int, high: int, *, shift: int = 0, wraps: bool = False) -> set[int]:
    """A field of lists, ranges and steps; ``a/n`` goes up to the greatest value. Weekdays are counted from 0."""
    found: set[int] = set()
    for element in text.lower().split(","):
        body, _, step = element.partition("/")
        if body in {"*", "?"}:
            first, last = low, high
        elif "-" in body:
            first, last = (_number(one, shift) for one in body.split("-"))
        else:
            first = _number(body, shift)
            last = high if step else first
        if first > last:
            assert wraps, element
            values = [*range(first, high + 1), *range(low, last + 1)]
        else:
            values = list(range(first, last + 1))
        found |= set(values[:: int(step or 1)])
    return {value % 7 if (low, high) == BOUNDS[4] else value for value in found}


def _number(text: str, shift: int) -> int:
    return NAMES[text[:3]] if text[:3] in NAMES else int(text) - shift


def robfig(fields: str, zone: str, after: datetime) -> Iterator[datetime]:
    """Kubernetes, by robfig/cron v3: a day matches either field unless one is a bare star; every such time that is."""
    _, _, day, _, weekday = fields.split()
    sets = [plain(text, *bounds) for text, bounds in zip(fields.split(), BOUNDS, strict=True)]
    star = any(element in {"*", "?", "*/1"} for element in (*day.split(","), *weekday.split(",")))

    def runs_on(one: date) -> bool:
        in_day, in_week = one.day in sets[2], one.isoweekday() % 7 in sets[4]
        return one.month in sets[3] and ((in_day and in_week) if star else (in_day or in_week))

    yield from walk(sets[0], sets[1], runs_on, zone, after, twice=True)


def celery(fields: dict[str, str], zone: str, after: datetime) -> Iterator[datetime]:
    """Celery's crontab: all fields must match; ranges may wrap around."""
    names = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
    sets = {
        name: plain(fields.get(name, "*").replace(" ", ""), *bounds, wraps=True)
        for name, bounds in zip(names, BOUNDS, strict=True)
    }

    def runs_on(one: date) -> bool:
        return (
            one.month in sets["month_of_year"]
            and one.day in sets["day_of_month"]
            and one.isoweekday() % 7 in sets["day_of_week"]
        )

    yield from walk(sets["minute"], sets["hour"], runs_on, zone, after, twice=True)


def aws(expression: str, zone: str, after: datetime) -> Iterator[datetime]:
    """EventBridge's ``cron(…)``: weeks begin with 1 = Sunday; L, W and # among days; a year last."""
    fields = expression.removeprefix("cron(").removesuffix(")").split()
    minutes, hours, _, months = (plain(fields[at], *BOUNDS[at]) if at != 2 else set() for at in range(4))
    years = plain(fields[5], 1970, 2199)  # a star goes on after them, where the documentation ends

    def runs_on(one: date) -> bool:
        return (
            (fields[5] == "*" or one.year in years)
            and one.month in months
            and _day_of_month(fields[2], one)
            and _day_of_week(fields[4], one)
        )

    yield from walk(minutes, hours, runs_on, zone, after, twice=False)


def _day_of_month(text: str, one: date) -> bool:
    last = monthrange(one.year, one.month)[1]
    for element in text.upper().split(","):
        if element == "L" and one.day == last:
            return True
        if match := re.fullmatch(r"(\d+)W", element):
            near = date(one.year, one.month, min(int(match[1]), last))
            step = {5: -1 if near.day > 1 else 2, 6: 1 if near.day < last else -2}.get(near.weekday(), 0)
            if int(match[1]) <= last and one == near + timedelta(days=step):
                return True
        elif element != "L" and one.day in plain(element, *BOUNDS[2]):
            return True
    return False


def _day_of_week(text: str, one: date) -> bool:
    weekday, last = one.isoweekday() % 7, monthrange(one.year, one.month)[1]
    for element in text.upper().split(","):
        if element == "L":
            found = weekday == 6
        elif match := re.fullmatch(r"(\w+)L", element):
            found = weekday == _number(match[1].lower(), 1) and one.day + 7 > last
        elif match := re.fullmatch(r"(\w+)#(\d)", element):
            found = weekday == _number(match[1].lower(), 1) and (one.day - 1) // 7 + 1 == int(match[2])
        else:
            found = weekday in plain(element, *BOUNDS[4], shift=1)
        if found:
            return True
    return False


def every(interval: timedelta, anchor: datetime, after: datetime) -> Iterator[datetime]:
    """Equal distances from an anchor on."""
    one = anchor
    if one <= after:
        one += interval * ((after - one) // interval + 1)
    while True:
        yield one
        one += interval


def first(instants: Iterator[datetime], count: int, until: int) -> list[datetime]:
    """So many instants, or all there are before a year."""
    return list(islice(takewhile(lambda one: one.year < until, instants), count))
