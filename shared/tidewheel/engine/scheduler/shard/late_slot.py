"""The late slot: read every second, each of its entries a window of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from tidewheel.domain.limits import MINUTE_MS
from tidewheel.domain.wheel.levels import LATE_EVERY_MS, late
from tidewheel.domain.wheel.load import Load
from tidewheel.domain.wheel.span import SINGLES
from tidewheel.engine.common.slot_reader import whole
from tidewheel.engine.scheduler.context import Shard
from tidewheel.engine.scheduler.shard.loading import Loaded, resolve
from tidewheel.engine.scheduler.shard.window import Window

_LATE_OF_OLD_EVERY_MS = MINUTE_MS
"""The same for a shard that is not in force any more, in whose late slot nobody puts anything."""


class LateSlot:
    """Reads what is late and hands each entry out once; deletes it when its window is done."""

    def __init__(self, shard: Shard, now_ms: int, take: Callable[[Mapping[Window, Loaded]], None]) -> None:
        self._shard = shard
        self._take = take
        self._slot = late(shard.number)
        self._known: dict[str, int | None] = {}  # None while in hand, else the last read begun before its removal
        self._windows: dict[Window, None] = {}
        self._due_ms = now_ms
        self._reading = False
        self._begun = 0
        self._taken = 0

    @property
    def seen(self) -> bool:
        """Whether it was read at all: a new owner reads what is late before anything else."""
        return self._taken > 0

    @property
    def idle(self) -> bool:
        """Whether it was read and nothing of it is in hand."""
        return self.seen and not self._windows

    def read(self, now_ms: int) -> None:
        """Begins the next read when it is time."""
        if self._reading or now_ms < self._due_ms:
            return
        self._reading = True
        self._begun += 1
        live = self._shard.layouts.latest.may_hold(self._slot, now_ms)
        self._due_ms = now_ms + (LATE_EVERY_MS if live else _LATE_OF_OLD_EVERY_MS)
        in_hand, stores = frozenset(self._known), self._shard.stores
        self._shard.background.start(
            lambda: resolve(stores.jobs, whole(stores.wheel, self._slot, SINGLES).without(in_hand)), self._took
        )

    def _took(self, loaded: Loaded) -> None:
        self._reading = False
        self._taken = self._begun
        windows: dict[Window, Loaded] = {}
        for key, load in _one_by_one(loaded.load):
            if key not in self._known:
                self._known[key] = None
                windows[Window(self._slot, ends_ms=0)] = replace(loaded, load=load)
        self._windows |= dict.fromkeys(windows)
        self._take(windows)
        for key, last_read in list(self._known.items()):
            if last_read is not None and last_read < self._taken:
                del self._known[key]

    def remove_done(self) -> None:
        """Deletes the entries whose windows are done. One is forgotten only after a read that cannot have seen it."""
        for window in [window for window in self._windows if window.done]:
            del self._windows[window]
            if window.singles:
                self._remove(sorted(window.singles))

    def _remove(self, keys: list[str]) -> None:
        def done(_: None) -> None:
            for key in keys:
                self._known[key] = self._begun

        self._shard.background.start(lambda: self._shard.stores.wheel.remove(self._slot, keys), done)


def _one_by_one(load: Load) -> Iterator[tuple[str, Load]]:
    """Each single by itself, also one that cannot be read: it is set aside, and deleted like the others."""
    for key, entry in load.singles.items():
        yield key, Load(singles={key: entry})
    for bad in load.damaged:
        yield bad.key, Load(damaged=[bad])
