"""Time zones: which names are known, and how a zone divides time into stretches of one UTC offset.

A *wall* is a local time of the zone, as seconds since 1970-01-01T00:00:00 local time. An *instant* is seconds since the
Unix epoch, UTC. Inside a stretch, wall = instant + offset. Where the offset grows there is a *gap*, local times that do
not occur; where it shrinks there is a *fold*, local times that occur twice.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from tidewheel.domain.errors import Invalid

DAY = 86_400
HORIZON_S = int(datetime(3000, 1, 1, tzinfo=UTC).timestamp())
"""The first second that no schedule reaches. An execution's id can hold nominal times up to the year 3084."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9][A-Za-z0-9_+-]*)*", re.ASCII)
_MACHINE_BOUND = re.compile(r"(posix|right)/.*|localtime|posixrules|Factory")
_LONGEST_NAME = 64
_WIDEST_OFFSET = DAY  # more than any zone is ahead of UTC
_LOOK_BACK = 3 * DAY  # longer than any fold, for one that spans New Year


@dataclass(frozen=True, slots=True)
class Stretch:
    """A period without a change of the zone's UTC offset, inside one UTC year.

    Attributes:
        start: First instant, seconds.
        end: First instant after it, seconds.
        offset: Wall minus instant, seconds.
        reached: The latest wall that occurred before ``start``. Less than ``start + offset`` if the stretch begins
            with a gap (the walls between do not occur), more if it begins with a fold (they occur again).
    """

    start: int
    end: int
    offset: int
    reached: int


@lru_cache(maxsize=1024)
def known_zone(name: str) -> ZoneInfo | None:
    """The zone of an IANA name, or None if there is none. Only well-formed names are looked up as files."""
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name) or _MACHINE_BOUND.fullmatch(name):
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; not a zone file; a folder such as "America"
        return None


def require_zone(name: str, *, field: str) -> None:
    """Refuses a name that is no IANA time zone.

    Raises:
        Invalid: On ``field``, with what the text is, and the zone that was meant where that is certain.
    """
    if known_zone(name) is None:
        from tidewheel.domain.recurrence.zone_hints import hint  # noqa: PLC0415 - its tables cost every start 4 ms

        shown = name[:_LONGEST_NAME]
        problem, remedy = hint(shown)
        raise Invalid(field, f"{shown!r} {problem}", remedy)


def stretch_at(zone: str, instant: int) -> Stretch:
    """The stretch that contains an instant.

    Args:
        zone: A known IANA name.
        instant: Seconds since the epoch, from 0 to below ``HORIZON_S``.
    """
    stretches = _stretches(zone, (_EPOCH + timedelta(seconds=instant)).year)
    return stretches[bisect_right(stretches, instant, key=lambda stretch: stretch.start) - 1]


def instant_of(zone: str, wall_ms: int) -> int:
    """The instant (ms) at which the zone's clocks first show a wall (ms). If they leave it out, when the gap ends.

    So a single instant in local time means the same as a fixed time of a cron expression.

    Args:
        zone: A known IANA name.
        wall_ms: From 1970 on; of one that no schedule reaches the answer is not exact.
    """
    instant = max(0, wall_ms // 1000 - _WIDEST_OFFSET)
    while instant < HORIZON_S:
        stretch = stretch_at(zone, instant)
        if (stretch.end + stretch.offset) * 1000 > wall_ms:
            return max(stretch.start * 1000, wall_ms - stretch.offset * 1000)
        instant = stretch.end
    return wall_ms


@lru_cache(maxsize=4096)
def _stretches(zone: str, year: int) -> tuple[Stretch, ...]:
    known = known_zone(zone)
    if known is None:
        raise Invalid("schedule.timezone", f"{zone!r} is not a known time zone", "use an IANA name")
    first, end = (int(datetime(y, 1, 1, tzinfo=UTC).timestamp()) for y in (year, year + 1))
    found = []
    start = first - _LOOK_BACK
    reached = start + _offset(known, start)
    for until in (*_changes(known, start, end), end):
        offset = _offset(known, start)
        found.append(Stretch(start, until, offset, reached))
        start, reached = until, max(reached, until + offset)
    return tuple(_not_before(first, stretch) for stretch in found if stretch.end > first)


def _not_before(first: int, stretch: Stretch) -> Stretch:
    if stretch.start >= first:
        return stretch
    return replace(stretch, start=first, reached=max(stretch.reached, first + stretch.offset))


def _changes(zone: ZoneInfo, start: int, end: int) -> Iterator[int]:
    """The first instant of each new offset in (start, end)."""
    for low, high in pairwise((*range(start, end, DAY), end)):
        yield from (change for change in _bisected(zone, low, high) if change < end)


def _bisected(zone: ZoneInfo, low: int, high: int) -> Iterator[int]:
    if _offset(zone, low) == _offset(zone, high):
        return
    if high - low == 1:
        yield high
        return
    middle = (low + high) // 2
    yield from _bisected(zone, low, middle)
    yield from _bisected(zone, middle, high)


def _offset(zone: ZoneInfo, instant: int) -> int:
    offset = (_EPOCH + timedelta(seconds=instant)).astimezone(zone).utcoffset()
    assert offset is not None  # a ZoneInfo knows its offset at every instant
    return int(offset.total_seconds())
