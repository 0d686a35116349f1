"""Parses the fields of a cron expression into the numbers that they stand for.

Fields are read as Debian's cron reads them (crontab(5) and its ``entry.c``), with these additions: ``L``, ``L5`` and
``5#2`` for days, ``H`` for a value derived from the job's id, and an optional field of seconds in front. What other
crons read in different ways is refused.
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


class Values(NamedTuple):
    """The values of one field.

    Attributes:
        numbers: The values, Sunday as 0.
        special: Days that are no numbers, in croniter's spelling: ``l``, ``5#2``, ``l5``.
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
    columns = _columns(ALIASES.get(expression.strip().lower(), expression))
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
    if len(texts) == _SIX + 1:
        raise BadExpression(f"{shown} has seven fields", "leave the year out; bound the job by start and end")
    if len(texts) not in {_FIVE, _SIX}:
        raise BadExpression(f"{shown} has {len(texts)} fields", f"write {_SHAPE}")
    return list(zip(_COLUMNS[-len(texts) :], texts, strict=True))


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
        raise unknown(column, element)
    low = column.number(match["low"]) if match["low"] else column.low
    high = column.number(match["high"]) if match["high"] else low if match["low"] else column.high
    if match["low"] and match["step"] and not match["high"]:
        raise BadExpression(f"{element} has a step without a range", f"write {low}-{column.high}/{match['step']}")
    if column is WEEKDAY and low > high == 0:
        high = 7  # FRI-SUN
    if low > high:
        raise BadExpression(f"{element} ends before it begins", f"write {low}-{column.high},{column.low}-{high}")
    values = range(low, high + 1, column.step(match["step"] or "1"))
    return (value % 7 if column is WEEKDAY else value for value in values)


def _unknown_alias(alias: str) -> BadExpression:
    if alias.lower() == "@reboot":
        return BadExpression("@reboot names no time", "leave the schedule out to run now, or use @hourly")
    close = get_close_matches(alias[:20].lower(), ALIASES, n=1)
    return BadExpression(f"{alias[:20]!r} is not known", f"use {(close or [', '.join(ALIASES)])[0]}")
