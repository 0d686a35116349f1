"""Parses the fields of a cron expression into the numbers that they stand for.

Fields are read as Debian's cron reads them (crontab(5) and its ``entry.c``), with these additions: ``L``, ``L-3``,
``LW``, ``15W``, ``L5`` and ``5#2`` for days, ``5/15`` for a step up to the greatest value, ranges that wrap around
(``22-2``), ``H`` for a value derived from the job's id, and an optional field of seconds in front. What other crons
read in different ways is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple

from tidewheel.domain.ids import stable_hash
from tidewheel.domain.recurrence.cron_columns import (
    DAY,
    HOUR,
    MINUTE,
    MONTH,
    SECOND,
    WEEKDAY,
    BadExpression,
    Column,
    unknown,
)
from tidewheel.domain.recurrence.cron_dialects import in_our_form

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
_NEAR = re.compile(r"LW|(?P<day>\d{1,2})W|L-(?P<back>\d{1,2})", re.ASCII | re.IGNORECASE)
_COMMAND = re.compile(r"/[a-z]|\./|^(?!sun|mon|tue|wed|thu|fri|sat).*[a-z]{4}")
_MOST_BACK = 30


class Values(NamedTuple):
    """The values of one field.

    Attributes:
        numbers: The values, Sunday as 0.
        special: Days that are no numbers, in croniter's spelling: ``l``, ``5#2``, ``l5``; or in the spelling of
            ``cron_days``: ``lw``, ``15w``, ``l-3``.
        starred: Whether the field begins with ``*``.
    """

    numbers: frozenset[int]
    special: frozenset[str]
    starred: bool


class Fields(NamedTuple):
    """The fields of one expression; ``second`` is None if it has five."""

    second: Values | None
    minute: Values
    hour: Values
    day: Values
    month: Values
    weekday: Values


_COLUMNS = (SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY)


def resolve(expression: str, salt: str) -> str:
    """The expression with single blanks, aliases written out, and every H replaced by a value derived from the salt.

    Raises:
        BadExpression: The number of fields, an alias or an H is wrong. The rest is checked by ``read``.
    """
    columns = _columns(in_our_form(ALIASES.get(expression.strip().lower(), expression)))
    return " ".join(",".join(_drawn(column, element, salt) for element in text.split(",")) for column, text in columns)


@lru_cache(maxsize=2048)
def read(resolved: str) -> Fields:
    """The fields of a resolved expression.

    Raises:
        BadExpression: With what to write instead.
    """
    values = [_values(column, text) for column, text in _columns(resolved)]
    return Fields(None, *values) if len(values) == _FIVE else Fields(*values)


def _columns(expression: str) -> list[tuple[Column, str]]:
    shown = repr(expression[:80])
    if len(expression) > _LONGEST:
        raise BadExpression(f"{shown} is longer than {_LONGEST} characters", "use ranges and steps")
    if expression.strip().startswith("@"):
        raise _unknown_alias(expression.strip())
    texts = [text for text in _BLANKS.split(expression) if text]
    if len(texts) > _FIVE and _has_command(texts):
        raise BadExpression(f"{shown} holds a command", f"write the schedule alone: {' '.join(texts[:_FIVE])}")
    if len(texts) == _SIX + 1:
        raise BadExpression(f"{shown} has seven fields", "leave the year out; bound the job by start and end")
    if len(texts) not in {_FIVE, _SIX}:
        raise BadExpression(f"{shown} has {len(texts)} fields", f"write {_SHAPE}")
    return list(zip(_COLUMNS[-len(texts) :], texts, strict=True))


def _has_command(texts: list[str]) -> bool:
    """Whether it is a whole line of a crontab: five fields, and what is none."""
    try:
        for column, text in zip(_COLUMNS[1:], texts, strict=False):
            _values(column, text)
    except BadExpression:
        return False
    return any(_COMMAND.search(text) for text in texts[_FIVE:])


def _drawn(column: Column, element: str, salt: str) -> str:
    match = _DRAW.fullmatch(element)
    if match is None:
        return element
    low, high, drawn = column.low, column.low + column.size - 1, column.drawn
    if match["low"]:
        low, high = column.number(match["low"]), column.number(match["high"])
        drawn = high
    if low > high:
        raise BadExpression(f"{element} ends before it begins", "write the lower bound of H first")
    step = column.step(match["step"]) if match["step"] else 0
    last = min(low + step - 1, drawn) if step else drawn
    draw = low + stable_hash(salt, column.name) % (last - low + 1)
    return f"{draw}-{high}/{step}" if step and draw + step <= high else str(draw)


def _values(column: Column, text: str) -> Values:
    numbers: set[int] = set()
    special: set[str] = set()
    elements = text.split(",")
    for element in elements:
        day = _special(column, element)
        special.update([day] if day else [])
        numbers.update(() if day else _numbers(column, element, among=len(elements)))
    return Values(frozenset(numbers), frozenset(special), text.startswith("*"))


def _special(column: Column, element: str) -> str | None:
    if column is DAY:
        return "l" if element.upper() == "L" else _near(element)
    if column is WEEKDAY and (match := _NTH.fullmatch(element)):
        return f"{column.number(match['day']) % 7}#{match['nth']}"
    if column is WEEKDAY and (match := _LAST.fullmatch(element)):
        return f"l{column.number(match['day']) % 7}"
    return None


def _near(element: str) -> str | None:
    """A day of month that depends on the month's length or on weekdays: ``lw``, ``15w``, ``l-3``."""
    match = _NEAR.fullmatch(element)
    if match is None:
        return None
    if match["day"]:
        return f"{DAY.number(match['day'])}w"
    if match["back"] and int(match["back"]) > _MOST_BACK:
        raise BadExpression(f"{element} lies before every month", f"use L-1 to L-{_MOST_BACK}")
    return element.lower()


