"""Schedules: which nominal instants a job has, and when each of them is due.

All times are ints: milliseconds since the Unix epoch, UTC. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidewheel.domain.errors import Invalid, Unreadable
from tidewheel.domain.ids import stable_hash
from tidewheel.domain.recurrence.timing import Timing, stored_int, unreadable
from tidewheel.domain.recurrence.timings import TIMINGS

_BOUNDS = ("start", "end")


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

    @property
    def repeats(self) -> bool:
        """Whether it may name more than one instant."""
        return self.timing.repeats

    @property
    def last_ms(self) -> int | None:
        """A time (ms) after which it names no instant, or None if it goes on for ever."""
        known = [bound for bound in (self.timing.last_ms, self.end_ms) if bound is not None]
        return min(known, default=None)


def schedule_of(timing: Timing, start_ms: int | None, end_ms: int | None, *, from_ms: int) -> Schedule:
    """Makes a schedule that names at least one instant.

    Args:
        timing: What names the instants.
        start_ms: The first instant allowed, or None.
        end_ms: The first instant no longer allowed, or None.
        from_ms: From when on it must name one (ms).

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
    """The due time (ms) of a nominal instant: the instant, the job's offset in its window, and its jitter.

    Offset and jitter together stay below the distance to the next nominal instant, so that due times keep the order of
    the nominal ones. An offset beyond that distance is taken modulo the distance.

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
    place_ms = place_in(window_ms, gap_ms, salt)
    room = min(jitter_ms, gap_ms - place_ms)
    return nominal_ms + place_ms + (stable_hash(salt, nominal_ms) % room if room > 0 else 0)


def place_in(window_ms: int, gap_ms: int, salt: str) -> int:
    """A job's offset in its window (ms): the same each time, and less than the distance to the next instant."""
    return stable_hash("window", salt) % window_ms % gap_ms if window_ms > 0 else 0


def to_document(schedule: Schedule) -> dict[str, object]:
    """The schedule as a small document of strings and ints; ``from_document`` reads it back."""
    bounds = dict(zip(_BOUNDS, (schedule.start_ms, schedule.end_ms), strict=True))
    return schedule.timing.to_document() | {name: bound for name, bound in bounds.items() if bound is not None}


def from_document(document: Mapping[str, object]) -> Schedule:
    """The schedule that ``to_document`` wrote.

    Raises:
        Unreadable: For anything that it could not have written, so that a damaged or newer record is set
            aside, never fired at a wrong time.
    """
    if not isinstance(document, Mapping):
        raise Unreadable("schedule", repr(document)[:80], "it is not a document")
    start_ms, end_ms = (stored_int(document, name) if name in document else None for name in _BOUNDS)
    fields = frozenset(document) - frozenset(_BOUNDS)
    timing = TIMINGS.get(fields)
    if timing is None:
        raise unreadable(document, f"no timing has the fields {sorted(map(str, fields))}")
    return Schedule(timing.from_document(document), start_ms, end_ms)


def _never(schedule: Schedule, from_ms: int) -> Invalid:
    if schedule.end_ms is not None and Schedule(schedule.timing, schedule.start_ms).first_from(from_ms) is not None:
        return Invalid("end", "no instant of the schedule comes before the end", "move the end, or leave it out")
    return schedule.timing.none_left()
