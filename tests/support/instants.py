"""What a schedule names, one by one."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tidewheel.domain.recurrence.schedule import Schedule


def first_of(schedule: Schedule, from_ms: int, count: int) -> list[int]:
    """Up to ``count`` nominal instants (ms) at or after ``from_ms``, in order."""
    return list(islice(_instants(schedule, from_ms), count))


def _instants(schedule: Schedule, from_ms: int) -> Iterator[int]:
    following = schedule.first_from(from_ms)
    while following is not None:
        yield following
        following = schedule.next_after(following)
