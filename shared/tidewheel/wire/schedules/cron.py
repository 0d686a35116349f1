"""The ``cron`` schedule on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Self

from pydantic import Field

from tidewheel.domain.errors import Invalid
from tidewheel.domain.recurrence.timing import Timing
from tidewheel.domain.recurrence.timings.cron import Cron, parse_cron
from tidewheel.wire.schedule import ScheduleModel


class CronSchedule(ScheduleModel):
    """A cron expression in a time zone."""

    KIND = "cron"
    TIMING = Cron

    cron: Annotated[str, Field(min_length=1, max_length=256, examples=["0 9 * * 1-5"])]
    timezone: Annotated[str, Field(min_length=1, max_length=64, examples=["Europe/Paris"])] = "UTC"

    def timing(self, job_id: str, now_ms: int, before: Timing | None) -> Cron:
        """See ``ScheduleModel.timing``; what ``H`` stands for depends on the job's id."""
        del now_ms, before
        return parse_cron(self.cron, self.timezone, salt=job_id)

    @classmethod
    def of(cls, timing: Cron) -> Self:
        """See ``ScheduleModel.of``."""
        return cls(cron=timing.expression, timezone=timing.zone)

    def summary(self) -> str:
        """The expression and its time zone."""
        return f"{self.cron} ({self.timezone})"

    @classmethod
    def refusals(cls, written: Mapping[str, Any]) -> Iterable[Invalid]:
        """What is wrong with the expression and, apart from it, with the time zone."""
        for expression, zone in ((written["cron"], "UTC"), ("* * * * *", written.get("timezone", "UTC"))):
            if all(isinstance(part, str) and part for part in (expression, zone)):
                try:
                    parse_cron(expression, zone, salt="")
                except Invalid as error:
                    yield error
