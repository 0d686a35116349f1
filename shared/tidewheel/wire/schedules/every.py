"""The ``every`` schedule on the wire."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field

from tidewheel.domain.limits import DAY_MS, SECOND_MS
from tidewheel.domain.recurrence.timing import Timing
from tidewheel.domain.recurrence.timings.every import Every, parse_every
from tidewheel.wire.schedule import ScheduleModel
from tidewheel.wire.values import Instant, bounded, duration, format_duration, from_ms, to_ms

MAX_INTERVAL_MS = 36_500 * DAY_MS


class EverySchedule(ScheduleModel):
    """An interval, counted from its anchor: the instants are anchor + n x interval."""

    KIND = "every"
    TIMING = Every

    every: Annotated[timedelta, *bounded(SECOND_MS, MAX_INTERVAL_MS)]
    anchor: Instant | None = Field(None, description="The job's creation unless given.")

    def timing(self, job_id: str, now_ms: int, before: Timing | None) -> Every:
        """See ``ScheduleModel.timing``. Without an anchor an interval that stays the same keeps the one that it has."""
        del job_id
        interval_ms = to_ms(self.every)
        if self.anchor is None and isinstance(before, Every) and before.interval_ms == interval_ms:
            return before
        return parse_every(interval_ms, now_ms if self.anchor is None else to_ms(self.anchor))

    @classmethod
    def of(cls, timing: Every) -> Self:
        """See ``ScheduleModel.of``."""
        return cls(every=duration(timing.interval_ms), anchor=from_ms(timing.anchor_ms))

    def summary(self) -> str:
        """The interval."""
        return f"every {format_duration(self.every)}"
