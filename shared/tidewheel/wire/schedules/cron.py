"""The ``cron`` schedule on the wire."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Annotated, Any, Self

from pydantic import Field

from tidewheel.domain.errors import Invalid
from tidewheel.domain.recurrence.cron_dialects import interval_of, leading_zone
from tidewheel.domain.recurrence.timing import Timing
from tidewheel.domain.recurrence.timings.cron import Cron, parse_cron
from tidewheel.domain.recurrence.timings.every import parse_every, unanchored
from tidewheel.domain.recurrence.zones import require_zone
from tidewheel.wire.bodies.schedule import ScheduleModel, ZoneName


class CronSchedule(ScheduleModel):
    """A cron expression in a time zone."""

    KIND = "cron"
    TIMING = Cron

    cron: Annotated[str, Field(min_length=1, max_length=256, examples=["0 9 * * 1-5"])]
    timezone: ZoneName = "UTC"

    def timing(self, job_id: str, now_ms: int, start_ms: int | None, before: Timing | None) -> Timing:
        """See ``ScheduleModel.timing``; what ``H`` stands for depends on the job's id.

        ``rate(…)`` and ``@every`` stand for an ``every`` schedule.
        """
        zone, expression = _zone_of(self.cron, self.timezone if "timezone" in self.model_fields_set else None)
        interval_ms = interval_of(expression)
        if interval_ms is None:
            return parse_cron(expression, zone, salt=job_id)
        return unanchored(interval_ms, start_ms, now_ms, before, field="schedule.cron")

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
        text, given = written["cron"], written.get("timezone")
        if not isinstance(text, str) or not text:
            return
        try:
            zone, expression = _zone_of(text, given if isinstance(given, str) else None)
        except Invalid as error:
            yield error
            return
        interval_ms = interval_of(expression)
        if interval_ms is None:
            yield from _refused(lambda: parse_cron(expression, "UTC", salt=""))
        else:
            yield from _refused(lambda: parse_every(interval_ms, 0, field="schedule.cron"))
        yield from _refused(lambda: require_zone(zone, field="schedule.timezone"))


def _zone_of(text: str, given: str | None) -> tuple[str, str]:
    """The time zone and the expression; the zone may stand in front of the expression.

    Raises:
        Invalid: On ``schedule.timezone``, if both name one and they differ.
    """
    zone, expression = leading_zone(text)
    if zone is not None and given not in {None, zone}:
        problem = f"{given!r} is not the zone in front of the expression, {zone[:64]!r}"
        raise Invalid("schedule.timezone", problem, "name one zone")
    return zone or given or "UTC", expression


def _refused(read: Callable[[], object]) -> Iterator[Invalid]:
    try:
        read()
    except Invalid as error:
        yield error
