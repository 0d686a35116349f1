"""Turn: slots are loaded, their next occurrences armed, and they are retired when all of it is durable.

One ``ShardWheel`` turns one shard. Its steps run on the loop's thread; what they read and write outside runs as
errands. A crash anywhere repeats a slot from its cursor, and every step is idempotent.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace

from tidewheel.domain.expansion import Firing, expand, waiting_firing
from tidewheel.domain.limits import MINUTE_MS, PACK_ENTRIES
from tidewheel.domain.track import Track
from tidewheel.domain.wheel import (
    LATE_EVERY_MS,
    MINUTES,
    RINGS,
    Chain,
    Entry,
    Level,
    Slot,
    Waiting,
    late,
    pack_key,
)
from tidewheel.engine.errands import Errands
from tidewheel.engine.fire import Hopper
from tidewheel.engine.load import Loaded, resolve
from tidewheel.ports import Control, Jobs, Load, Telemetry, Wheel

_BACKLOG_LOADS = 8
"""Backlog slots that a shard loads at a time, behind the live ones."""


@dataclass(slots=True, eq=False)
class Window:
    """A slot in hand, or one entry of the late slot.

    Args:
        slot: Where it rests.
        ends_ms: From when it may be retired.
        singles: Sort keys to delete when it is retired.
        known: Sort keys that were loaded, those that are to stay included.
        chains: Oldest nominal time in hand, by tenant, job and generation: doubles are dropped.
        unsent: Occurrences that no queue has accepted yet.
        arming: Entries armed whose pack is not durable yet.
        closing: Whether its last read is under way.
    """

    slot: Slot
    ends_ms: int
    singles: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    chains: dict[tuple[str, str, int], int] = field(default_factory=dict)
    unsent: int = 0
    arming: int = 0
    closing: bool = False

    @property
    def done(self) -> bool:
        """Whether everything that it stands for has been handed on durably."""
        return not (self.unsent or self.arming or self.closing)


@dataclass(frozen=True, slots=True)
class Stores:
    """What turning reads and writes."""

    wheel: Wheel
    jobs: Jobs
    control: Control


class ShardWheel:
    """The wheel of one shard, held under one epoch."""

    def __init__(
        self,
        shard: int,
        epoch: int,
        cursors: Mapping[Level, int],
        now_ms: int,
        stores: Stores,
        hopper: Hopper,
        errands: Errands,
        telemetry: Telemetry,
    ) -> None:
        self._shard = shard
        self._epoch = epoch
        self._stores = stores
        self._hopper = hopper
        self._errands = errands
        self._telemetry = telemetry
        self._tracks = {ring.level: Track.resume(ring, cursors[ring.level], now_ms) for ring in RINGS}
        self._minutes = self._tracks[Level.MINUTES]
        self._windows: dict[Window, None] = {}
        self._retired: list[Window] = []
        self._late_known: dict[str, int | None] = {}  # None while in hand, else the last read before its removal
        self._late_due_ms = now_ms
        self._late_reading = False
        self._late_begun = 0
        self._late_taken = 0
        self._stored: Mapping[Level, int] = {}
        self._storing = False
        self._sequence = itertools.count()
        self.draining = False

    def turn(self, now_ms: int) -> None:
        """Begins whatever is due: reads, and the retirement of what is done."""
        if not self.draining:
            self._read_late(now_ms)
            if self._late_taken:  # a new owner reads what is late before anything else
                self._open_slots(now_ms)
        self._close_windows(now_ms)
        self._store_cursors()

    # --- load ---------------------------------------------------------------------------------------------

    def _read_late(self, now_ms: int) -> None:
        if self._late_reading or now_ms < self._late_due_ms:
            return
        self._late_reading = True
        self._late_begun += 1
        self._late_due_ms = now_ms + LATE_EVERY_MS
        slot = late(self._shard)
        in_hand = frozenset(self._late_known)
        self._errands.start(lambda: self._fetch(self._stores.wheel.load(slot), in_hand), self._take_late)

    def _take_late(self, loaded: Loaded) -> None:
        """Each entry of the late slot is a window of its own; one in hand, or just removed, is not taken twice."""
        self._late_reading = False
        self._late_taken = self._late_begun
        self._complain(loaded)
        arms: list[tuple[Window, Chain]] = []
        for key, entry in loaded.load.singles.items():
            if key not in self._late_known:
                self._late_known[key] = None
                window = Window(late(self._shard), ends_ms=0)
                self._windows[window] = None
                arms += self._take_in(window, {key: entry}, (), loaded)
        self._arm(arms)
        for key, last_read in list(self._late_known.items()):
            if last_read is not None and last_read < self._late_taken:
                del self._late_known[key]

    def _fetch(self, load: Load, known: Container[str]) -> Loaded:
        """The records of what is new in a load; runs as an errand."""
        fresh = {key: entry for key, entry in load.singles.items() if key not in known}
        return resolve(self._stores.jobs, replace(load, singles=fresh))

    def _open_slots(self, now_ms: int) -> None:
        for track in self._tracks.values():
            track.wake(now_ms)
            while (slot_ms := track.due_live(now_ms)) is not None:
                self._open(track, slot_ms)
            while track.backlog_open < _BACKLOG_LOADS and (slot_ms := track.due_backlog()) is not None:
                self._open(track, slot_ms)

    def _open(self, track: Track, slot_ms: int) -> None:
        track.opened(slot_ms)
        slot = Slot(track.ring.level, slot_ms, self._shard)

        def done(loaded: Loaded) -> None:
            self._complain(loaded)
            window = Window(slot, ends_ms=slot_ms + track.ring.slot_ms)
            self._windows[window] = None
            self._arm(self._take_in(window, loaded.load.singles, loaded.load.packed, loaded))

        self._errands.start(lambda: self._fetch(self._stores.wheel.load(slot), ()), done)

    def _complain(self, loaded: Loaded) -> None:
        for error in (*loaded.load.unreadable, *loaded.unreadable.values()):
            self._telemetry.count("unreadable")
            self._telemetry.alarm("left where it is", error=str(error), shard=self._shard)

    # --- plan ---------------------------------------------------------------------------------------------

    def _take_in(
        self, window: Window, singles: Mapping[str, Entry], packed: Sequence[Entry], loaded: Loaded
    ) -> list[tuple[Window, Chain]]:
        """Plans entries: what fires goes to the hopper; what comes after is returned, to be armed by the caller."""
        arms: list[Chain] = []
        firings: list[Firing] = []
        for entry in itertools.chain(singles.values(), packed):
            if isinstance(entry, Waiting):
                firings.append(waiting_firing(entry))
            elif self._is_oldest(window, entry):
                self._plan(entry, loaded, firings, arms)
        window.known |= singles.keys()
        window.singles |= {
            key
            for key, entry in singles.items()
            if isinstance(entry, Waiting) or (entry.tenant, entry.job) not in loaded.unreadable
        }
        window.unsent += len(firings)
        self._hopper.add(firings, lambda: self._sent(window))
        return [(window, chain) for chain in arms]

    @staticmethod
    def _is_oldest(window: Window, entry: Chain) -> bool:
        """Whether the entry is no double of one in hand: the earlier of two covers the later."""
        key = (entry.tenant, entry.job, entry.generation)
        seen = window.chains.get(key)
        if seen is not None and seen <= entry.nominal_ms:
            return False
        window.chains[key] = entry.nominal_ms
        return True

    def _plan(self, entry: Chain, loaded: Loaded, firings: list[Firing], arms: list[Chain]) -> None:
        key = (entry.tenant, entry.job)
        if key in loaded.unreadable:
            return
        plan = expand(entry, loaded.jobs.get(key), loaded.history.get(key, {}), self._minutes.takes)
        firings.extend(plan.firings)
        if plan.arm is not None:
            arms.append(plan.arm)
        if plan.drop is not None:
            self._telemetry.count("dropped", reason=plan.drop)

    def _sent(self, window: Window) -> None:
        window.unsent -= 1

    # --- arm ----------------------------------------------------------------------------------------------

    def _arm(self, arms: Sequence[tuple[Window, Chain]]) -> None:
        """Writes packs, one or more for each slot that entries go to; the slot is not loaded meanwhile."""
        targets: dict[int, list[tuple[Window, Chain]]] = {}
        for window, chain in arms:
            targets.setdefault(MINUTES.start_of(chain.due_ms), []).append((window, chain))
        for start_ms, chains in targets.items():
            for start in range(0, len(chains), PACK_ENTRIES):
                self._put_pack(start_ms, chains[start : start + PACK_ENTRIES])

    def _put_pack(self, start_ms: int, arms: Sequence[tuple[Window, Chain]]) -> None:
        slot = Slot(Level.MINUTES, start_ms, self._shard)
        key = pack_key(self._shard, self._epoch, next(self._sequence))
        entries = [chain for _, chain in arms]
        windows = [window for window, _ in arms]

        def done(_: None) -> None:
            for window in windows:
                window.arming -= 1
            self._minutes.arm_ends(start_ms)
            self._telemetry.count("armed", len(entries))

        for window in windows:
            window.arming += 1
        self._minutes.arm_begins(start_ms)
        self._errands.start(lambda: self._stores.wheel.put_pack(slot, key, entries), done)

    # --- retire -------------------------------------------------------------------------------------------

    def _close_windows(self, now_ms: int) -> None:
        for window in [window for window in self._windows if window.done and window.ends_ms <= now_ms]:
            if window.slot.level is Level.LATE:
                del self._windows[window]
                self._remove_late(window)
            else:
                self._read_once_more(window)

    def _read_once_more(self, window: Window) -> None:
        """A passed slot's singles are read again: a write that came after all bounds is planned like the others."""
        window.closing = True

        def done(loaded: Loaded) -> None:
            window.closing = False
            missed = loaded.load.singles
            if missed:
                self._telemetry.count("stragglers", len(missed))
                self._arm(self._take_in(window, missed, (), loaded))
            else:
                del self._windows[window]
                self._retired.append(window)
                self._tracks[window.slot.level].retired(window.slot.start_ms)

        known = frozenset(window.known)
        self._errands.start(lambda: self._fetch(self._stores.wheel.load_singles(window.slot), known), done)

    def _store_cursors(self) -> None:
        """Moves the cursors durably when a slot with singles is done or a minute has passed; then deletes those.

        Slots that held nothing need no write: to turn them once more is harmless.
        """
        if self._storing:
            return
        cursors = {level: track.cursor_ms for level, track in self._tracks.items()}
        ready = [window for window in self._retired if window.slot.start_ms < cursors[window.slot.level]]
        behind = cursors[Level.MINUTES] - self._stored.get(Level.MINUTES, 0) >= MINUTE_MS
        if not (behind or any(window.singles for window in ready) or (self.draining and cursors != self._stored)):
            return
        self._storing = True

        def done(_: None) -> None:
            self._storing = False
            self._stored = cursors
            self._retired = [window for window in self._retired if window not in ready]
            for window in ready:
                if window.singles:
                    self._remove(window)

        self._errands.start(lambda: self._stores.control.advance(self._shard, self._epoch, cursors), done)

    def _remove(self, window: Window) -> None:
        keys = sorted(window.singles)
        self._errands.start(lambda: self._stores.wheel.remove(window.slot, keys), lambda _: None)

    def _remove_late(self, window: Window) -> None:
        keys = sorted(window.singles)

        def done(_: None) -> None:
            for key in keys:
                self._late_known[key] = self._late_begun

        if keys:
            self._errands.start(lambda: self._stores.wheel.remove(window.slot, keys), done)

    @property
    def stored(self) -> bool:
        """Whether nothing that can be stored about the cursors is left to store."""
        return not self._storing and self._stored == {level: t.cursor_ms for level, t in self._tracks.items()}
