"""The limits that a tenant may have, by name, and the windows of those that count over time.

Windows are fixed: each begins at a multiple of its length, in UTC, so that a day is a calendar day in UTC. A sliding
window would need the instants of what was counted, or would be an estimate; a fixed one is one counter, has an exact
reset, and is never written when it ends: the next one is another row. The price is that two windows that touch may
both be used up around the instant at which they meet.
"""

from __future__ import annotations

from calendar import timegm
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from math import floor
from typing import Final

from tidewheel.domain.limits import DAY_MS, MINUTE_MS, SECOND_MS
from tidewheel.domain.pricing import dollars_of_run


class Limit(StrEnum):
    """The name of a limit, as plans, answers and problems give it."""

    EXECUTIONS_PER_DAY = "executions_per_day"
    EXECUTIONS_PER_MINUTE = "executions_per_minute"
    DOLLARS_PER_MONTH = "dollars_per_month"
    REQUESTS_PER_SECOND = "requests_per_second"
    PAYLOAD_BYTES = "payload_bytes"
    SHORTEST_INTERVAL_SECONDS = "shortest_interval_seconds"
    RUNNING_AT_ONCE = "running_at_once"
    ACTIVE_JOBS = "active_jobs"


Limits = Mapping[Limit, float]
"""A tenant's limits. One that is missing does not exist: the tenant may use as much as it likes."""

AT_THE_FIRE: Final = (Limit.EXECUTIONS_PER_MINUTE, Limit.EXECUTIONS_PER_DAY, Limit.DOLLARS_PER_MONTH)
"""The limits that an execution is counted against when it starts, the shortest window first."""
COUNTED: Final = (*AT_THE_FIRE, Limit.REQUESTS_PER_SECOND)
"""The limits that count over time."""

REQUESTS_OVER_MS: Final = 10 * SECOND_MS
"""Requests a second are counted over this time (ms), so that a short burst passes and one write counts many."""


@dataclass(frozen=True, slots=True)
class Window:
    """A window of a limit that counts over time.

    Args:
        limit: Which limit.
        from_ms: Its first instant (ms since the epoch, UTC).
        until_ms: The first instant after it, at which the limit is whole again (ms since the epoch, UTC).
    """

    limit: Limit
    from_ms: int
    until_ms: int

    def holds(self, now_ms: int) -> bool:
        """Whether an instant (ms since the epoch) lies in it."""
        return self.from_ms <= now_ms < self.until_ms


def window_at(limit: Limit, now_ms: int) -> Window:
    """The window of a counted limit that holds an instant (ms since the epoch)."""
    if limit is Limit.DOLLARS_PER_MONTH:
        day = datetime.fromtimestamp(now_ms // SECOND_MS, UTC)
        year, month = day.year, day.month
        after = (year + 1, 1) if month == 12 else (year, month + 1)  # noqa: PLR2004 - December
        return Window(limit, _month_ms(year, month), _month_ms(*after))
    length_ms = _LENGTH_MS[limit]
    from_ms = now_ms - now_ms % length_ms
    return Window(limit, from_ms, from_ms + length_ms)


_LENGTH_MS = {
    Limit.EXECUTIONS_PER_DAY: DAY_MS,
    Limit.EXECUTIONS_PER_MINUTE: MINUTE_MS,
    Limit.REQUESTS_PER_SECOND: REQUESTS_OVER_MS,
}


def _month_ms(year: int, month: int) -> int:
    return timegm((year, month, 1, 0, 0, 0)) * SECOND_MS


def tokens_of(limit: Limit, value: float) -> int:
    """How many executions or requests a window of a counted limit lets pass.

    Dollars become executions by the price of one (``pricing.dollars_of_run``), which is an estimate.

    Args:
        limit: The limit.
        value: What the tenant's plan says.
    """
    match limit:
        case Limit.DOLLARS_PER_MONTH:
            return floor(value / dollars_of_run())
        case Limit.REQUESTS_PER_SECOND:
            return floor(value * REQUESTS_OVER_MS / SECOND_MS)
    return floor(value)


def shown(limit: Limit, tokens: int) -> float:
    """A number of executions or requests in the unit of their limit: the inverse of ``tokens_of``, for people."""
    if limit is Limit.DOLLARS_PER_MONTH:
        return round(tokens * dollars_of_run(), 6)
    if limit is Limit.REQUESTS_PER_SECOND:
        return round(tokens * SECOND_MS / REQUESTS_OVER_MS, 1)
    return tokens