def _numbers(column: Column, element: str, among: int) -> Iterator[int]:
    """The values of a range.

    Args:
        column: The field.
        element: A value, ``*`` or a range, perhaps with a step.
        among: The number of elements in the list. Among others ``*/100`` is Debian's way to say that both day fields
            must match; alone, so large a step is a slip.
    """
    match = _RANGE.fullmatch(element)
    if match is None:
        raise unknown(column, element)
    step = int(match["step"]) if match["step"] else 1
    if among == 1 or match["low"] or step < column.size:
        column.step(match["step"] or "1")
    low, high = _bounds(column, match)
    if low > high:
        high += column.size  # 22-2, FRI-MON
    last = column.low + column.size
    return (value - column.size if value >= last else value for value in range(low, high + 1, step))


def _bounds(column: Column, match: re.Match[str]) -> tuple[int, int]:
    if not match["low"]:
        return column.low, column.high
    low = column.number(match["low"])
    if match["high"]:
        return low, column.number(match["high"])
    return low, max(low, column.low + column.size - 1) if match["step"] else low


def _unknown_alias(text: str) -> BadExpression:
    alias, _, rest = text.partition(" ")
    name = alias.lower()
    shown = repr(alias[:20])
    if rest and name in ALIASES:
        return BadExpression(f"{text[:80]!r} holds a command", f"write the schedule alone: {name}")
    if name == "@reboot":
        return BadExpression("@reboot names no time", "leave the schedule out to run now, or use @hourly")
    if name == "@every":
        return BadExpression(f"{text[:40]!r} is no interval", "write it as in @every 1h30m, in h, m and s")
    if "week" in name and name not in {"@weekly", "@weekley", "@weeklly"}:
        return BadExpression(f"{shown} is not known", "write the days and the time of day, as in 0 9 * * 1-5")
    close = [one for one in get_close_matches(name[:20], ALIASES, n=1, cutoff=0.8) if abs(len(one) - len(name)) <= 1]
    return BadExpression(f"{shown} is not known", f"use {(close or [', '.join(ALIASES)])[0]}")
