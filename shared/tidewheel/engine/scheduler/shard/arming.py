"""Arm: what comes next goes into the coarsest slot that is still to be loaded, in packs."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from tidewheel.domain import keys
from tidewheel.domain.ids import shard_of
from tidewheel.domain.limits import PACK_ENTRIES
from tidewheel.domain.wheel.entries import Entry, Placed
from tidewheel.domain.wheel.levels import ARMED, MINUTES, Level, Slot, late
from tidewheel.domain.wheel.pace import LOOP, Pace
from tidewheel.domain.wheel.ring_cursor import RingCursor
from tidewheel.engine.scheduler.context import Shard
from tidewheel.engine.scheduler.shard.window import Window

_SKIPPED = frozenset({Level.HOURS, Level.DAYS})
"""Levels that an entry without company need not rest in. What is beyond them stays there: how far ahead the slots
below may hold something is bounded (``domain/layout``)."""

Arm = tuple[Window, Entry]
"""An entry to be armed, and the window that stays open until that is durable."""


class Armer:
    """Writes what the owner of a shard arms. A slot is not loaded while a write into it is under way."""

    def __init__(self, shard: Shard, ring_cursors: Mapping[Level, RingCursor], pace: Pace = LOOP) -> None:
        self._shard = shard
        self._ring_cursors = ring_cursors
        self._pace = pace
        self._sequence = itertools.count()

    def takes(self, due_ms: int) -> bool:
        """Whether some slot for that due time is still to be loaded."""
        return self._target(due_ms) is not None

    def _target(self, due_ms: int) -> Slot | None:
        for ring in ARMED:
            if self._ring_cursors[ring.level].takes(due_ms):
                return Slot(ring.level, ring.start_of(due_ms), self._shard.number)
        return None

    def arm(self, arms: Sequence[Arm], now_ms: int) -> None:
        """Writes packs, one or more for each slot that entries go to.

        What every slot is loaded for already goes to the late slot, by itself; what belongs to another shard by
        now goes there, by itself and with the margins of a stranger.
        """
        targets: defaultdict[Slot, list[Arm]] = defaultdict(list)
        shards = self._shard.layouts.latest.shards_at(now_ms)
        for window, entry in arms:
            home = shard_of(entry.tenant, entry.job, shards)
            slot = self._target(entry.due_ms)
            if home != self._shard.number:
                self._put_elsewhere(window, entry, home)
            elif slot is None:
                self._put_late(window, entry)
            else:
                targets[slot].append((window, entry))
        for slot, together in self._merged(targets).items():
            for start in range(0, len(together), PACK_ENTRIES):
                self._put_pack(slot, together[start : start + PACK_ENTRIES])

    def _merged(self, targets: Mapping[Slot, Sequence[Arm]]) -> Mapping[Slot, Sequence[Arm]]:
        """An entry that would lie alone in an hour's or a day's pack goes straight to its minute.

        A pack of one costs as much as a step further down, and the minute spares the steps between: the whole way of
        a lone job is one write.
        """
        merged: defaultdict[Slot, list[Arm]] = defaultdict(list)
        for slot, together in targets.items():
            due_ms = together[0][1].due_ms
            alone = len(together) == 1 and slot.level in _SKIPPED and self._ring_cursors[Level.MINUTES].takes(due_ms)
            merged[Slot(Level.MINUTES, MINUTES.start_of(due_ms), slot.shard) if alone else slot].extend(together)
        return merged

    def _put_elsewhere(self, window: Window, entry: Entry, shard: int) -> None:
        """Each try is placed by its own time: a slot that took the entry a try ago may be loaded by now."""
        wheel, clock = self._shard.stores.wheel, self._shard.clock

        def work() -> None:
            wheel.put(Placed(self._pace.place(entry.due_ms, clock.now_ms(), shard), entry))

        self._write([window], work, lambda: None)

    def _put_late(self, window: Window, entry: Entry) -> None:
        placed = Placed(late(self._shard.number), entry)
        self._write([window], lambda: self._shard.stores.wheel.put(placed), lambda: None)

    def _put_pack(self, slot: Slot, arms: Sequence[Arm]) -> None:
        key = keys.pack_sort(self._shard.number, self._shard.epoch, next(self._sequence))
        entries = [entry for _, entry in arms]
        ring_cursor = self._ring_cursors[slot.level]
        ring_cursor.arm_begins(slot.start_ms)
        self._write(
            [window for window, _ in arms],
            lambda: self._shard.stores.wheel.put_pack(slot, key, entries),
            lambda: ring_cursor.arm_ends(slot.start_ms),
        )

    def _write(self, windows: Sequence[Window], work: Callable[[], None], ended: Callable[[], None]) -> None:
        def done(_: None) -> None:
            for window in windows:
                window.arming -= 1
            ended()
            self._shard.telemetry.count("armed", len(windows))

        for window in windows:
            window.arming += 1
        self._shard.background.start(work, done)
