"""The ``every`` schedule on the wire."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field

from tidewheel.domain.errors import Invalid
from tidewheel.domain.limits import DAY_MS, SECOND_MS
from tidewheel.domain.recurrence.timing import Timing
from tidewheel.domain.recurrence.timings.every import Every, at_once, parse_every, unanchored
from tidewheel.wire.bodies.schedule import ScheduleModel
from tidewheel.wire.values import Instant, bounded, duration, from_ms, short_duration, to_ms

MAX_INTERVAL_MS = 36_500 * DAY_MS


class EverySchedule(ScheduleModel):
    """An interval, counted from its anchor: the instants are anchor + n x interval."""

    KIND = "every"
    TIMING = Every

    every: Annotated[timedelta, *bounded(SECOND_MS, MAX_INTERVAL_MS)]
    anchor: Instant | None = Field(
        None,
        description="The first instant, if it is to come, and what the others count from. Unless given it is the job's "
        "start; without one the interval counts from the job's creation, and its first instant is one interval later.",
    )
    immediate: Annotated[
        bool,
        Field(
            description="Begin at once, not one interval later; neither with an anchor nor with a start. It is not "
            "kept, and changes nothing where the job has this interval already.",
            exclude_if=lambda immediate: not immediate,
        ),
    ] = False

    def timing(self, job_id: str, now_ms: int, start_ms: int | None, before: Timing | None) -> Every:
        """See ``ScheduleModel.timing``. Without an anchor an interval that stays the same keeps the one that it has."""
        del job_id
        interval_ms = to_ms(self.every)
        if self.immediate:
            if self.anchor is not None or start_ms is not None:
                problem = f"the job begins with its {'start' if self.anchor is None else 'anchor'}"
                raise Invalid("schedule.immediate", problem, "leave one of the two out, in a merge patch by null")
            return at_once(interval_ms, now_ms, before)
        if self.anchor is None:
            return unanchored(interval_ms, start_ms, now_ms, before)
        return parse_every(interval_ms, to_ms(self.anchor))

    @classmethod
    def of(cls, timing: Every) -> Self:
        """See ``ScheduleModel.of``."""
        return cls(every=duration(timing.interval_ms), anchor=from_ms(timing.anchor_ms))

    def summary(self) -> str:
        """The interval."""
        return f"every {short_duration(self.every)}"
