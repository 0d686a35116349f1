"""``cron(…)``, ``rate(…)`` and ``at(…)`` of EventBridge (User Guide of EventBridge Scheduler, Schedule types)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from tidewheel.cli.importing.cron_grammar import Days, Grammar
from tidewheel.cli.importing.outcome import NotCarried
from tidewheel.domain.recurrence.cron_columns import WEEKDAY
from tidewheel.domain.recurrence.cron_dialects import interval_of

_CRON = re.compile(r"cron\((?P<fields>[^()]*)\)")
_AT = re.compile(r"at\((?P<wall>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
_SIX = 6
_SPECIAL = r"L|\d{1,2}W|LW|L\d|\d#[1-5]"
GRAMMAR = Grammar("EventBridge", Days.UNION_UNLESS_STAR, first_weekday=1, question=True, special=_SPECIAL)
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_YEARS = re.compile(r"(?:\*|(?P<low>\d{4})(?:-(?P<high>\d{4}))?)(?:/(?P<step>\d{1,3}))?")
_NAMED_WEEKDAY = re.compile(r"(?P<day>\d|[A-Z]{3})(?:(?P<last>L)|#(?P<nth>[1-5]))", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class AwsCron:
    """A ``cron(…)`` in our form.

    Args:
        expression: Five fields.
        years: The first and the last year that it names; None for all.
    """

    expression: str
    years: tuple[int, int] | None


def aws_interval(text: str) -> int | None:
    """The interval (ms) of ``rate(…)``; None for all else.

    Raises:
        NotCarried: It is a rate that EventBridge refuses.
    """
    if not text.startswith("rate("):
        return None
    found = interval_of(text)
    if found is None:
        raise NotCarried(f"{text[:40]!r} is no rate", "write whole minutes, hours or days, as in rate(5 minutes)")
    return found


def aws_instant(text: str) -> str | None:
    """The local time of ``at(…)``; None for all else.

    Raises:
        NotCarried: It names no such time.
    """
    match = _AT.fullmatch(text)
    if match is None:
        if text.startswith("at("):
            raise NotCarried(f"{text[:40]!r} is no time", "write it as at(2027-01-31T09:00:00)")
        return None
    try:
        datetime.fromisoformat(match["wall"])
    except ValueError as error:
        raise NotCarried(f"{match['wall']} is no time: {error}", "name a day that there is") from error
    return match["wall"]


def aws_cron(text: str) -> AwsCron:
    """A ``cron(…)`` in our form.

    Raises:
        NotCarried: EventBridge refuses it, or it cannot be said here.
    """
    match = _CRON.fullmatch(text)
    if match is None:
        raise NotCarried(f"{text[:40]!r} is no expression of EventBridge", "write cron(…), rate(…) or at(…)")
    fields = match["fields"].split()
    if len(fields) != _SIX:
        raise NotCarried(f"cron(…) has {len(fields)} fields", "write six: minutes hours day month weekday year")
    if [fields[2], fields[4]].count("?") != 1 or "?" in {fields[0], fields[1], fields[3]}:
        raise NotCarried("cron(…) has no ? in just one of the fields of days", "write ? in the one that does not count")
    fields[4] = ",".join(map(_weekday, fields[4].split(",")))
    return AwsCron(GRAMMAR.ours(fields[:5]), _years(fields[5]))


def _weekday(element: str) -> str:
    """A day of the week with the last or a counted one in our form; the rest is left to the grammar."""
    if element.upper() == "L":
        return "SAT"  # the last day of the week
    match = _NAMED_WEEKDAY.fullmatch(element)
    if match is None:
        return element
    day = match["day"]
    number = (
        int(day) - 1 if day.isdecimal() else WEEKDAY.words.index(day.upper()) if day.upper() in WEEKDAY.words else 9
    )
    if not 0 <= number <= 6:  # noqa: PLR2004 -- days of a week
        raise NotCarried(f"EventBridge refuses {element!r} as a day of the week", "write 1 to 7, or SUN to SAT")
    return f"L{number}" if match["last"] else f"{number}#{match['nth']}"


def _years(text: str) -> tuple[int, int] | None:
    if text == "*":
        return None
    years: set[int] = set()
    for element in text.split(","):
        match = _YEARS.fullmatch(element)
        if match is None:
            raise NotCarried(f"EventBridge refuses the year {element[:20]!r}", "write years from 1970 to 2199")
        low = int(match["low"] or _FIRST_YEAR)
        high = int(match["high"] or (_LAST_YEAR if match["step"] or not match["low"] else low))
        years |= set(range(low, high + 1, int(match["step"] or 1) or 1))
    first, last = min(years), max(years)
    if not _FIRST_YEAR <= first <= last <= _LAST_YEAR:
        raise NotCarried(f"EventBridge refuses the years {text[:20]!r}", "write years from 1970 to 2199")
    if len(years) != last - first + 1:
        raise NotCarried(
            f"the years {text[:40]!r} do not follow each other", "make a schedule for each stretch of years"
        )
    return first, last
