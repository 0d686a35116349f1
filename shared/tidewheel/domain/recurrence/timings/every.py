"""Instants at equal distances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from tidewheel.domain.errors import Invalid
from tidewheel.domain.recurrence.timing import HORIZON_MS, Timing, reached, stored_int

_SHORTEST_MS = 1000


@dataclass(frozen=True, slots=True)
class Every(Timing):
    """The instants anchor + n x interval, n >= 0, ms: the first is the anchor itself."""

    FIELDS = frozenset({"every", "anchor"})

    interval_ms: int
    anchor_ms: int

    def next_after(self, after_ms: int) -> int | None:
        """The first instant strictly after ``after_ms`` and before the horizon."""
        n = max(0, (after_ms - self.anchor_ms) // self.interval_ms + 1)
        found = self.anchor_ms + n * self.interval_ms
        return found if found < HORIZON_MS else None

    def holds_from(self, defined_ms: int) -> int:
        """See ``Timing.holds_from``. The moment from which it counts is no instant if that is its own definition."""
        return defined_ms + 1 if defined_ms == self.anchor_ms else defined_ms

    def last_before(self, bound_ms: int, known_ms: int) -> int:
        """See ``Timing.last_before``; by arithmetic."""
        return known_ms + (bound_ms - 1 - known_ms) // self.interval_ms * self.interval_ms

    def count_between(self, from_ms: int, until_ms: int) -> int:
        """See ``Timing.count_between``; by arithmetic, however many they are."""
        return (until_ms - from_ms) // self.interval_ms + 1

    def to_document(self) -> dict[str, object]:
        """``{"every": ms, "anchor": ms}``."""
        return {"every": self.interval_ms, "anchor": self.anchor_ms}

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> Self:
        """See ``Timing.from_document``."""
        return cls(stored_int(document, "every", least=_SHORTEST_MS), stored_int(document, "anchor"))

    def none_left(self) -> Invalid:
        """See ``Timing.none_left``."""
        return Invalid("schedule.every", f"{self.interval_ms} ms from the anchor is out of reach", "shorten it")


def parse_every(
    interval_ms: int, anchor_ms: int, *, field: str = "schedule.every", anchor_field: str = "schedule.anchor"
) -> Every:
    """An interval of a second or more, counted from an anchor that may be past or future.

    Raises:
        Invalid: On ``field`` for a shorter interval, on ``anchor_field`` for an anchor outside 1970 to 2999.
    """
    if interval_ms < _SHORTEST_MS:
        raise Invalid(field, f"an interval of {interval_ms} ms is too short", "use one second or more")
    reached(anchor_ms, field=anchor_field)
    return Every(interval_ms, anchor_ms)


def unanchored(
    interval_ms: int, start_ms: int | None, now_ms: int, before: Timing | None, *, field: str = "schedule.every"
) -> Every:
    """An interval for which no anchor is given.

    It counts from the job's start, so that its first run is then. Without a start it counts as before if the job has
    this interval already, else from now, and its first run is one interval later: nothing runs because it was defined.
    So do the timers of systemd (``OnActiveSec=``) and APScheduler's intervals. EventBridge Scheduler begins with the
    start date too, and without one at once, which here is asked for (``at_once``).

    Args:
        interval_ms: The interval.
        start_ms: The job's start, or None.
        now_ms: The time of the request.
        before: What the job has now, if it has a schedule.
        field: Path of the interval in the request.

    Raises:
        Invalid: On ``field`` for an interval below a second, on ``start`` for one outside 1970 to 2999.
    """
    if start_ms is not None:
        return parse_every(interval_ms, start_ms, field=field, anchor_field="start")
    if isinstance(before, Every) and before.interval_ms == interval_ms:
        return before
    return parse_every(interval_ms, now_ms, field=field)


def at_once(interval_ms: int, now_ms: int, before: Timing | None) -> Every:
    """An interval that begins with a run at once: its anchor is the next millisecond.

    If the job has this interval already it stays as it is, so that a repeated request starts nothing.
    """
    return unanchored(interval_ms, None, now_ms + 1, before)
