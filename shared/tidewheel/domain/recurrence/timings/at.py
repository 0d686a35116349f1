"""One instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from tidewheel.domain.errors import Invalid
from tidewheel.domain.recurrence.timing import Timing, reached, stored_int


@dataclass(frozen=True, slots=True)
class At(Timing):
    """One instant, ms."""

    FIELDS = frozenset({"at"})

    at_ms: int

    @property
    def repeats(self) -> bool:
        """False."""
        return False

    @property
    def last_ms(self) -> int:
        """The instant."""
        return self.at_ms

    def next_after(self, after_ms: int) -> int | None:
        """The instant, if it is strictly after ``after_ms``."""
        return self.at_ms if self.at_ms > after_ms else None

    def to_document(self) -> dict[str, object]:
        """``{"at": ms}``."""
        return {"at": self.at_ms}

    @classmethod
    def from_document(cls, document: Mapping[str, object]) -> Self:
        """See ``Timing.from_document``."""
        return cls(stored_int(document, "at"))

    def check_new(self, now_ms: int) -> None:
        """Refuses an instant before ``now_ms`` or after the year 2999.

        Raises:
            Invalid: On ``schedule.at``.
        """
        if self.at_ms < now_ms:
            problem = f"the instant is {now_ms - self.at_ms} ms in the past"
            raise Invalid("schedule.at", problem, "leave the schedule out to run now")
        reached(self.at_ms, field="schedule.at")

    def none_left(self) -> Invalid:
        """See ``Timing.none_left``."""
        return Invalid("schedule.at", f"{self.at_ms} is past or before the start", "move it, or move the start")
