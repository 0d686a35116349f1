"""A kind of schedule that is added to a copy of the tree: the ``doubling`` schedule on the wire."""

from __future__ import annotations

from typing import Self

from tidewheel.domain.recurrence.timings.doubling import Doubling

from tidewheel.domain.recurrence.timing import Timing
from tidewheel.wire.bodies.schedule import ScheduleModel
from tidewheel.wire.values import Instant, from_ms, to_ms


class DoublingSchedule(ScheduleModel):
    """Runs at ever longer distances from an origin."""

    KIND = "doubling"
    TIMING = Doubling

    doubling: Instant

    def timing(self, job_id: str, now_ms: int, start_ms: int | None, before: Timing | None) -> Doubling:
        """See ``ScheduleModel.timing``."""
        del job_id, now_ms, start_ms, before
        return Doubling(to_ms(self.doubling))

    @classmethod
    def of(cls, timing: Doubling) -> Self:
        """See ``ScheduleModel.of``."""
        return cls(doubling=from_ms(timing.origin_ms))

    def summary(self) -> str:
        """The word."""
        return "doubling"
