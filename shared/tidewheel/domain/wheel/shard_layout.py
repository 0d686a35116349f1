"""The shard layout: how many shards the wheel has at which time, and where entries of former layouts may still rest.

No entry is moved when the number of shards changes. A slot is read under every number that was in force while entries
could be put into it; the next entry of what is found there is put where the newest number says.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tidewheel.domain.ids import shard_of
from tidewheel.domain.limits import LAYOUT_FRESH_MS, LAYOUT_NOTICE_MS, MINUTE_MS, SKEW_MS, WRITE_BOUND_MS
from tidewheel.domain.wheel.levels import BEYOND, MINUTES, Level, Slot

_STALE_MS = LAYOUT_FRESH_MS + WRITE_BOUND_MS + SKEW_MS
"""How long (ms) after a change a write may still land where the former layout says."""
_FAR_MS = BEYOND.slot_ms + BEYOND.lead_ms
"""How far (ms) ahead of a write its slot may begin. What is due later rests on the level beyond, however far."""
_REACH_MS = {
    Level.LATE: 0,
    Level.SECONDS: MINUTES.slot_ms + MINUTES.lead_ms,
    Level.MINUTES: _FAR_MS,
    Level.HOURS: _FAR_MS,
    Level.DAYS: _FAR_MS,
}


@dataclass(frozen=True, slots=True)
class Period:
    """A number of shards, in force from ``from_ms`` (ms since the epoch) on until the next period begins."""

    from_ms: int
    shards: int


@dataclass(frozen=True, slots=True)
class Layout:
    """The shards of a deployment, by time.

    Args:
        periods: In the order of their beginnings. The first one begins with the wheel: before that, nothing was ever
            put on it.
    """

    periods: tuple[Period, ...]

    @classmethod
    def first(cls, now_ms: int, shards: int) -> Layout:
        """The layout of a new deployment; ``now_ms`` is the time (ms since the epoch)."""
        return cls((Period(now_ms, shards),))

    def shards_at(self, now_ms: int) -> int:
        """How many shards are in force at a time (ms since the epoch)."""
        started = [period for period in self.periods if period.from_ms <= now_ms]
        return (started[-1] if started else self.periods[0]).shards

    def shard_of(self, tenant: str, job: str, now_ms: int) -> int:
        """The shard on which a write at a time (ms since the epoch) puts a job's entry."""
        return shard_of(tenant, job, self.shards_at(now_ms))

    def shards_of(self, tenant: str, job: str) -> frozenset[int]:
        """Every shard on which an entry of a job may rest."""
        return frozenset(shard_of(tenant, job, period.shards) for period in self.periods)

    @property
    def numbers(self) -> int:
        """How many shards are turned: all that were ever in force, or are to be."""
        return max(period.shards for period in self.periods)

    @property
    def newest(self) -> int:
        """How many shards there are under the newest period, which may not have begun yet."""
        return self.periods[-1].shards

    def born_ms(self, shard: int) -> int:
        """The time (ms since the epoch) before which nothing was put on a shard."""
        return min(period.from_ms for period in self.periods if period.shards > shard) - SKEW_MS

    def may_hold(self, slot: Slot, now_ms: int) -> bool:
        """Whether anything may rest in a slot, even if its shard is no longer in force.

        Args:
            slot: Which one.
            now_ms: The time (ms since the epoch).
        """
        until_ms = self._written_until(slot.shard)
        if until_ms is None or slot.level is Level.BEYOND:
            return True
        starts_ms = now_ms if slot.level is Level.LATE else slot.start_ms
        return starts_ms <= until_ms + _REACH_MS[slot.level]

    def _written_until(self, shard: int) -> int | None:
        """Until when (ms since the epoch) anybody may have put an entry on a shard; None while it is in force."""
        if self.newest > shard:
            return None
        ends = zip(self.periods, self.periods[1:], strict=False)
        return max(following.from_ms for period, following in ends if period.shards > shard) + _STALE_MS

    def is_changing(self, now_ms: int) -> bool:
        """Whether a change was announced that has not taken effect by now (ms since the epoch)."""
        return len(self.periods) > 1 and self.periods[-1].from_ms > now_ms

    def reshaped(self, shards: int, now_ms: int) -> Layout:
        """The same with another number of shards from a full minute on, by which every process has read the layout."""
        from_ms = -(-(now_ms + LAYOUT_NOTICE_MS) // MINUTE_MS) * MINUTE_MS
        return replace(self, periods=(*self.periods, Period(from_ms, shards)))
