"""A kind of schedule that is added to a copy of the tree: instants at ever longer distances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from tidewheel.domain.errors import Invalid
from tidewheel.domain.recurrence.timing import HORIZON_MS, Timing, stored_int


@dataclass(frozen=True, slots=True)
class Doubling(Timing):
    """The instants origin + 2^n seconds, n >= 0."""

    FIELDS = frozenset({"doubling"})

    origin_ms: int

    def next_after(self, after_ms: int) -> int | None:
        """The first instant (ms) strictly after ``after_ms``."""
        passed_s = max(after_ms - self.origin_ms, 0) // 1000
        found = self.origin_ms + (1000 << passed_s.bit_length())
        return found if found < HORIZON_MS else None

    def to_document(self) -> dict[str, object]:
        """``{"doubling": ms}``."""
        return {"doubling": self.origin_ms}

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> Self:
        """See ``Timing.from_document``."""
        return cls(stored_int(document, "doubling"))

    def none_left(self) -> Invalid:
        """See ``Timing.none_left``."""
        return Invalid("schedule.doubling", "it ended", "use a later origin")
