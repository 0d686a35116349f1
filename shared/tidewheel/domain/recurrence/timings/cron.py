"""Cron schedules: an expression in a time zone, and the instants that it names.

croniter enumerates the wall times of plain expressions, whose fields are lists of numbers that must all match. It gets
one of these at a time, because it differs from cron in how it combines the two day fields, in reading ``5-5``, and in
repeated hours. This module decides the following, as Debian's cron does:

- If both day fields are restricted, a day must match one of them; if either begins with ``*``, it must match both
  (crontab(5), and ``DOM_STAR`` in Debian's cron).
- A fixed time in a gap fires once, when the gap ends. A fixed time that occurs twice fires once, the first time.
- An expression whose minute or hour begins with ``*`` follows elapsed time: it fires in both passes of a repeated hour,
  and not for walls that do not occur (the wildcard jobs of Debian's cron(8)).
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Self

from croniter import CroniterBadDateError, croniter

from tidewheel.domain.errors import Invalid
from tidewheel.domain.recurrence.cron_columns import DAY, WEEKDAY, BadExpression, Column
from tidewheel.domain.recurrence.cron_days import NearDays, is_near
from tidewheel.domain.recurrence.cron_fields import Fields, Values, read, resolve
from tidewheel.domain.recurrence.timing import Timing, unreadable
from tidewheel.domain.recurrence.zones import HORIZON_S, Stretch, known_zone, require_zone, stretch_at

_PROBE = 946_684_800  # 2000: every possible day occurs within the 50 years that croniter searches


@dataclass(frozen=True, slots=True)
class Cron(Timing):
    """Instants named by a cron expression.

    Attributes:
        expression: Five fields, or six with seconds first, without aliases and H, separated by single blanks.
        zone: IANA name of the time zone in which the expression is read.
    """

    FIELDS = frozenset({"cron", "zone"})

    expression: str
    zone: str

    def next_after(self, after_ms: int) -> int | None:
        """The first instant (ms) strictly after ``after_ms``, from 1970 to the horizon, or None."""
        found = _next_instant(self.expression, self.zone, after_ms // 1000)
        return None if found is None else found * 1000

    def to_document(self) -> dict[str, object]:
        """``{"cron": expression, "zone": name}``."""
        return {"cron": self.expression, "zone": self.zone}

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> Self:
        """See ``Timing.from_document``."""
        expression, zone = document["cron"], document["zone"]
        if not isinstance(expression, str) or not isinstance(zone, str):
            raise unreadable(document, "cron and zone must be strings")
        if known_zone(zone) is None:
            raise unreadable(document, f"{zone!r} is not a known time zone here")
        try:
            read(expression)
        except BadExpression as refused:
            raise unreadable(document, refused.problem) from refused
        return cls(expression, zone)

    def none_left(self) -> Invalid:
        """See ``Timing.none_left``."""
        return Invalid("schedule.cron", f"{self.expression!r} names no instant", "name a day that comes")


def parse_cron(
    expression: str,
    zone: str,
    *,
    salt: str,
    field: str = "schedule.cron",
    zone_field: str = "schedule.timezone",
) -> Cron:
    """Reads a cron expression as a user writes it.

    Accepts five fields or six with seconds first; names, lists, ranges, steps; ``L``, ``L-3``, ``LW`` and ``15W`` in
    day of month; ``L5`` and ``5#2`` in day of week; ``@hourly`` and other aliases; ``cron(…)`` with the meaning that
    AWS gives it; and ``H``, ``H(a-b)``, ``H/n``, which stand for a value that is derived from the salt: the same for
    one salt, evenly distributed over many.

    Args:
        expression: The text.
        zone: IANA name of the time zone.
        salt: What H depends on: the job's id.
        field: Path of the expression in the request.
        zone_field: Path of the zone in the request.

    Raises:
        Invalid: On ``zone_field`` for an unknown zone, else on ``field``.
    """
    require_zone(zone, field=zone_field)
    try:
        resolved = resolve(expression, salt)
        possible = _plan(resolved).alternatives
    except BadExpression as refused:
        raise Invalid(field, refused.problem, refused.remedy) from refused
    if not possible:
        raise Invalid(field, f"{expression[:80]!r} names a day that never comes", "name a day that the month has")
    return Cron(resolved, zone)


@dataclass(frozen=True, slots=True)
class _Plan:
    """An expression, prepared for search: a wall matches if any of the alternatives matches."""

    alternatives: tuple[croniter | NearDays, ...]
    elapsed: bool

    def lowest_wall(self, stretch: Stretch, instant: int) -> int:
        """The first wall that may fire, from an instant of the stretch on."""
        if self.elapsed:
            return instant + stretch.offset
        if instant == stretch.start:
            return stretch.reached  # walls of a gap fire now; walls of a fold have fired before
        return max(instant + stretch.offset, stretch.reached)

    def first_wall(self, low: int) -> int | None:
        walls = (_first_wall(alternative, low) for alternative in self.alternatives)
        return min((wall for wall in walls if wall is not None), default=None)


@lru_cache(maxsize=16_384)
def _next_instant(expression: str, zone: str, after: int) -> int | None:
    """The first instant (seconds) after ``after``. Cached: jobs of one expression share the cost of croniter."""
    plan = _plan(expression)
    instant = max(after + 1, 0)
    asked, wall = 0, -1
    while instant < HORIZON_S:
        stretch = stretch_at(zone, instant)
        low = plan.lowest_wall(stretch, instant)
        if not asked <= low <= wall:
            found = plan.first_wall(low)
            if found is None:
                return None
            asked, wall = low, found
        named = max(wall - stretch.offset, stretch.start)
        if named < stretch.end:
            return named
        instant = stretch.end  # none may be skipped: in a fold a wall may occur that has been passed
    return None


@lru_cache(maxsize=2048)
def _plan(expression: str) -> _Plan:
    fields = read(expression)
    plain = (croniter(text, 0.0, day_or=False, second_at_beginning=True) for text in _alternatives(fields))
    possible = tuple(one for one in (*plain, *_near(fields)) if _first_wall(one, _PROBE) is not None)
    return _Plan(possible, fields.minute.starred or fields.hour.starred)


def _alternatives(fields: Fields) -> list[str]:
    """Plain expressions that together match what the fields match."""
    days, weekdays = _texts(fields.day, DAY), _texts(fields.weekday, WEEKDAY)
    if fields.day.starred or fields.weekday.starred:
        pairs = list(product(days, weekdays))
    else:
        pairs = [(day, "*") for day in days] + [("*", weekday) for weekday in weekdays]
    before = [_list(column) for column in (fields.second, fields.minute, fields.hour) if column]
    return [" ".join((*before, day, _list(fields.month), weekday)) for day, weekday in pairs]


def _near(fields: Fields) -> list[NearDays]:
    """The days that croniter does not know."""
    both = fields.day.starred or fields.weekday.starred
    weekdays = fields.weekday if both else None
    return [NearDays(special, fields, weekdays) for special in sorted(fields.day.special) if is_near(special)]


def _texts(values: Values, column: Column) -> list[str]:
    if len(values.numbers) == column.size:
        return ["*"]
    return [text for text in (_list(values), ",".join(_known(values.special))) if text]


def _known(special: frozenset[str]) -> list[str]:
    return sorted(one for one in special if not is_near(one))


def _list(values: Values) -> str:
    return ",".join(map(str, sorted(values.numbers)))


def _first_wall(alternative: croniter | NearDays, low: int) -> int | None:
    if isinstance(alternative, NearDays):
        return alternative.first_wall(low)
    walker = copy(alternative)  # a croniter keeps its position; the cached one must not change
    try:
        return int(walker.get_next(float, float(low - 1)))
    except CroniterBadDateError:  # no such day within the 50 years that croniter searches
        return None
