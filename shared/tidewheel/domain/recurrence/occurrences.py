"""The occurrences of one generation of a job, and searches among them."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.recurrence.schedule import Schedule, due_of


@dataclass(frozen=True, slots=True)
class Occurrences:
    """The occurrences of one generation.

    Args:
        schedule: Names the nominal times.
        jitter_ms: The width of the jitter (ms).
        salt: What jitter and window offset are derived from: the job's id.
        cut_ms: The first nominal time (ms) of the next generation, or None.
        window_ms: The width of the window in which the job has its offset (ms).
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

    def last_before(self, bound_ms: int, known_ms: int) -> int:
        """The last nominal time (ms) before ``bound_ms``, given one that is: ``known_ms``."""
        return self.schedule.timing.last_before(self._end_before(bound_ms), known_ms)

    def _end_before(self, bound_ms: int) -> int:
        bounds = (bound_ms, self.cut_ms, self.schedule.end_ms)
        return min(bound for bound in bounds if bound is not None)

    def newest(self, count: int, last_ms: int, first_ms: int) -> list[int]:
        """Up to ``count`` nominal times (ms) in [first, last], the newest, in order; both ends are instants."""
        found: list[int] = []
        at = last_ms
        while len(found) < count:
            found.append(at)
            if at == first_ms:
                break
            at = self.last_before(at, first_ms)
        return found[::-1]
