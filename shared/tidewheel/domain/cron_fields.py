"""The words of a cron expression: what each column may hold, and which numbers it stands for.

Columns are read as Debian's cron reads them (crontab(5) and its ``entry.c``), plus ``L``, ``L5`` and ``5#2``
for days, ``H`` for a stable draw, and an optional column of seconds in front. What has no single
established meaning is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

from tidewheel.domain.errors import DomainError
from tidewheel.domain.stable import stable_hash

ALIASES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_LONGEST = 1_000
_FIVE, _SIX = 5, 6
_SHAPE = "five fields (minute hour day-of-month month day-of-week), or six with seconds first"
_BLANKS = re.compile(r"[ \t\r\n]+")
_DRAW = re.compile(r"H(?:\((?P<low>\w+)-(?P<high>\w+)\))?(?:/(?P<step>\d{1,4}))?", re.ASCII | re.IGNORECASE)
_RANGE = re.compile(r"(?:\*|(?P<low>\w+)(?:-(?P<high>\w+))?)(?:/(?P<step>\d{1,4}))?", re.ASCII)
_NTH = re.compile(r"(?P<day>\w+)#(?P<nth>[1-5])", re.ASCII)
_LAST = re.compile(r"L(?P<day>\w+)", re.ASCII | re.IGNORECASE)


class BadExpression(DomainError):
    """A cron expression that is refused.

    Args:
        problem: What is wrong, with the value, as a sentence without a full stop.
        remedy: What to write instead, as a sentence without a full stop.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


class Values(NamedTuple):
    """What a column stands for: numbers, days in croniter's spelling (``l``, ``5#2``, ``l5``), a leading ``*``."""

    numbers: frozenset[int]
    special: frozenset[str]
    starred: bool


