"""The occurrences of one generation of a job, and how they are searched and counted."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.limits import COUNTED_MOST
from tidewheel.domain.recurrence.schedule import At, Every, Schedule, due_of


@dataclass(frozen=True, slots=True)
class Occurrences:
    """The occurrences of one generation.

    Args:
        schedule: What names them.
        jitter_ms: Their spread.
        salt: What the spread depends on: the job's id.
        cut_ms: The first nominal time (ms) that is the next generation's, or None.
        window_ms: The width of the window in which the job has its place.
    """

    schedule: Schedule
    jitter_ms: int
    salt: str
    cut_ms: int | None = None
    window_ms: int = 0

    def due(self, nominal_ms: int) -> int:
        """The due time (ms) of a nominal time."""
        return due_of(self.schedule, nominal_ms, self.jitter_ms, self.salt, self.window_ms)

    def after(self, nominal_ms: int) -> int | None:
        """The first nominal time (ms) after the given one, or None at the end."""
        found = self.schedule.next_after(nominal_ms)
        return None if found is None or (self.cut_ms is not None and found >= self.cut_ms) else found

    def due_after(self, due_ms: int, first_ms: int) -> int | None:
        """The first nominal time (ms), from ``first_ms`` on, whose due time is after ``due_ms``; None if none is."""
        if self.due(first_ms) > due_ms:
            return first_ms
        last = self.last_before(due_ms + 1, first_ms)
        return last if self.due(last) > due_ms else self.after(last)

    def last_before(self, bound_ms: int, first_ms: int) -> int:
        """The last nominal time before ``bound_ms``, given one that is: ``first_ms``."""
        timing, end_ms = self.schedule.timing, self._end_before(bound_ms)
        if isinstance(timing, Every):
            return first_ms + (end_ms - 1 - first_ms) // timing.interval_ms * timing.interval_ms
        found = self.after(first_ms)
        if found is None or found >= end_ms:
            return first_ms
        low = found
        step = found - first_ms
        while (found := self.after(max(low, end_ms - step) - 1)) is None or found >= end_ms:
            step *= 2  # nothing in the last ``step`` ms
        return self._bisected(found, end_ms)

    def _end_before(self, bound_ms: int) -> int:
        bounds = (bound_ms, self.cut_ms, self.schedule.end_ms)
        return min(bound for bound in bounds if bound is not None)

    def _bisected(self, low: int, high: int) -> int:
        """The last instant in [low, high), ``low`` being one; halves the range until nothing follows."""
        while (following := self.after(low)) is not None and following < high:
            middle = (following + high) // 2
            found = self.after(middle - 1)
            if found is None or found >= high:
                low, high = following, middle
            else:
                low = found
        return low

    def newest(self, count: int, last_ms: int, first_ms: int) -> list[int]:
        """Up to ``count`` nominal times in [first, last], the newest, in order; both ends are instants."""
        timing = self.schedule.timing
        if isinstance(timing, Every):
            start = max(first_ms, last_ms - (count - 1) * timing.interval_ms)
            return list(range(start, last_ms + 1, timing.interval_ms)) if count else []
        found: list[int] = []
        at = last_ms
        while len(found) < count:
            found.append(at)
            if at == first_ms:
                break
            at = self.last_before(at, first_ms)
        return found[::-1]


def counted(schedule: Schedule, from_ms: int, until_ms: int) -> int | None:
    """How many instants a schedule names in [from, until], both of which it names.

    Arithmetic, but for a cron, whose instants are walked: None if they are more than ``limits.COUNTED_MOST``.
    """
    match schedule.timing:
        case At():
            return 1
        case Every(interval_ms):
            return (until_ms - from_ms) // interval_ms + 1
    count, instant = 1, schedule.next_after(from_ms)
    while instant is not None and instant <= until_ms:
        count, instant = count + 1, schedule.next_after(instant)
        if count > COUNTED_MOST:
            return None
    return count
