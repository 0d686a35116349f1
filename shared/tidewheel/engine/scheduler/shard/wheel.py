"""Turn: the slots of one shard are loaded when their time nears, planned, and retired when all of them is durable.

The steps of a ``ShardWheel`` run on the loop's thread; what they read and write outside runs in the background. After
a crash at any point the next owner repeats the slots from the stored cursors, and every step is idempotent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from tidewheel.domain.wheel.levels import ARMED, CASCADES, RINGS, Level, Ring, Slot
from tidewheel.domain.wheel.pace import LOOP, Pace
from tidewheel.domain.wheel.ring_cursor import RingCursor
from tidewheel.domain.wheel.span import EVERYTHING, SINGLES
from tidewheel.engine.scheduler.context import Shard
from tidewheel.engine.scheduler.dispatch.dispatcher import Dispatcher
from tidewheel.engine.scheduler.shard.arming import Armer
from tidewheel.engine.scheduler.shard.late_slot import LateSlot
from tidewheel.engine.scheduler.shard.loading import Loader
from tidewheel.engine.scheduler.shard.planning import Planner
from tidewheel.engine.scheduler.shard.records import Loaded
from tidewheel.engine.scheduler.shard.retiring import Retirer
from tidewheel.engine.scheduler.shard.window import Window

_BACKLOG_LOADS = 8
"""Backlog slots of a level that a shard has in hand at a time; live ones go before them."""
_MOST_SLOTS = 500
"""Slots of a level that are opened, or passed over, in one tick."""
_PACKED = frozenset(ring.level for ring in ARMED)
"""The levels whose slots may hold packs."""


@dataclass(frozen=True, slots=True)
class Turning:
    """How a wheel is turned.

    Args:
        pace: By a loop, or by short runs.
        since_ms: Since when (ms since the epoch) the wheel is turned at this pace.
        handed_ms: Up to which due time (ms since the epoch) all that packs hold is known to be handed over.
    """

    pace: Pace = LOOP
    since_ms: int = 0
    handed_ms: int = 0


class ShardWheel:
    """The wheel of one shard, held under one epoch.

    Args:
        shard: Which one, with what its owner works with.
        stored: The cursors (ms since the epoch) by level, as Control holds them.
        now_ms: The time (ms since the epoch).
        dispatcher: Where occurrences go.
        turning: How it is turned.
    """

    def __init__(
        self, shard: Shard, stored: Mapping[Level, int], now_ms: int, dispatcher: Dispatcher, turning: Turning
    ) -> None:
        self._shard = shard
        self._pace = pace = turning.pace
        rings = pace.known_rings(now_ms, turning.since_ms)
        resumed = {ring: pace.resumed_ms(ring, stored[ring.level], now_ms, turning.since_ms) for ring in rings}
        self._cursors = {ring.level: RingCursor.resume(ring, ms, now_ms) for ring, ms in resumed.items()}
        self._turned = rings if pace.sweeps(now_ms, turning.since_ms) else pace.rings
        self._look_back_at = [(ring, start) for ring, ms in resumed.items() for start in pace.look_back(ring, ms)]
        self._armer = Armer(shard, self._cursors, pace)
        self._dispatcher = dispatcher
        self._loader = Loader(shard, self._take_in, lambda: not dispatcher.is_full)
        known = {} if pace.loops else {ring.level: stored[ring.level] for ring in RINGS}  # a run may have no news
        self._retirer = Retirer(shard, self._cursors, self._loader, known)
        self._late = LateSlot(shard, now_ms, self._take_in_late)
        self._planner = Planner(shard, dispatcher, pace, self._armer.takes, lambda: not self.closed, turning.handed_ms)
        self._now_ms = now_ms
        self._loading: set[Slot] = set()
        self.draining = False
        self.closed = False

    def turn(self, now_ms: int) -> None:
        """Begins whatever is due by now (ms since the epoch): reads, and the retirement of what is settled."""
        self._now_ms = now_ms
        self._loader.work()
        if not self.draining:
            if not self._dispatcher.is_full:
                self._late.read(now_ms)
            if self._late.seen:
                self._open_slots(now_ms)
        self._late.remove_settled(now_ms)
        self._retirer.work(now_ms, draining=self.draining)

    @property
    def is_durable(self) -> bool:
        """Whether all that was in flight is durable, the cursors included."""
        return self._retirer.stored and not self._shard.background.busy

    def is_planned(self, until_ms: int) -> bool:
        """Whether all that packs hold for times up to an instant (ms) is planned, and what was missed accounted for.

        What still rests in a coarse slot, or is on its way down from one, does not count as planned: the next owner
        would pack it anew.
        """
        cursors = (self._cursors[ring.level] for ring in ARMED)
        opened = all(cursor.live_ms > until_ms and cursor.is_caught_up for cursor in cursors)
        loading = any(slot.level in _PACKED and slot.start_ms <= until_ms for slot in self._loading)
        return self._late.seen and opened and not loading and not self._retirer.is_owing(until_ms)

    @property
    def is_through(self) -> bool:
        """Whether nothing is left that could be handed over by now, so that a short run may end."""
        nothing_due = all(self._next(cursor, self._now_ms) is None for cursor in self._turned_cursors())
        idle = self._late.idle and not self._look_back_at and not self._shard.background.busy
        return nothing_due and idle and self._retirer.only_waits(self._now_ms)

    # --- load ---------------------------------------------------------------------------------------------

    def _open_slots(self, now_ms: int) -> None:
        self._look_back(now_ms)
        for cursor in self._turned_cursors():
            cursor.wake(now_ms)
            for _ in range(_MOST_SLOTS):
                slot_ms = self._next(cursor, now_ms)
                if slot_ms is None:
                    break
                self._open(cursor, slot_ms, now_ms)

    def _turned_cursors(self) -> Iterable[RingCursor]:
        return (self._cursors[ring.level] for ring in self._turned)

    def _next(self, cursor: RingCursor, now_ms: int) -> int | None:
        """The slot of a ring that is to be loaded next, if one is by now: a live one, else one of the backlog."""
        slot_ms = cursor.due_live(now_ms + self._pace.ahead_ms)
        if slot_ms is not None or (missed_ms := cursor.due_backlog()) is None:
            return slot_ms
        room = cursor.backlog_open < _BACKLOG_LOADS and not self._dispatcher.is_full_of_backlog
        return missed_ms if room else None

    def _look_back(self, now_ms: int) -> None:
        """Reads the singles of slots that were retired ahead of their time, which writers may not have known."""
        while self._look_back_at:
            ring, start_ms = self._look_back_at.pop()
            slot = Slot(ring.level, start_ms, self._shard.number)
            if self._shard.layouts.latest.may_hold(slot, now_ms):
                window = Window(slot, self._ends_ms(ring, slot))
                self._loader.read(window, SINGLES, (), partial(self._looked_back, window))

    def _looked_back(self, window: Window, found: int) -> None:
        if found:
            self._retirer.watch(window)

    def _open(self, cursor: RingCursor, slot_ms: int, now_ms: int) -> None:
        cursor.opened(slot_ms)
        slot = Slot(cursor.ring.level, slot_ms, self._shard.number)
        if not self._shard.layouts.latest.may_hold(slot, now_ms):
            cursor.passed(slot_ms)
            return
        window = Window(slot, self._ends_ms(cursor.ring, slot))
        self._loading.add(slot)
        self._loader.read(window, EVERYTHING, (), lambda _: self._loading.discard(slot))
        self._retirer.watch(window)

    def _ends_ms(self, ring: Ring, slot: Slot) -> int:
        """From when (ms) a slot may be retired: at once, if what is loaded is handed over at once."""
        if not self._pace.loops and ring in self._pace.rings:
            return 0
        return slot.start_ms if slot.level in CASCADES else slot.start_ms + ring.slot_ms

    # --- plan ---------------------------------------------------------------------------------------------

    def _take_in_late(self, windows: Mapping[Window, Loaded]) -> None:
        """Plans late entries, each in a window of its own.

        A new owner opens all slots that are due first: they count as loaded from then on, so that what follows a late
        entry is armed beyond them.
        """
        if self.draining:
            return
        self._open_slots(self._now_ms)
        arms = [arm for window, loaded in windows.items() for arm in self._planner.plan(window, loaded, self._now_ms)]
        self._armer.arm(arms, self._now_ms)
        for window, loaded in windows.items():
            window.read(len(loaded.load))

    def _take_in(self, window: Window, loaded: Loaded) -> None:
        if not self.closed:
            self._armer.arm(self._planner.plan(window, loaded, self._now_ms), self._now_ms)