class Fields(NamedTuple):
    """The columns of one expression; ``second`` is None where there are five."""

    second: Values | None
    minute: Values
    hour: Values
    day: Values
    month: Values
    weekday: Values


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its bounds, the names of its values, and the last value that a bare H draws."""

    name: str
    low: int
    high: int
    last_drawn: int
    words: tuple[str, ...] = ()

    def number(self, text: str) -> int:
        word = text.upper()
        if word in self.words:
            return self.low + self.words.index(word)
        if not re.fullmatch(r"\d{1,2}", text, re.ASCII):
            raise _unknown(self, text)
        if not self.low <= int(text) <= self.high:
            raise BadExpression(f"{text} is out of range for {self.name}", self.form())
        return int(text)

    def step(self, text: str | None) -> int:
        step = int(text or 1)
        most = self.last_drawn - self.low + 1 if self is WEEKDAY else self.high - self.low + 1
        if not 1 <= step <= most:
            raise BadExpression(
                f"a step of {step} does not fit into {self.name}",
                f"use a step from 1 to {most}, or an `every` schedule for longer intervals",
            )
        return step

    def form(self) -> str:
        words = f" or {self.words[0]}-{self.words[-1]}" if self.words else ""
        return f"write {self.name} as {self.low}-{self.high}{words}: a value, a range a-b, a step */n, a-b/n, or a list"


SECOND = Column("second", 0, 59, 59)
MINUTE = Column("minute", 0, 59, 59)
HOUR = Column("hour", 0, 23, 23)
DAY = Column("day of month", 1, 31, 28)  # a bare H must fall into every month
MONTH = Column(
    "month", 1, 12, 12, ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
)
WEEKDAY = Column("day of week", 0, 7, 6, ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"))
_COLUMNS = (SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY)


def resolve(expression: str, salt: str) -> str:
    """The expression with single blanks, aliases written out, and every H replaced by what the salt draws.

    Raises:
        BadExpression: Where the count of fields, an alias or an H is wrong. The rest is up to ``read``.
    """
    columns = _columns(ALIASES.get(expression.strip().lower(), expression))
    return " ".join(
        ",".join(_drawn(column, element, salt) for element in text.split(",")) for column, text in columns
    )


def read(resolved: str) -> Fields:
    """The columns of a resolved expression.

    Raises:
        BadExpression: With what to write instead.
    """
    values = [_values(column, text) for column, text in _columns(resolved)]
    return Fields(*([None] if len(values) == _FIVE else []), *values)


def _columns(expression: str) -> list[tuple[Column, str]]:
    shown = repr(expression[:80])
    if len(expression) > _LONGEST:
        raise BadExpression(f"{shown} is longer than {_LONGEST} characters", "use ranges and steps")
    if expression.strip().startswith("@"):
        raise _unknown_alias(expression.strip())
    texts = [text for text in _BLANKS.split(expression) if text]
    if len(texts) == _SIX + 1:
        raise BadExpression(f"{shown} has seven fields", "leave the year out; bound the job by start and end")
    if len(texts) not in {_FIVE, _SIX}:
        raise BadExpression(f"{shown} has {len(texts)} fields", f"write {_SHAPE}")
    return list(zip(_COLUMNS[-len(texts) :], texts, strict=True))


def _drawn(column: Column, element: str, salt: str) -> str:
    match = _DRAW.fullmatch(element)
    if match is None:
        return element
    low, high = column.low, column.high if match["step"] and column is not WEEKDAY else column.last_drawn
    if match["low"]:
        low, high = column.number(match["low"]), column.number(match["high"])
    if low > high:
        raise BadExpression(f"{element} ends before it begins", "write the lower bound of H first")
    step = column.step(match["step"]) if match["step"] else 0
    last = min(low + step - 1, high, max(low, column.last_drawn)) if step else high
    draw = low + stable_hash(salt, column.name) % (last - low + 1)
    return f"{draw}-{high}/{step}" if step and draw + step <= high else str(draw)


def _values(column: Column, text: str) -> Values:
    numbers: set[int] = set()
    special: set[str] = set()
    for element in text.split(","):
        day = _special(column, element)
        special.update([day] if day else [])
        numbers.update(() if day else _numbers(column, element))
    return Values(frozenset(numbers), frozenset(special), text.startswith("*"))


def _special(column: Column, element: str) -> str | None:
    if column is DAY and element.upper() == "L":
        return "l"
    if column is WEEKDAY and (match := _NTH.fullmatch(element)):
        return f"{column.number(match['day']) % 7}#{match['nth']}"
    if column is WEEKDAY and (match := _LAST.fullmatch(element)):
        return f"l{column.number(match['day']) % 7}"
    return None


def _numbers(column: Column, element: str) -> Iterator[int]:
    match = _RANGE.fullmatch(element)
    if match is None:
        raise _unknown(column, element)
    low = column.number(match["low"]) if match["low"] else column.low
    high = column.number(match["high"]) if match["high"] else low if match["low"] else column.high
    if match["low"] and match["step"] and not match["high"]:
        raise BadExpression(
            f"{element} has a step without a range", f"write {low}-{column.high}/{match['step']}"
        )
    if column is WEEKDAY and low > high == 0:
        high = 7  # FRI-SUN
    if low > high:
        raise BadExpression(
            f"{element} ends before it begins", f"write {low}-{column.high},{column.low}-{high}"
        )
    values = range(low, high + 1, column.step(match["step"]))
    return (value % 7 if column is WEEKDAY else value for value in values)


def _unknown_alias(alias: str) -> BadExpression:
    if alias.lower() == "@reboot":
        return BadExpression("@reboot names no time", "leave the schedule out to run now, or use @hourly")
    close = get_close_matches(alias[:20].lower(), ALIASES, n=1)
    return BadExpression(f"{alias[:20]!r} is not known", f"use {(close or [', '.join(ALIASES)])[0]}")


_REFUSED = (
    (r"\?", "? is not cron", "write * where any day is meant"),
    (r"L?W|\d+W|W\d+", "the nearest weekday (W) is not supported", "name the day, or use L for the last one"),
    (r"R\b.*", "a random value (R) would change at every reading", "use H, a draw that stays with the job"),
    (
        r".*~.*",
        "a random range (~) would change at every reading",
        "use H(a-b), a draw that stays with the job",
    ),
    (r"\w+L", "the last weekday is written with L in front", "write L5 for the last Friday"),
    (r"L", "L stands alone in day of month only", "write L in day of month, or L5 for the last Friday"),
    (r"H\b.*", "this H cannot be read", "write H, H(a-b), H/n or H(a-b)/n"),
)


def _unknown(column: Column, element: str) -> BadExpression:
    for pattern, problem, remedy in _REFUSED:
        if re.fullmatch(pattern, element, re.ASCII | re.IGNORECASE):
            return BadExpression(f"{element[:40]!r} in {column.name}: {problem}", remedy)
    return BadExpression(f"{element[:40]!r} is not understood in {column.name}", column.form())
