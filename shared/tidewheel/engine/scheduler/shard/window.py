"""What a shard's owner has in hand: the slots it loaded, and what it works with."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidewheel.domain.wheel.entries import ScheduleEntry
from tidewheel.domain.wheel.levels import Slot


@dataclass(slots=True, eq=False)
class Window:
    """A slot in hand, or one entry of the late slot.

    Args:
        slot: Where it rests.
        ends_ms: From when it may be retired.
        singles: Sort keys to delete when it is retired.
        known: Sort keys that were loaded.
        chains: Oldest nominal time in hand, by tenant, job and generation: doubles are dropped.
        unsent: Occurrences that no queue has accepted yet.
        arming: Entries armed whose pack is not durable yet.
        accounting: Ledger rows, and what goes to quarantine, that are not durable yet.
        reading: Reads of it that are under way, the last one included.
    """

    slot: Slot
    ends_ms: int
    singles: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    schedule_entries: dict[tuple[str, str, int], int] = field(default_factory=dict)
    unsent: int = 0
    arming: int = 0
    accounting: int = 0
    reading: int = 0

    @property
    def done(self) -> bool:
        """Whether everything that it stands for has been handed on durably."""
        return not (self.unsent or self.arming or self.accounting or self.reading)

    def is_new(self, entry: ScheduleEntry) -> bool:
        """Whether the entry is no double of one in hand: the earlier of two covers the later."""
        key = (entry.tenant, entry.job, entry.generation)
        seen = self.schedule_entries.get(key)
        if seen is not None and seen <= entry.nominal_ms:
            return False
        self.schedule_entries[key] = entry.nominal_ms
        return True
