"""Turn: slots are loaded, what fires is planned, what comes next is armed, and what is done is retired.

One ``ShardWheel`` turns one shard. Its steps run on the loop's thread; what they read and write outside runs as
errands. A crash anywhere repeats a slot from its cursor, and every step is idempotent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tidewheel.domain.expansion import Firing, expand, waiting_firing
from tidewheel.domain.span import EVERYTHING
from tidewheel.domain.track import Track
from tidewheel.domain.wheel import CASCADES, RINGS, Chain, Entry, Level, Slot, Waiting
from tidewheel.engine.account import Accountant
from tidewheel.engine.arm import Arm, Armer
from tidewheel.engine.fire import Hopper
from tidewheel.engine.late import LateSlot
from tidewheel.engine.load import Loaded, Loader
from tidewheel.engine.quarantine import Quarantine
from tidewheel.engine.retire import Retirer
from tidewheel.engine.window import Shard, Window

_BACKLOG_LOADS = 8
"""Backlog slots that a shard loads at a time, behind the live ones."""
_MOST_SLOTS = 500
"""Slots of a level that are opened, or passed over, in one tick."""


class ShardWheel:
    """The wheel of one shard, held under one epoch."""

    def __init__(
        self, shard: Shard, cursors: Mapping[Level, int], now_ms: int, hopper: Hopper, handed_ms: int = 0
    ) -> None:
        self._shard = shard
        self._hopper = hopper
        self._tracks = {ring.level: Track.resume(ring, cursors[ring.level], now_ms) for ring in RINGS}
        self._armer = Armer(shard, self._tracks)
        self._loader = Loader(shard, self._take_in)
        self._quarantine = Quarantine(shard)
        self._retirer = Retirer(shard, self._tracks, self._loader)
        self._late = LateSlot(shard, now_ms, self._take_in_late)
        self._accountant = Accountant(shard)
        self._now_ms = now_ms
        self._handed_ms = handed_ms
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
        return self._retirer.stored and not self._shard.errands.busy

    def is_planned(self, until_ms: int) -> bool:
        """Whether all that packs hold for times up to an instant (ms) is planned, and what was missed accounted for."""
        minutes = self._tracks[Level.MINUTES]
        planned = self._late.seen and minutes.live_ms > until_ms and minutes.due_backlog() is None
        loading = any(slot.level is Level.MINUTES and slot.start_ms <= until_ms for slot in self._loading)
        return planned and not loading and not self._retirer.accounting

    # --- load ---------------------------------------------------------------------------------------------

    def _open_slots(self, now_ms: int) -> None:
        for track in self._tracks.values():
            track.wake(now_ms)
            for _ in range(_MOST_SLOTS):
                slot_ms = track.due_live(now_ms)
                if slot_ms is None and track.backlog_open < _BACKLOG_LOADS:
                    slot_ms = track.due_backlog()
                if slot_ms is None:
                    break
                self._open(track, slot_ms, now_ms)

    def _open(self, track: Track, slot_ms: int, now_ms: int) -> None:
        track.opened(slot_ms)
        slot = Slot(track.ring.level, slot_ms, self._shard.number)
        if not self._shard.layouts.latest.may_hold(slot, now_ms):
            track.retired(slot_ms)
            return
        ends_ms = slot_ms if slot.level in CASCADES else slot_ms + track.ring.slot_ms
        window = Window(slot, ends_ms)
        self._loading.add(slot)
        self._loader.read(window, EVERYTHING, (), lambda _: self._loading.discard(slot))
        self._retirer.watch(window)

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
        """Plans a load: what fires goes to the hopper; what is returned is to be armed. Both hold the window open."""
        self._quarantine.take(window, loaded, self._now_ms)
        window.known |= loaded.load.removable
        window.singles |= loaded.load.removable
        arms = self._plan(window, loaded.load.singles.values(), loaded, 0)
        return arms + self._plan(window, loaded.load.packed, loaded, self._handed_ms)

    def _plan(self, window: Window, entries: Iterable[Entry], loaded: Loaded, handed_ms: int) -> list[Arm]:
        arms: list[Arm] = []
        firings: list[Firing] = []
        for entry in entries:
            if isinstance(entry, Chain) and not window.is_new(entry):
                continue
            if window.slot.level in CASCADES:
                arms.append((window, entry))
            elif isinstance(entry, Waiting):
                firings.append(waiting_firing(entry))
            else:
                self._expand(window, entry, loaded, handed_ms, firings, arms)
        window.unsent += len(firings)
        self._hopper.add(firings, lambda: _sent(window), lambda: not self.closed)
        return arms

    def _expand(
        self,
        window: Window,
        entry: Chain,
        loaded: Loaded,
        handed_ms: int,
        firings: list[Firing],
        arms: list[Arm],
    ) -> None:
        key = (entry.tenant, entry.job)
        if key in loaded.unreadable:
            return
        job, history = loaded.jobs.get(key), loaded.history.get(key, {})
        plan = expand(entry, job, history, self._armer.takes, self._now_ms, handed_ms)
        firings.extend(plan.firings)
        firings.extend(self._accountant.paced(plan.late, self._now_ms))
        self._accountant.account(window, plan)
        if plan.arm is not None:
            arms.append((window, plan.arm))
        if plan.drop is not None:
            self._shard.telemetry.count("dropped", reason=plan.drop)


def _sent(window: Window) -> None:
    window.unsent -= 1
