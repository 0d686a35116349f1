"""How far one level of one shard is turned: which slot is loaded next, and up to where all is done."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidewheel.domain.wheel.levels import Ring

_AWAKE_SLOTS = 5
"""A live run further behind than this was not merely delayed."""


@dataclass(slots=True)
class RingCursor:
    """The slots of one level and shard (times in ms since the epoch).

    A new owner loads the *live* slots at once, beginning with the current one. The slots between the stored cursor and
    that one are the *backlog*: they are loaded in order, a few at a time, behind the live ones.

    Args:
        ring: Which level.
        backlog_ms: Start of the next backlog slot to load.
        live_from_ms: Start of the first live slot; the backlog ends there.
        live_ms: Start of the next live slot to load.
        open_slots: Starts of the slots that are in hand: loading or loaded, and not passed yet.
        arming: How many arms are in flight, by the start of their slot; a slot is not loaded meanwhile.
    """

    ring: Ring
    backlog_ms: int
    live_from_ms: int
    live_ms: int
    open_slots: set[int] = field(default_factory=set)
    arming: dict[int, int] = field(default_factory=dict)

    @classmethod
    def resume(cls, ring: Ring, cursor_ms: int, now_ms: int) -> RingCursor:
        """The cursor of a new owner, from where it was stored (all ms since the epoch)."""
        cursor = ring.start_of(cursor_ms)
        live = max(cursor, ring.start_of(now_ms))  # a coarse slot is done before its time begins
        return cls(ring, backlog_ms=cursor, live_from_ms=live, live_ms=live)

    def wake(self, now_ms: int) -> None:
        """Makes backlog of what was missed while the whole process stood still, as on a laptop that slept."""
        current = self.ring.start_of(now_ms)
        missed = current - self.live_ms > _AWAKE_SLOTS * self.ring.slot_ms
        if missed and self.backlog_ms >= self.live_from_ms:
            self.backlog_ms, self.live_from_ms, self.live_ms = self.live_ms, current, current

    def due_live(self, now_ms: int) -> int | None:
        """Start of the next live slot if it is to be loaded by now, else None."""
        due = self.live_ms - self.ring.lead_ms <= now_ms and self.live_ms not in self.arming
        return self.live_ms if due else None

    def due_backlog(self) -> int | None:
        """Start of the next backlog slot if there is one that may be loaded, else None."""
        due = self.backlog_ms < self.live_from_ms and self.backlog_ms not in self.arming
        return self.backlog_ms if due else None

    @property
    def is_caught_up(self) -> bool:
        """Whether every slot of the backlog is in hand or done. One that waits for arms into it is not."""
        return self.backlog_ms >= self.live_from_ms

    @property
    def backlog_open(self) -> int:
        """How many backlog slots are in hand."""
        return sum(slot_ms < self.live_from_ms for slot_ms in self.open_slots)

    def opened(self, slot_ms: int) -> None:
        """Notes that a slot is being loaded: the one that ``due_live`` or ``due_backlog`` named."""
        self.open_slots.add(slot_ms)
        if slot_ms == self.live_ms:
            self.live_ms += self.ring.slot_ms
        else:
            self.backlog_ms += self.ring.slot_ms

    def passed(self, slot_ms: int) -> None:
        """Notes that a slot is done: everything in it is sent, armed and accounted for."""
        self.open_slots.discard(slot_ms)

    @property
    def low_water_ms(self) -> int:
        """The low-water mark (ms since the epoch): every slot that starts before it is done."""
        behind = self.backlog_ms if self.backlog_ms < self.live_from_ms else self.live_ms
        return min(behind, *self.open_slots) if self.open_slots else behind

    def takes(self, due_ms: int) -> bool:
        """Whether the slot of a due time is still to be loaded, so that the shard's owner may arm into it."""
        start = self.ring.start_of(due_ms)
        return start >= self.live_ms or self.backlog_ms <= start < self.live_from_ms

    def arm_begins(self, slot_ms: int) -> None:
        """Notes that a write into a slot is in flight."""
        self.arming[slot_ms] = self.arming.get(slot_ms, 0) + 1

    def arm_ends(self, slot_ms: int) -> None:
        """Notes that such a write is durable."""
        left = self.arming[slot_ms] - 1
        if left:
            self.arming[slot_ms] = left
        else:
            del self.arming[slot_ms]
