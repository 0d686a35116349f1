"""The layout: how many shards the wheel has from when on, and where entries may still lie from before.

No entry moves when the number of shards changes. A slot goes on being read under every number that was in force
while something could be put into it; what is found there moves on by the newest number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tidewheel.domain.ids import shard_of
from tidewheel.domain.limits import LAYOUT_FRESH_MS, LAYOUT_NOTICE_MS, MINUTE_MS, SKEW_MS, WRITE_BOUND_MS
from tidewheel.domain.wheel.levels import BEYOND, MINUTES, Level, Slot

_STALE_MS = LAYOUT_FRESH_MS + WRITE_BOUND_MS + SKEW_MS
"""How long after a change a write may still land where the layout before it says."""
_FAR_MS = BEYOND.slot_ms + BEYOND.lead_ms
"""How far ahead of a write its slot may begin. What begins later rests beyond, however far."""
_REACH_MS = {
    Level.LATE: 0,
    Level.SECONDS: MINUTES.slot_ms + MINUTES.lead_ms,
    Level.MINUTES: _FAR_MS,
    Level.HOURS: _FAR_MS,
    Level.DAYS: _FAR_MS,
}


@dataclass(frozen=True, slots=True)
class Period:
    """A number of shards, in force from an instant (ms) on until the next period begins."""

    from_ms: int
    shards: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The shards of a deployment, by time.

    Args:
        periods: In the order of their instants. The first begins when the wheel does: before it, nothing was ever
            put there.
    """

    periods: tuple[Period, ...]

    @classmethod
    def first(cls, now_ms: int, shards: int) -> Layout:
        """That of a new deployment."""
        return cls((Period(now_ms, shards),))

    def shards_at(self, now_ms: int) -> int:
        """How many shards are in force."""
        started = [period for period in self.periods if period.from_ms <= now_ms]
        return (started[-1] if started else self.periods[0]).shards

    def shard_of(self, tenant: str, job: str, now_ms: int) -> int:
        """The shard on which a write at that time puts a job's entry."""
        return shard_of(tenant, job, self.shards_at(now_ms))

    def shards_of(self, tenant: str, job: str) -> frozenset[int]:
        """Every shard on which an entry of a job may lie."""
        return frozenset(shard_of(tenant, job, period.shards) for period in self.periods)

    @property
    def numbers(self) -> int:
        """How many shards are turned: each that ever was in force, or is to be."""
        return max(period.shards for period in self.periods)

    @property
    def newest(self) -> int:
        """How many shards there are to be."""
        return self.periods[-1].shards

    def born_ms(self, shard: int) -> int:
        """The instant (ms) before which nothing was put on a shard."""
        return min(period.from_ms for period in self.periods if period.shards > shard) - SKEW_MS

    def may_hold(self, slot: Slot, now_ms: int) -> bool:
        """Whether anything may lie in a slot, though its shard may not be in force any more (``now_ms``: now)."""
        until_ms = self._written_until(slot.shard)
        if until_ms is None or slot.level is Level.BEYOND:
            return True
        starts_ms = now_ms if slot.level is Level.LATE else slot.start_ms
        return starts_ms <= until_ms + _REACH_MS[slot.level]

    def _written_until(self, shard: int) -> int | None:
        """Until when (ms) somebody may have put an entry on a shard; None while it is in force."""
        if self.newest > shard:
            return None
        ends = zip(self.periods, self.periods[1:], strict=False)
        return max(following.from_ms for period, following in ends if period.shards > shard) + _STALE_MS

    def is_changing(self, now_ms: int) -> bool:
        """Whether a change was announced that has not taken effect yet."""
        return len(self.periods) > 1 and self.periods[-1].from_ms > now_ms

    def reshaped(self, shards: int, now_ms: int) -> Layout:
        """The same with another number of shards, from a minute on that begins after everybody knows."""
        from_ms = -(-(now_ms + LAYOUT_NOTICE_MS) // MINUTE_MS) * MINUTE_MS
        return replace(self, periods=(*self.periods, Period(from_ms, shards)))
