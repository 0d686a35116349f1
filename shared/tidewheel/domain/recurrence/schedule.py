"""Schedules: which nominal instants a job has, and when each of them is due.

All times are ints: milliseconds since the Unix epoch, UTC. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidewheel.domain.errors import Invalid, Unreadable
from tidewheel.domain.ids import stable_hash
from tidewheel.domain.recurrence.cron import Cron, parse_cron
from tidewheel.domain.recurrence.cron_columns import BadExpression
from tidewheel.domain.recurrence.cron_fields import read
from tidewheel.domain.recurrence.zones import HORIZON_S, known_zone

__all__ = [
    "At",
    "Cron",
    "Every",
    "Schedule",
    "Timing",
    "due_of",
    "from_document",
    "parse_at",
    "parse_cron",
    "parse_every",
    "reached",
    "schedule_of",
    "to_document",
]

_HORIZON_MS = HORIZON_S * 1000
_SHORTEST_MS = 1000


@dataclass(frozen=True, slots=True)
class At:
    """One instant, ms."""

    at_ms: int

    def next_after(self, after_ms: int) -> int | None:
        """The instant, if it is strictly after ``after_ms``."""
        return self.at_ms if self.at_ms > after_ms else None


@dataclass(frozen=True, slots=True)
class Every:
    """The instants anchor + n x interval, n >= 0, ms: the first is the anchor itself."""

    interval_ms: int
    anchor_ms: int

    def next_after(self, after_ms: int) -> int | None:
        """The first instant strictly after ``after_ms`` and before the horizon."""
        n = max(0, (after_ms - self.anchor_ms) // self.interval_ms + 1)
        found = self.anchor_ms + n * self.interval_ms
        return found if found < _HORIZON_MS else None


Timing = At | Every | Cron


@dataclass(frozen=True, slots=True)
class Schedule:
    """A timing within bounds.

    Attributes:
        timing: What names the instants.
        start_ms: The first instant allowed, inclusive; None for no bound.
        end_ms: The first instant no longer allowed; None for no bound.
    """

    timing: Timing
    start_ms: int | None = None
    end_ms: int | None = None

    def next_after(self, after_ms: int) -> int | None:
        """The first nominal instant (ms) strictly after ``after_ms`` in [start, end), or None."""
        found = self.timing.next_after(after_ms if self.start_ms is None else max(after_ms, self.start_ms - 1))
        return None if found is None or (self.end_ms is not None and found >= self.end_ms) else found

    def first_from(self, from_ms: int) -> int | None:
        """The first nominal instant (ms) at or after ``from_ms`` in [start, end), or None."""
        return self.next_after(from_ms - 1)

    def upcoming(self, from_ms: int, count: int) -> list[int]:
        """Up to ``count`` nominal instants (ms) at or after ``from_ms``, in order."""
        found: list[int] = []
        following = self.first_from(from_ms) if count > 0 else None
        while following is not None:
            found.append(following)
            following = self.next_after(following) if len(found) < count else None
        return found

    @property
    def repeats(self) -> bool:
        """Whether it may name more than one instant."""
        return not isinstance(self.timing, At)


def parse_at(at_ms: int, *, now_ms: int, field: str = "schedule.at") -> At:
    """One instant that is not past.

    Raises:
        Invalid: On ``field``, for an instant before ``now_ms`` or after the year 2999.
    """
    if at_ms < now_ms:
        raise Invalid(field, f"the instant is {now_ms - at_ms} ms in the past", "leave the schedule out to run now")
    reached(at_ms, field=field)
    return At(at_ms)


def parse_every(interval_ms: int, anchor_ms: int, *, field: str = "schedule.every") -> Every:
    """An interval of a second or more, counted from an anchor that may be past or future.

    Raises:
        Invalid: On ``field``, for a shorter interval or an anchor outside 1970 to 2999.
    """
    if interval_ms < _SHORTEST_MS:
        raise Invalid(field, f"an interval of {interval_ms} ms is too short", "use one second or more")
    reached(anchor_ms, field=field)
    return Every(interval_ms, anchor_ms)


def schedule_of(timing: Timing, start_ms: int | None, end_ms: int | None, *, from_ms: int) -> Schedule:
    """A schedule that has something to do.

    Args:
        timing: What names the instants.
        start_ms: The first instant allowed, or None.
        end_ms: The first instant no longer allowed, or None.
        from_ms: Where the job's life begins: now.

    Raises:
        Invalid: On ``end`` where the bounds leave no instant, or on the timing's own field where it names
            none at or after ``from_ms``.
    """
    if start_ms is not None and end_ms is not None and end_ms <= start_ms:
        raise Invalid("end", f"the end ({end_ms}) is not after the start ({start_ms})", "put the end after the start")
    schedule = Schedule(timing, start_ms, end_ms)
    if schedule.first_from(from_ms) is None:
        raise _never(schedule, from_ms)
    return schedule


def due_of(schedule: Schedule, nominal_ms: int, jitter_ms: int, salt: str, window_ms: int = 0) -> int:
    """The due time (ms) of a nominal instant: later by the job's place in the window, and by less than the jitter.

    Both together stay below the gap to the next nominal instant, so that due times keep the order of the
    nominal ones. A place that lies beyond the gap is taken modulo the gap.

    Args:
        schedule: Where the instant comes from.
        nominal_ms: The instant.
        jitter_ms: The most to add, exclusive, each time another; 0 for none.
        salt: What the offsets depend on, the jitter's besides the instant: the job's id.
        window_ms: The most to add, exclusive, each time the same; 0 for none.
    """
    if jitter_ms <= 0 and window_ms <= 0:
        return nominal_ms
    following = schedule.next_after(nominal_ms)
    gap_ms = jitter_ms + window_ms if following is None else following - nominal_ms
    place_ms = _place_in(window_ms, salt)
    place_ms = place_ms if place_ms < gap_ms else place_ms % gap_ms
    room = min(jitter_ms, gap_ms - place_ms)
    return nominal_ms + place_ms + (stable_hash(salt, nominal_ms) % room if room > 0 else 0)


def _place_in(window_ms: int, salt: str) -> int:
    return stable_hash("window", salt) % window_ms if window_ms > 0 else 0


def to_document(schedule: Schedule) -> dict[str, object]:
    """The schedule as a small document of strings and ints; ``from_document`` reads it back."""
    timing = schedule.timing
    document: dict[str, object]
    if isinstance(timing, At):
        document = {"at": timing.at_ms}
    elif isinstance(timing, Every):
        document = {"every": timing.interval_ms, "anchor": timing.anchor_ms}
    else:
        document = {"cron": timing.expression, "zone": timing.zone}
    bounds = {"start": schedule.start_ms, "end": schedule.end_ms}
    return document | {name: bound for name, bound in bounds.items() if bound is not None}


def from_document(document: Mapping[str, object]) -> Schedule:
    """The schedule that ``to_document`` wrote.

    Raises:
        Unreadable: For anything that it could not have written, so that a damaged or newer record is set
            aside, never fired at a wrong time.
    """
    if not isinstance(document, Mapping):
        raise Unreadable("schedule", repr(document)[:80], "it is not a document")
    bounds = {"start", "end"}
    start_ms, end_ms = (_int(document, name) if name in document else None for name in ("start", "end"))
    match sorted(str(name) for name in document.keys() - bounds):
        case ["at"]:
            timing: Timing = At(_int(document, "at"))
        case ["anchor", "every"]:
            timing = Every(_int(document, "every", least=_SHORTEST_MS), _int(document, "anchor"))
        case ["cron", "zone"]:
            timing = _stored_cron(document)
        case names:
            raise _unreadable(document, f"no timing has the fields {names}")
    return Schedule(timing, start_ms, end_ms)


def reached(instant_ms: int, *, field: str) -> int:
    """The instant (ms), if schedules reach it.

    Raises:
        Invalid: On ``field``, for one outside 1970 to 2999.
    """
    if not 0 <= instant_ms < _HORIZON_MS:
        raise Invalid(field, f"{instant_ms} ms since 1970 is out of reach", "use an instant from 1970 to 2999")
    return instant_ms


def _never(schedule: Schedule, from_ms: int) -> Invalid:
    if schedule.end_ms is not None and Schedule(schedule.timing, schedule.start_ms).first_from(from_ms) is not None:
        return Invalid("end", "no instant of the schedule comes before the end", "move the end, or leave it out")
    match schedule.timing:
        case At(at_ms):
            return Invalid("schedule.at", f"{at_ms} is past or before the start", "move it, or move the start")
        case Every(interval_ms):
            return Invalid("schedule.every", f"{interval_ms} ms from the anchor is out of reach", "shorten it")
        case Cron(expression):
            return Invalid("schedule.cron", f"{expression!r} names no instant", "name a day that comes")


def _stored_cron(document: Mapping[str, object]) -> Cron:
    expression, zone = document["cron"], document["zone"]
    if not isinstance(expression, str) or not isinstance(zone, str):
        raise _unreadable(document, "cron and zone must be strings")
    if known_zone(zone) is None:
        raise _unreadable(document, f"{zone!r} is not a known time zone here")
    try:
        read(expression)
    except BadExpression as refused:
        raise _unreadable(document, refused.problem) from refused
    return Cron(expression, zone)


def _int(document: Mapping[str, object], name: str, least: int | None = None) -> int:
    value = document[name]
    if not isinstance(value, int) or isinstance(value, bool) or (least is not None and value < least):
        raise _unreadable(document, f"{name} is {value!r}")
    return value


def _unreadable(document: Mapping[str, object], problem: str) -> Unreadable:
    return Unreadable("schedule", repr(dict(document))[:80], problem)
