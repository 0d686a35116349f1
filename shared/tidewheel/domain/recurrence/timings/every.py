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


def parse_every(interval_ms: int, anchor_ms: int, *, field: str = "schedule.every") -> Every:
    """An interval of a second or more, counted from an anchor that may be past or future.

    Raises:
        Invalid: On ``field`` for a shorter interval, on ``schedule.anchor`` for an anchor outside 1970 to 2999.
    """
    if interval_ms < _SHORTEST_MS:
        raise Invalid(field, f"an interval of {interval_ms} ms is too short", "use one second or more")
    reached(anchor_ms, field="schedule.anchor")
    return Every(interval_ms, anchor_ms)
