"""Tells which dialect an expression is written in, before its fields are read, and puts it into ours.

What has its dialect written on it is accepted: ``cron(…)`` and ``rate(…)`` of AWS, ``@every`` of Go, a time zone in
front. Six fields with a ``?`` are either AWS's (minutes first, a year last) or Quartz's (seconds first). Whoever writes
them may not know, so they are refused, with the whole expression in our form.
"""

from __future__ import annotations

import re

from tidewheel.domain.limits import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from tidewheel.domain.recurrence.cron_columns import BadExpression

_ZONE = re.compile(r"\s*(?:CRON_)?TZ=(?P<zone>\S+)\s+(?P<rest>\S.*)", re.DOTALL)
_AWS = re.compile(r"cron\((?P<fields>[^()]*)\)", re.IGNORECASE)
_RATE = re.compile(r"rate\(\s*(?P<count>[1-9]\d{0,8})\s+(?P<unit>minute|hour|day)s?\s*\)", re.ASCII | re.IGNORECASE)
_EVERY = re.compile(r"@every\s+(?P<parts>(?:\d{1,9}(?:\.\d{1,3})?(?:h|ms|m|s))+)", re.ASCII | re.IGNORECASE)
_PART = re.compile(r"(?P<number>[\d.]+)(?P<unit>h|ms|m|s)", re.ASCII | re.IGNORECASE)
_UNITS = {"day": DAY_MS, "hour": HOUR_MS, "minute": MINUTE_MS, "h": HOUR_MS, "m": MINUTE_MS, "s": SECOND_MS, "ms": 1}
_FIVE, _SIX, _SEVEN = 5, 6, 7
_WEEKDAY_RANGE = re.compile(r"(?P<low>\w+)(?:-(?P<high>\w+))?(?:/(?P<step>\d+))?", re.ASCII)
_WEEKDAY_COUNT = re.compile(r"(?P<day>\w+)#(?P<nth>\d)", re.ASCII)
_WEEKDAY_LAST = re.compile(r"(?P<day>[1-7]|[A-Z]{3})L", re.ASCII | re.IGNORECASE)
_LAST_BEHIND = re.compile(r"(?:[0-7]|[A-Z]{3})L", re.ASCII | re.IGNORECASE)
_LAST_IN_LIST = re.compile(r"(?<![^,])(?P<day>[0-7]|[A-Z]{3})L(?![^,])", re.ASCII | re.IGNORECASE)
_YEAR = "leave the year out; bound the job by start and end"


def leading_zone(expression: str) -> tuple[str | None, str]:
    """The zone of a ``TZ=`` or ``CRON_TZ=`` before an expression, or None; and the expression."""
    match = _ZONE.fullmatch(expression)
    return (match["zone"], match["rest"]) if match else (None, expression)


def interval_of(expression: str) -> int | None:
    """The interval (ms) that ``rate(…)`` or ``@every …`` stands for; None for all else."""
    text = expression.strip()
    if rate := _RATE.fullmatch(text):
        return int(rate["count"]) * _UNITS[rate["unit"].lower()]
    every = _EVERY.fullmatch(text)
    if every is None:
        return None
    return round(sum(float(part["number"]) * _UNITS[part["unit"].lower()] for part in _PART.finditer(every["parts"])))


def in_our_form(expression: str) -> str:
    """The expression without the marks of a dialect.

    Raises:
        BadExpression: It is of another dialect, which it does not say; with the whole expression in our form as the
            remedy, where that is certain.
    """
    text = expression.strip()
    if wrapped := _AWS.fullmatch(text):
        return _of_aws(wrapped["fields"].split())
    fields = text.split()
    if len(fields) in {_FIVE, _SIX, _SEVEN} and any("?" in one for one in fields):
        raise _marked(fields)
    if text.lower().startswith("rate("):
        raise BadExpression(f"{text[:40]!r} is no rate", "count whole minutes, hours or days, as in rate(5 minutes)")
    if len(fields) in {_FIVE, _SIX} and any(map(_LAST_BEHIND.fullmatch, fields[-1].split(","))):
        ours = " ".join((*fields[:-1], _LAST_IN_LIST.sub(r"L\g<day>", fields[-1])))
        raise BadExpression("the last weekday is written with L in front", f"write {ours}")
    return expression


def _of_aws(fields: list[str]) -> str:
    if len(fields) != _SIX:
        raise BadExpression(
            f"cron(…) has {len(fields)} fields", "give it six: minutes hours day-of-month month day-of-week year"
        )
    minute, hour, day, month, weekday, year = fields
    if (day == "?") == (weekday == "?") or "?" in {minute, hour, month, year}:
        raise BadExpression("cron(…) has no ? in just one of the day fields", "put ? in the one that is not to count")
    if year != "*":
        raise BadExpression(f"cron(…) names the year {year[:20]!r}", _YEAR)
    return " ".join((minute, hour, _any(day), month, _weekday(_any(weekday))))


def _marked(fields: list[str]) -> BadExpression:
    """The refusal of an expression with ``?``."""
    shown = repr(" ".join(fields)[:80])
    if len(fields) == _FIVE and not any("?" in one for one in (*fields[:2], fields[3])):
        return BadExpression(f"{shown}: ? is not cron", "write " + " ".join(map(_any, fields)))
    aws = len(fields) == _SIX and "?" in {fields[2], fields[4]}
    try:
        ours = _of_aws(fields) if aws else _of_quartz(fields)
    except BadExpression as refused:
        return refused
    return BadExpression(f"{shown} is written as for {'AWS' if aws else 'Quartz'}", f"write {ours}")


def _of_quartz(fields: list[str]) -> str:
    if len(fields) == _FIVE or (fields[3] == "?") == (fields[5] == "?") or "?" in {*fields[:3], fields[4]}:
        raise BadExpression("? stands where it has no meaning", "write * where any value is meant")
    if len(fields) > _SIX and fields[_SIX] != "*":
        raise BadExpression(f"the year {fields[_SIX][:20]!r} cannot be named", _YEAR)
    second, minute, hour, day, month, weekday = fields[:_SIX]
    return " ".join((second, minute, hour, _any(day), month, _weekday(_any(weekday))))


def _any(field: str) -> str:
    return "*" if field == "?" else field


def _weekday(field: str) -> str:
    """A day of week as AWS and Quartz count it, from 1 = Sunday, in our numbers."""
    return ",".join(map(_renumbered, field.split(",")))


def _renumbered(element: str) -> str:
    if match := _WEEKDAY_LAST.fullmatch(element):
        return f"L{_day(match['day'])}"
    if match := _WEEKDAY_COUNT.fullmatch(element):
        return f"{_day(match['day'])}#{match['nth']}"
    match = _WEEKDAY_RANGE.fullmatch(element)
    if match is None or element.upper() == "L":
        return element
    high = f"-{_day(match['high'])}" if match["high"] else ""
    return _day(match["low"]) + high + (f"/{match['step']}" if match["step"] else "")


def _day(text: str) -> str:
    if not text.isdecimal():
        return text
    if not 1 <= int(text) <= _SEVEN:
        raise BadExpression(f"{text[:20]} is no day of the week where 1 is Sunday", "use 1-7 or SUN-SAT")
    return str(int(text) - 1)
