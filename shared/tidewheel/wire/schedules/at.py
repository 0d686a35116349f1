"""The ``at`` schedule on the wire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import Field
from pydantic_core import PydanticCustomError

from tidewheel.domain.errors import Invalid
from tidewheel.domain.recurrence.timing import Timing
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.zones import instant_of, require_zone
from tidewheel.wire.bodies.schedule import ScheduleModel, ZoneName
from tidewheel.wire.values import (
    InstantOrWall,
    format_instant_or_wall,
    from_ms,
    local_time,
    parse_instant_or_wall,
    to_ms,
)


class AtSchedule(ScheduleModel):
    """One instant: with a UTC offset, or in local time with its time zone."""

    KIND = "at"
    TIMING = At

    at: InstantOrWall
    timezone: Annotated[
        ZoneName | None,
        Field(description="Of a time without an offset.", exclude_if=lambda zone: zone is None),
    ] = None

    def timing(self, job_id: str, now_ms: int, start_ms: int | None, before: Timing | None) -> At:
        """See ``ScheduleModel.timing``; that the instant is not past is checked where it is new."""
        del job_id, now_ms, start_ms, before
        return At(_instant_ms(self.at, self.timezone))

    @classmethod
    def of(cls, timing: At) -> Self:
        """See ``ScheduleModel.of``."""
        return cls(at=from_ms(timing.at_ms))

    def summary(self) -> str:
        """The instant in local time; in its own, if it names a time zone."""
        if self.timezone:
            return f"at {format_instant_or_wall(self.at)} ({self.timezone})"
        return f"at {local_time(self.at)}"

    @classmethod
    def refusals(cls, written: Mapping[str, Any]) -> Iterable[Invalid]:
        """What is wrong with the time zone, or between it and the time."""
        zone = written.get("timezone")
        try:
            at = parse_instant_or_wall(written["at"])
            if zone is None or (zone and isinstance(zone, str)):
                _instant_ms(at, zone)
        except PydanticCustomError:
            return  # the field itself is refused
        except Invalid as error:
            yield error


def _instant_ms(at: datetime, zone: str | None) -> int:
    """The instant (ms).

    Raises:
        Invalid: On ``schedule.timezone`` or ``schedule.at``, unless exactly one of offset and time zone is given, and
            known.
    """
    if at.tzinfo is not None:
        if zone is not None:
            problem = f"{format_instant_or_wall(at)} has a UTC offset, so that no time zone applies"
            raise Invalid("schedule.timezone", problem, "leave it out, or write the time without an offset")
        return to_ms(at)
    if zone is None:
        remedy = f"add one, such as {format_instant_or_wall(at)}Z, or give a timezone beside it"
        raise Invalid("schedule.at", f"{format_instant_or_wall(at)} has no UTC offset", remedy)
    require_zone(zone, field="schedule.timezone")
    return instant_of(zone, to_ms(at.replace(tzinfo=UTC)))
