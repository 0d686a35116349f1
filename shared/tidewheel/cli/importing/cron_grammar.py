"""Cron expressions as other schedulers read them, in our form.

Where the same characters mean other instants here, they are written otherwise: the answer means what the other
scheduler means, but for the days on which clocks change (``clock_changes``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tidewheel.cli.importing.outcome import NotCarried
from tidewheel.domain.recurrence.cron_columns import DAY, HOUR, MINUTE, MONTH, WEEKDAY, BadExpression, Column, unknown
from tidewheel.domain.recurrence.cron_fields import Values, read

COLUMNS = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)
_DAYS = (2, 4)
_RANGE = re.compile(r"(?:(?P<star>[*?])|(?P<low>\w+)(?:-(?P<high>\w+))?)(?:/(?P<step>\d{1,4}))?", re.ASCII)
_WEEK = 7
_BLOCKS = tuple(range(1, 31, _WEEK))
"""The first days of the first, second, … of a weekday in a month."""


class Days(StrEnum):
    """How the two fields of days go together."""

    UNION_UNLESS_STAR = "one of them, where neither is a bare *"
    """robfig's cron and croniter: ``*/2`` is no bare star."""
    BOTH = "both"
    """Celery."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """What a scheduler takes.

    Args:
        who: Its name.
        days: How the two fields of days go together.
        first_weekday: The number of Sunday.
        sunday_again: Whether 7 is Sunday too, where Sunday is 0.
        wraps: Whether a range may end before it begins.
        open_step: Whether ``5/15`` counts up to the greatest value.
        question: Whether ``?`` is ``*``.
        special: What else it takes in the fields of days, in our own form; a regular expression.
    """

    who: str
    days: Days
    first_weekday: int = 0
    sunday_again: bool = False
    wraps: bool = False
    open_step: bool = True
    question: bool = False
    special: str = ""

    def ours(self, fields: Sequence[str]) -> str:
        """Five fields in our form.

        Raises:
            NotCarried: The other scheduler refuses a field, or it cannot be said here.
        """
        texts = [self._field(column, text) for column, text in zip(COLUMNS, fields, strict=True)]
        if self.days is Days.BOTH:
            texts[2], texts[4] = self._both(texts[2], texts[4])
        elif any(self._is_bare(fields[at]) for at in _DAYS):
            for at in _DAYS:
                texts[at] = "*" if self._is_bare(fields[at]) else texts[at]
        else:
            texts[2], texts[4] = _unstarred(DAY, texts[2]), _unstarred(WEEKDAY, texts[4])
        return " ".join(texts)

    def _is_bare(self, text: str) -> bool:
        """Whether every day matches because one element of the list is a star."""
        stars = {"*", "?", "*/1", "?/1"} if self.question else {"*", "*/1"}
        return bool(stars & set(text.split(",")))

    def _field(self, column: Column, text: str) -> str:
        elements = text.split(",")
        return ",".join(self._element(column, one, len(elements)) for one in elements)

    def _element(self, column: Column, element: str, among: int) -> str:
        if column in {DAY, WEEKDAY} and self.special and re.fullmatch(self.special, element, re.ASCII | re.IGNORECASE):
            return element
        match = _RANGE.fullmatch(element)
        if match is None or (match["star"] == "?" and not self.question):
            raise NotCarried(f"{self.who} refuses {element[:40]!r} in {column.name}", unknown(column, element).remedy)
        step = int(match["step"] or 1)
        if step == 0:
            raise NotCarried(f"{self.who} refuses a step of 0 in {column.name}", "write a step of 1 or more")
        if match["star"]:
            return _star(column, step, among) if match["step"] else "*"
        low = self._number(column, match["low"])
        if not match["high"] and match["step"]:
            if not self.open_step:
                raise NotCarried(
                    f"{self.who} refuses {element!r}: the step has no range", f"write {low}-{top(column)}/{step}"
                )
            return _ranged(low, top(column), step)
        if not match["high"]:
            return str(low)
        high = self._number(column, match["high"])
        if low > high and self.wraps:
            return f"{low}-{high}" + (f"/{min(step, column.size)}" if match["step"] else "")
        if low > high:
            raise NotCarried(
                f"{self.who} refuses {element!r} in {column.name}: it ends before it begins",
                f"write {low}-{top(column)},{column.low}-{high}",
            )
        return _ranged(low, high, step) if match["step"] else f"{low}-{high}"

    def _number(self, column: Column, text: str) -> int:
        try:
            number = column.number(text)
        except BadExpression as error:
            raise NotCarried(f"{self.who} refuses {text[:40]!r} in {column.name}", column.form()) from error
        if column is not WEEKDAY or not text.isdecimal():
            return number
        if not self.first_weekday <= number <= self.first_weekday + _WEEK - 1 + self.sunday_again:
            raise NotCarried(f"{self.who} refuses {text} as a day of the week", "write it by its name: SUN to SAT")
        return number - self.first_weekday

    def _both(self, day: str, weekday: str) -> tuple[str, str]:
        """The fields of days, written so that both must match.

        Raises:
            NotCarried: There is no way to say it.
        """
        if day.startswith("*") or weekday.startswith("*"):
            return day, weekday
        days, weekdays = _values(DAY, day), _values(WEEKDAY, weekday)
        if 1 in days:
            return _list("*/31", days - {1}), weekday
        if 0 in weekdays:
            return day, _list("*/7", weekdays - {0})
        counts = [n for n, first in enumerate(_BLOCKS, start=1) if days & set(_block(first))]
        if all(set(_block(_BLOCKS[n - 1])) <= days for n in counts):
            return "*", ",".join(f"{one}#{n}" for one in sorted(weekdays) for n in counts)
        raise NotCarried(
            f"{self.who} runs where the day of the month ({day}) and the day of the week ({weekday}) both match",
            "name whole weeks of the month (1-7, 8-14, …), or check one of the two in the task",
        )


def top(column: Column) -> int:
    """The greatest value that is not another one again."""
    return column.low + column.size - 1


def _block(first: int) -> range:
    return range(first, min(first + _WEEK, 32))


def _star(column: Column, step: int, among: int) -> str:
    return f"*/{min(step, column.size)}" if among == 1 else _ranged(column.low, top(column), step)


def _ranged(low: int, high: int, step: int) -> str:
    return f"{low}-{high}/{step}" if step <= high - low else str(low)


def _unstarred(column: Column, text: str) -> str:
    """The field, so that it does not begin with a star and means the same."""
    if not text.startswith("*"):
        return text
    step = re.fullmatch(r"\*/(\d+)(.*)", text)
    assert step is not None  # a bare star was looked for before
    return _ranged(column.low, top(column), int(step[1])) + step[2]


def _values(column: Column, text: str) -> frozenset[int]:
    fields = ["*"] * len(COLUMNS)
    fields[COLUMNS.index(column)] = text
    found: Values = getattr(read(" ".join(fields)), "day" if column is DAY else "weekday")
    if found.special:
        raise NotCarried(f"{text} cannot go with a day of the week", "name days by their numbers")
    return found.numbers


def _list(head: str, numbers: frozenset[int]) -> str:
    return ",".join((head, *map(str, sorted(numbers))))
