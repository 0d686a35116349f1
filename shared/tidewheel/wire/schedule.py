"""A schedule on the wire: exactly one of ``at``, ``every`` and ``cron``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from tidewheel.domain.limits import DAY_MS, SECOND_MS
from tidewheel.wire.model import Model
from tidewheel.wire.values import Instant, bounded

MAX_INTERVAL_MS = 36_500 * DAY_MS
KINDS = ("at", "every", "cron")
"""The field that makes a schedule what it is."""


class AtSchedule(Model):
    """One instant."""

    at: Instant


class EverySchedule(Model):
    """An interval, counted from its anchor: the instants are anchor + n x interval."""

    every: Annotated[timedelta, *bounded(SECOND_MS, MAX_INTERVAL_MS)]
    anchor: Instant | None = Field(None, description="The job's creation unless given.")


class CronSchedule(Model):
    """A cron expression in a time zone."""

    cron: Annotated[str, Field(min_length=1, max_length=256, examples=["0 9 * * 1-5"])]
    timezone: Annotated[str, Field(min_length=1, max_length=64, examples=["Europe/Paris"])] = "UTC"


def kind_of(value: Any) -> str | None:
    """Which of the three it is; None where it names none or several."""
    if isinstance(value, Mapping):
        named = [kind for kind in KINDS if value.get(kind) is not None]
    else:
        named = [kind for kind in KINDS if hasattr(value, kind)]
    return named[0] if len(named) == 1 else None


ScheduleBody = Annotated[
    Annotated[AtSchedule, Tag("at")] | Annotated[EverySchedule, Tag("every")] | Annotated[CronSchedule, Tag("cron")],
    Discriminator(kind_of),
]
"""One of the three forms."""
