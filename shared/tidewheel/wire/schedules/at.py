"""The ``at`` schedule on the wire."""

from __future__ import annotations

from typing import Self

from tidewheel.domain.recurrence.timing import Timing
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.wire.schedule import ScheduleModel
from tidewheel.wire.values import Instant, from_ms, local_time, to_ms


class AtSchedule(ScheduleModel):
    """One instant."""

    KIND = "at"
    TIMING = At

    at: Instant

    def timing(self, job_id: str, now_ms: int, before: Timing | None) -> At:
        """See ``ScheduleModel.timing``; that the instant is not past is checked where it is new."""
        del job_id, now_ms, before
        return At(to_ms(self.at))

    @classmethod
    def of(cls, timing: At) -> Self:
        """See ``ScheduleModel.of``."""
        return cls(at=from_ms(timing.at_ms))

    def summary(self) -> str:
        """The instant in local time."""
        return f"at {local_time(self.at)}"
