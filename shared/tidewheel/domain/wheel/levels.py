"""The timing wheel: its levels and slots, and in which slot an entry is put.

After Varghese and Lauck, "Hashed and Hierarchical Timing Wheels" (1987); slots are absolute times, so that
nothing wraps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from tidewheel.domain import keys
from tidewheel.domain.limits import (
    DAY_MS,
    FOREVER_MS,
    HOUR_MS,
    MINUTE_MS,
    SECOND_MS,
    SKEW_MS,
    TRY_BOUND_MS,
    WRITE_BOUND_MS,
)


class Level(StrEnum):
    """A level of the wheel; the value stands in the partition key."""

    LATE = "late"
    SECONDS = "seconds"
    MINUTES = "minutes"
    HOURS = "hours"
    DAYS = "days"
    BEYOND = "beyond"


@dataclass(frozen=True, slots=True)
class Ring:
    """A level that is turned.

    Args:
        level: Which one.
        slot_ms: Width of a slot (ms).
        lead_ms: How long (ms) before its start a slot is loaded; also how early its occurrences may be handed over.
    """

    level: Level
    slot_ms: int
    lead_ms: int

    def start_of(self, instant_ms: int) -> int:
        """Start of the slot that holds an instant (both ms since the epoch)."""
        return instant_ms - instant_ms % self.slot_ms

    def open_until(self, slot_start_ms: int) -> int:
        """Until when (ms since the epoch) others than the shard's owner may begin a write that is surely loaded."""
        return slot_start_ms - self.lead_ms - WRITE_BOUND_MS - SKEW_MS

    def send_by(self, slot_start_ms: int) -> int:
        """Until when (ms since the epoch) others than the shard's owner may send a request that is surely loaded."""
        return self.open_until(slot_start_ms) + WRITE_BOUND_MS - TRY_BOUND_MS


SECONDS = Ring(Level.SECONDS, 10 * SECOND_MS, 3 * SECOND_MS)
MINUTES = Ring(Level.MINUTES, MINUTE_MS, 10 * SECOND_MS)
HOURS = Ring(Level.HOURS, HOUR_MS, 2 * MINUTE_MS)
DAYS = Ring(Level.DAYS, DAY_MS, 5 * MINUTE_MS)
BEYOND = Ring(Level.BEYOND, 30 * DAY_MS, 15 * MINUTE_MS)
RINGS = (BEYOND, DAYS, HOURS, MINUTES, SECONDS)
"""The turned levels, coarsest first. Each slot is read twice, though it be empty: the width of the finest ones decides
what an idle wheel costs."""
FORMER_SECONDS = Ring(Level.SECONDS, SECOND_MS, 3 * SECOND_MS)
"""The seconds as they were before they were widened. Every slot of today's is one of these as well, so whoever turns
these finds what writers of either width put there."""
FORMER_RINGS = (BEYOND, DAYS, HOURS, MINUTES, FORMER_SECONDS)
CASCADES = frozenset({Level.BEYOND, Level.DAYS, Level.HOURS})
"""The levels whose entries do not fire but move to a finer slot. An hour is loaded before the last minutes ahead of it
are, so that a job which fires every minute is armed minute by minute."""
ARMED = (BEYOND, DAYS, HOURS, MINUTES)
"""The levels into which the owner of a shard arms, coarsest first: coarse slots fill packs that fine ones could not.
What the seconds would hold fires from memory instead."""

_RING_OF = {ring.level: ring for ring in RINGS}

LATE_EVERY_MS = SECOND_MS
"""How often the late slot is read."""


@dataclass(frozen=True, slots=True, order=True)
class Slot:
    """A slot of the wheel: one DynamoDB item collection.

    Args:
        level: Its level.
        start_ms: When it starts (ms since the epoch); 0 for the late slot, which is never turned.
        shard: To which shard it belongs.
    """

    level: Level
    start_ms: int
    shard: int

    @property
    def key(self) -> str:
        """The partition key."""
        return keys.slot_partition(self.level, self.start_ms, self.shard)


def late(shard: int) -> Slot:
    """The shard's late slot."""
    return Slot(Level.LATE, 0, shard)


def send_by_ms(slot: Slot, ahead_ms: int = 0) -> int:
    """Until when (ms since the epoch) a request that puts something into a slot may be sent.

    It never ends for the late slot, which is read for ever.

    Args:
        slot: Which one.
        ahead_ms: How much earlier (ms) than by its level's lead it is loaded.
    """
    if slot.level is Level.LATE:
        return FOREVER_MS
    return _RING_OF[slot.level].send_by(slot.start_ms) - ahead_ms


def place(due_ms: int, now_ms: int, shard: int, rings: Sequence[Ring] = RINGS, ahead_ms: int = 0) -> Slot:
    """Where a writer who does not own the shard puts an entry.

    Returns:
        The slot of the coarsest level that will still be unloaded after the bound of a write and the skew of two
        clocks; the late slot if there is none.

    Args:
        due_ms: When the entry is due (ms since the epoch).
        now_ms: The time (ms since the epoch).
        shard: The shard that the entry belongs to.
        rings: The levels that may take it, coarsest first.
        ahead_ms: How much earlier (ms) than by their leads slots are loaded.
    """
    for ring in rings:
        start = ring.start_of(due_ms)
        if now_ms < ring.open_until(start) - ahead_ms:
            return Slot(ring.level, start, shard)
    return late(shard)
