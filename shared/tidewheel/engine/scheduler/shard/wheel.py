"""Turn: slots are loaded, what fires is planned, what comes next is armed, and what is done is retired.

One ``ShardWheel`` turns one shard. Its steps run on the loop's thread; what they read and write outside runs as
background. A crash anywhere repeats a slot from its cursor, and every step is idempotent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from tidewheel.domain.jobs.precision import Precision
from tidewheel.domain.wheel.entries import Entry, ExecutionEntry, ScheduleEntry
from tidewheel.domain.wheel.expansion import Firing, execution_firing, expand
from tidewheel.domain.wheel.levels import ARMED, CASCADES, RINGS, Level, Ring, Slot
from tidewheel.domain.wheel.pace import LOOP, Pace
from tidewheel.domain.wheel.ring_cursor import RingCursor
from tidewheel.domain.wheel.span import EVERYTHING, SINGLES
from tidewheel.engine.scheduler.context import Shard
from tidewheel.engine.scheduler.dispatch.dispatcher import Dispatcher
from tidewheel.engine.scheduler.shard.accounting import Accountant
from tidewheel.engine.scheduler.shard.arming import Arm, Armer
from tidewheel.engine.scheduler.shard.late_slot import LateSlot
from tidewheel.engine.scheduler.shard.loading import Loaded, Loader
from tidewheel.engine.scheduler.shard.quarantine import Quarantine
from tidewheel.engine.scheduler.shard.retiring import Retirer
from tidewheel.engine.scheduler.shard.window import Window

_BACKLOG_LOADS = 8
"""Backlog slots that a shard loads at a time, behind the live ones."""
_MOST_SLOTS = 500
"""Slots of a level that are opened, or passed over, in one tick."""
_PACKED = frozenset(ring.level for ring in ARMED)
"""Where packs lie."""


@dataclass(frozen=True, slots=True)
class Turning:
    """How a wheel is turned.

    Args:
        pace: By a loop, or by short runs.
        since_ms: Since when (ms), without another pace in between.
        handed_ms: Up to which due time (ms) all that packs hold is handed on.
    """

    pace: Pace = LOOP
    since_ms: int = 0
    handed_ms: int = 0


class ShardWheel:
    """The wheel of one shard, held under one epoch."""

    def __init__(
        self, shard: Shard, cursors: Mapping[Level, int], now_ms: int, dispatcher: Dispatcher, turning: Turning
    ) -> None:
        self._shard = shard
        self._dispatcher = dispatcher
        self._pace = pace = turning.pace
        resumed = {ring: pace.resumed_ms(ring, cursors[ring.level], now_ms, turning.since_ms) for ring in RINGS}
        self._ring_cursors = {
            ring.level: RingCursor.resume(ring, cursor_ms, now_ms) for ring, cursor_ms in resumed.items()
        }
        self._turned = RINGS if pace.sweeps(now_ms, turning.since_ms) else pace.rings
        self._passed = [(ring, start) for ring, ms in resumed.items() for start in pace.look_back(ring, ms)]
        self._armer = Armer(shard, self._ring_cursors, pace)
        self._loader = Loader(shard, self._take_in)
        self._quarantine = Quarantine(shard)
        stored = {} if pace.loops else {ring.level: cursors[ring.level] for ring in RINGS}  # a run may have no news
        self._retirer = Retirer(shard, self._ring_cursors, self._loader, stored)
        self._late = LateSlot(shard, now_ms, self._take_in_late)
        self._accountant = Accountant(shard)
        self._now_ms = now_ms
        self._handed_ms = turning.handed_ms
        self._loading: set[Slot] = set()
        self.draining = False
        self.closed = False

    def turn(self, now_ms: int) -> None:
        """Begins whatever is due: reads, and the retirement of what is done."""
        self._now_ms = now_ms
        if not self.draining:
            self._late.read(now_ms)
            if self._late.seen:
                self._open_slots(now_ms)
        self._late.remove_done()
        self._retirer.work(now_ms, draining=self.draining)

    @property
    def settled(self) -> bool:
        """Whether all that was under way is durable, the cursors included."""
        return self._retirer.stored and not self._shard.background.busy

    def is_planned(self, until_ms: int) -> bool:
        """Whether all that packs hold for times up to an instant (ms) is planned, and what was missed accounted for.

        What still rests in a coarse slot, or is on its way down from one, would be packed anew by the next owner.
        """
        ring_cursors = (self._ring_cursors[ring.level] for ring in ARMED)
        opened = all(ring_cursor.live_ms > until_ms and ring_cursor.is_caught_up for ring_cursor in ring_cursors)
        loading = any(slot.level in _PACKED and slot.start_ms <= until_ms for slot in self._loading)
        return self._late.seen and opened and not loading and not self._retirer.is_owing(until_ms)

    @property
    def through(self) -> bool:
        """Whether nothing is left that could be handed over by now; only the time of some slots is not over."""
        nothing_due = all(self._next(ring_cursor, self._now_ms) is None for ring_cursor in self._turning())
        idle = self._late.idle and not self._passed and not self._shard.background.busy
        return nothing_due and idle and self._retirer.waits(self._now_ms)

    # --- load ---------------------------------------------------------------------------------------------

    def _open_slots(self, now_ms: int) -> None:
        self._look_back(now_ms)
        for ring_cursor in self._turning():
            ring_cursor.wake(now_ms)
            for _ in range(_MOST_SLOTS):
                slot_ms = self._next(ring_cursor, now_ms)
                if slot_ms is None:
                    break
                self._open(ring_cursor, slot_ms, now_ms)

    def _turning(self) -> Iterable[RingCursor]:
        return (self._ring_cursors[ring.level] for ring in self._turned)

    def _next(self, ring_cursor: RingCursor, now_ms: int) -> int | None:
        """The slot of a track that is to be loaded next, if one is by now: a live one, else one of the backlog."""
        slot_ms = ring_cursor.due_live(now_ms + self._pace.ahead_ms)
        if slot_ms is None and ring_cursor.backlog_open < _BACKLOG_LOADS:
            slot_ms = ring_cursor.due_backlog()
        return slot_ms

    def _look_back(self, now_ms: int) -> None:
        """Reads the singles of slots that were passed ahead of their time."""
        while self._passed:
            ring, start_ms = self._passed.pop()
            slot = Slot(ring.level, start_ms, self._shard.number)
            if self._shard.layouts.latest.may_hold(slot, now_ms):
                window = Window(slot, self._ends_ms(ring, slot))
                self._loader.read(window, SINGLES, (), partial(self._looked_back, window))

    def _looked_back(self, window: Window, found: int) -> None:
        if found:
            self._retirer.watch(window)

    def _open(self, ring_cursor: RingCursor, slot_ms: int, now_ms: int) -> None:
        ring_cursor.opened(slot_ms)
        slot = Slot(ring_cursor.ring.level, slot_ms, self._shard.number)
        if not self._shard.layouts.latest.may_hold(slot, now_ms):
            ring_cursor.retired(slot_ms)
            return
        window = Window(slot, self._ends_ms(ring_cursor.ring, slot))
        self._loading.add(slot)
        self._loader.read(window, EVERYTHING, (), lambda _: self._loading.discard(slot))
        self._retirer.watch(window)

    def _ends_ms(self, ring: Ring, slot: Slot) -> int:
        """From when a slot may be retired: at once, where what is loaded is handed over at once."""
        if not self._pace.loops and ring in self._pace.rings:
            return 0
        return slot.start_ms if slot.level in CASCADES else slot.start_ms + ring.slot_ms

    # --- plan ---------------------------------------------------------------------------------------------

    def _take_in_late(self, windows: Mapping[Window, Loaded]) -> None:
        """A new owner's due slots count as loaded from here on: what follows a late entry goes beyond them."""
        if self.draining:
            return
        self._open_slots(self._now_ms)
        arms = [arm for window, loaded in windows.items() for arm in self._planned(window, loaded)]
        self._armer.arm(arms, self._now_ms)

    def _take_in(self, window: Window, loaded: Loaded) -> None:
        if not self.closed:
            self._armer.arm(self._planned(window, loaded), self._now_ms)

    def _planned(self, window: Window, loaded: Loaded) -> list[Arm]:
        """Plans a load: what fires goes to the dispatcher, what is returned must be armed. Both hold the window."""
        self._quarantine.take(window, loaded, self._now_ms)
        window.known |= loaded.load.removable
        window.singles |= loaded.load.removable
        arms = self._plan(window, loaded.load.singles.values(), loaded, 0)
        return arms + self._plan(window, loaded.load.packed, loaded, self._handed_ms)

    def _plan(self, window: Window, entries: Iterable[Entry], loaded: Loaded, handed_ms: int) -> list[Arm]:
        arms: list[Arm] = []
        firings: list[Firing] = []
        for entry in entries:
            if isinstance(entry, ScheduleEntry) and not window.is_new(entry):
                continue
            if window.slot.level in CASCADES:
                arms.append((window, entry))
            elif isinstance(entry, ExecutionEntry):
                firings.append(execution_firing(entry))
            else:
                self._expand(window, entry, loaded, handed_ms, firings, arms)
        window.unsent += len(firings)
        self._dispatcher.add(firings, lambda: _sent(window), lambda: not self.closed)
        return arms

    def _expand(
        self,
        window: Window,
        entry: ScheduleEntry,
        loaded: Loaded,
        handed_ms: int,
        firings: list[Firing],
        arms: list[Arm],
    ) -> None:
        if loaded.trouble(entry) is not None:
            return
        key = (entry.tenant, entry.job)
        job, history = loaded.jobs.get(key), loaded.history.get(key, {})
        plan = expand(entry, job, history, self._armer.takes, self._now_ms, handed_ms)
        if job is not None and job.definition.precision is Precision.HIGH and not self._pace.loops:
            self._shard.telemetry.count("high_precision_as_normal")
            self._shard.telemetry.info("high precision needs a loop; treated as normal", job=job.id)
        firings.extend(plan.firings)
        firings.extend(self._accountant.paced(plan.late, self._now_ms))
        self._accountant.account(window, plan)
        if plan.arm is not None:
            arms.append((window, plan.arm))
        if plan.drop is not None:
            self._shard.telemetry.count("dropped", reason=plan.drop)


def _sent(window: Window) -> None:
    window.unsent -= 1
