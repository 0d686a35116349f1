"""Days of a month that depend on its length and its weekdays, and the walls of an expression that names one."""

from __future__ import annotations

from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from tidewheel.domain.recurrence.cron_fields import Fields, Values

_EPOCH = date(1970, 1, 1)
_DAY_S = 86_400
_YEARS = 50
_SATURDAY, _SUNDAY = 6, 7


def is_near(special: str) -> bool:
    """Whether a day of month is one of these: ``lw``, ``15w``, ``l-3``."""
    return special.endswith("w") or special.startswith("l-")


def day_of(special: str, year: int, month: int) -> int | None:
    """The day of a month that is meant, or None if the month is too short for it."""
    last = monthrange(year, month)[1]
    if special.startswith("l-"):
        back = last - int(special[2:])
        return back if back >= 1 else None
    named = last if special == "lw" else int(special[:-1])
    return _working(date(year, month, named), last) if named <= last else None


def _working(day: date, last: int) -> int:
    """The nearest of Monday to Friday, within the month."""
    if day.isoweekday() == _SATURDAY:
        return day.day - 1 if day.day > 1 else day.day + 2
    if day.isoweekday() == _SUNDAY:
        return day.day + 1 if day.day < last else day.day - 2
    return day.day


@dataclass(frozen=True, slots=True)
class NearDays:
    """The walls of one such day.

    Attributes:
        special: The day of month.
        fields: The expression; its months and times count.
        weekdays: What the day of week must be besides; None for any.
    """

    special: str
    fields: Fields
    weekdays: Values | None

    def first_wall(self, low: int) -> int | None:
        """The first wall at or after ``low``, both in seconds, within fifty years; or None."""
        start = _EPOCH + timedelta(seconds=low)
        for day in self._days(start):
            wall = self._time(day, low)
            if wall is not None:
                return wall
        return None

    def _days(self, start: date) -> Iterator[date]:
        for year in range(start.year, start.year + _YEARS):
            for month in sorted(self.fields.month.numbers):
                if (year, month) < (start.year, start.month):
                    continue
                found = day_of(self.special, year, month)
                if found is not None and self._weekday_matches(date(year, month, found)):
                    yield date(year, month, found)

    def _weekday_matches(self, day: date) -> bool:
        if self.weekdays is None:
            return True
        weekday = day.isoweekday() % 7
        last = day.day + 7 > monthrange(day.year, day.month)[1]
        names = {f"{weekday}#{(day.day - 1) // 7 + 1}", *([f"l{weekday}"] if last else [])}
        return weekday in self.weekdays.numbers or bool(names & self.weekdays.special)

    def _time(self, day: date, low: int) -> int | None:
        """The first wall of a day at or after ``low``."""
        midnight = (day - _EPOCH).days * _DAY_S
        after = max(0, low - midnight)
        if after >= _DAY_S:
            return None
        hour, minute, second = after // 3600, after // 60 % 60, after % 60
        seconds = self.fields.second.numbers if self.fields.second else frozenset({0})
        found = _first_time((self.fields.hour.numbers, self.fields.minute.numbers, seconds), (hour, minute, second))
        return None if found is None else midnight + found


def _first_time(choices: Sequence[frozenset[int]], least: Sequence[int]) -> int | None:
    """The first time of day (s) at or after hour, minute and second, from what each may be; or None."""
    hours, minutes, seconds = (sorted(choice) for choice in choices)
    hour, minute, second = least
    for h in hours[bisect_left(hours, hour) :]:
        for m in minutes[bisect_left(minutes, minute) if h == hour else 0 :]:
            at = bisect_left(seconds, second) if (h, m) == (hour, minute) else 0
            if at < len(seconds):
                return h * 3600 + m * 60 + seconds[at]
    return None
