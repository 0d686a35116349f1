"""Arm: the entry of what comes next goes into the coarsest slot that is not loaded yet, in packs."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from tidewheel.domain import keys
from tidewheel.domain.executions.misfire import Missed, Reason
from tidewheel.domain.ids import shard_of
from tidewheel.domain.limits import PACK_ENTRIES
from tidewheel.domain.wheel.entries import Entry, Placed, ScheduleEntry, encode, single_key
from tidewheel.domain.wheel.levels import ARMED, MINUTES, Level, Slot, late
from tidewheel.domain.wheel.pace import LOOP, Pace
from tidewheel.domain.wheel.quarantine import Quarantined
from tidewheel.domain.wheel.ring_cursor import RingCursor
from tidewheel.engine.scheduler.background_io import OnRefusal
from tidewheel.engine.scheduler.context import Shard
from tidewheel.engine.scheduler.shard.quarantine import Quarantine
from tidewheel.engine.scheduler.shard.window import Obligation, Window
from tidewheel.ports import Refused, TooLate

_SKIPPED = frozenset({Level.HOURS, Level.DAYS})
"""Levels that a lone entry need not rest in. One that belongs beyond them stays there: ``domain/wheel/shard_layout``
relies on a bound of how far ahead the slots below hold anything."""

Arm = tuple[Window, Entry]
"""An entry to be armed, and the window that stays open until that is durable."""


class Armer:
    """Writes what the owner of a shard arms. A slot is not loaded while a write into it is in flight."""

    def __init__(self, shard: Shard, cursors: Mapping[Level, RingCursor], pace: Pace = LOOP) -> None:
        self._shard = shard
        self._cursors = cursors
        self._pace = pace
        self._sequence = itertools.count()
        self._quarantine = Quarantine(shard)

    def takes(self, due_ms: int) -> bool:
        """Whether a slot for that due time (ms since the epoch) is still to be loaded."""
        return self._target(due_ms) is not None

    def _target(self, due_ms: int) -> Slot | None:
        for ring in ARMED:
            if self._cursors[ring.level].takes(due_ms):
                return Slot(ring.level, ring.start_of(due_ms), self._shard.number)
        return None

    def arm(self, arms: Sequence[Arm], now_ms: int) -> None:
        """Writes packs, one or more for each slot that entries go to.

        An entry whose slots are all loaded already goes to the late slot as a single. One that belongs to another
        shard by now goes there as a single, placed with the margins of a writer who does not own the shard.

        Args:
            arms: The entries with their windows.
            now_ms: The time (ms since the epoch), by which the number of shards is known.
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
        """Sends an entry that would lie alone in the pack of an hour or a day straight to its minute.

        A pack of one entry costs as much there as on a finer level, and each level left out saves a write: all that
        a lone job costs on its way is one.
        """
        merged: defaultdict[Slot, list[Arm]] = defaultdict(list)
        for slot, together in targets.items():
            due_ms = together[0][1].due_ms
            alone = len(together) == 1 and slot.level in _SKIPPED and self._cursors[Level.MINUTES].takes(due_ms)
            merged[Slot(Level.MINUTES, MINUTES.start_of(due_ms), slot.shard) if alone else slot].extend(together)
        return merged

    def _put_elsewhere(self, window: Window, entry: Entry, shard: int) -> None:
        """Chooses the slot anew for each try: the one that was right a try ago may be loaded by now.

        A write whose answer came too late is tried again as well.
        """
        wheel, clock = self._shard.stores.wheel, self._shard.clock

        def work() -> None:
            placed = self._pace.placed(entry, clock.now_ms(), shard)
            wheel.put(placed)
            if not placed.is_in_time(clock.now_ms()):
                raise TooLate("wheel.put", placed.key, tried=True)

        self._open([(window, entry)])
        self._write([(window, entry)], work, self._refused_one(window, entry))

    def _put_late(self, window: Window, entry: Entry) -> None:
        placed = Placed(late(self._shard.number), entry)
        self._open([(window, entry)])
        self._write([(window, entry)], lambda: self._shard.stores.wheel.put(placed), self._refused_one(window, entry))

    def _put_pack(self, slot: Slot, arms: Sequence[Arm]) -> None:
        self._open(arms)
        self._write_pack(slot, arms)

    def _write_pack(self, slot: Slot, arms: Sequence[Arm]) -> None:
        """Writes a pack; one that is refused for what it says is halved until it is known which entry is the reason."""
        key = keys.pack_sort(self._shard.number, self._shard.epoch, next(self._sequence))
        entries = [entry for _, entry in arms]
        cursor = self._cursors[slot.level]

        def refused(error: Refused) -> None:
            half = len(arms) // 2
            if half:
                self._write_pack(slot, arms[:half])
                self._write_pack(slot, arms[half:])
            else:
                self._refused_one(*arms[0])(error)
            cursor.arm_ends(slot.start_ms)

        cursor.arm_begins(slot.start_ms)
        self._write(
            arms,
            lambda: self._shard.stores.wheel.put_pack(slot, key, entries),
            refused,
            lambda: cursor.arm_ends(slot.start_ms),
        )

    def _refused_one(self, window: Window, entry: Entry) -> OnRefusal:
        """Sets aside an entry that the store refuses for what it says, and accounts for its instant.

        Those after it have no entry then: the reconciler starts their schedule again.
        """

        def refused(error: Refused) -> None:
            now_ms, row = self._shard.clock.now_ms(), None
            if isinstance(entry, ScheduleEntry):
                at_ms = entry.nominal_ms
                row = Missed(entry.tenant, entry.job, entry.generation, at_ms, at_ms, 1, Reason.QUARANTINED, now_ms)
            item = Quarantined(window.slot, single_key(entry), encode(entry), "wheel entry", str(error), now_ms)
            self._quarantine.set_aside(item, lambda: window.settles(Obligation.ARM), row)

        return refused

    @staticmethod
    def _open(arms: Sequence[Arm]) -> None:
        for window, _ in arms:
            window.opens(Obligation.ARM)

    def _write(
        self,
        arms: Sequence[Arm],
        work: Callable[[], None],
        refused: OnRefusal,
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        def done(_: None) -> None:
            for window, _entry in arms:
                window.settles(Obligation.ARM)
            ended()
            self._shard.telemetry.count("entry_armed", len(arms))

        self._shard.background.start(work, done, refused)
