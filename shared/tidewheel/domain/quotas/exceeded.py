"""A limit that is reached: which, by how much, and when it is whole again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from tidewheel.domain.errors import DomainError
from tidewheel.domain.limits import SECOND_MS
from tidewheel.domain.quotas.limit import Limit


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A limit that stands in the way.

    Args:
        limit: Which limit.
        used: How much of it is used, in the limit's unit; of a size or an interval, what was asked for.
        allowed: How much the tenant may use.
        reset_ms: When it is whole again (ms since the epoch); None if time alone changes nothing.
    """

    limit: Limit
    used: float
    allowed: float
    reset_ms: int | None = None

    @property
    def reason(self) -> str:
        """For the record of an execution that it blocks; begins with ``quota``, or ``budget`` for money."""
        until = "" if self.reset_ms is None else f" until {_instant(self.reset_ms)}"
        what = "budget" if self.limit is Limit.DOLLARS_PER_MONTH else "quota"
        return f"{what}: {self.limit}, {plain(self.used)} of {plain(self.allowed)} used{until}"


def plain(value: float) -> str:
    """A number without an exponent, and without a fraction that says nothing."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _instant(instant_ms: int) -> str:
    return datetime.fromtimestamp(instant_ms // SECOND_MS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class LimitExceeded(DomainError):
    """A request goes beyond a limit of its tenant; nothing of it was done.

    Args:
        exceeded: Which limit.
        remedy: What to do about it, as a sentence without a full stop.
        wait_ms: For how long (ms) it is not worth trying again; None if time alone changes nothing.
    """

    def __init__(self, exceeded: Exceeded, remedy: str, wait_ms: int | None = None) -> None:
        super().__init__(f"{exceeded.limit}: {plain(exceeded.used)} of {plain(exceeded.allowed)}; {remedy}")
        self.exceeded = exceeded
        self.remedy = remedy
        self.wait_ms = wait_ms
