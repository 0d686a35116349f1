"""The late slot: it is read every second, and each of its entries is a window by itself.

Nearly always it fits a page, which is read from the beginning. One that does not, after an outage or while a route is
closed, is walked: each second one page more, round and round, and beside it what is due about now, so that a backlog
that is in hand already is not read again and again, and nothing that is due has to wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from tidewheel.domain import keys
from tidewheel.domain.limits import LATE_BEHIND_MS, LATE_PAGES, MINUTE_MS
from tidewheel.domain.wheel.levels import LATE_EVERY_MS, late
from tidewheel.domain.wheel.load import Load
from tidewheel.domain.wheel.span import SINGLES, Span
from tidewheel.engine.scheduler.context import Shard
from tidewheel.engine.scheduler.shard.records import Loaded, resolve
from tidewheel.engine.scheduler.shard.window import Window
from tidewheel.ports import Refused

_OLD_SHARD_EVERY_MS = MINUTE_MS
"""How often the late slot is read of a shard that is no longer in force: nobody puts anything there any more."""


class LateSlot:
    """Reads what is late, has each entry planned once, and deletes it when its window is settled.

    Args:
        shard: Whose late slot.
        now_ms: The time (ms since the epoch) of the first read.
        take_in: Plans what was read, each entry in a window of its own.
    """

    def __init__(self, shard: Shard, now_ms: int, take_in: Callable[[Mapping[Window, Loaded]], None]) -> None:
        self._shard = shard
        self._take_in = take_in
        self._slot = late(shard.number)
        self._known: dict[str, int | None] = {}  # None while in hand, then the last read that began before its removal
        self._windows: dict[Window, None] = {}
        self._due_ms = now_ms
        self._reading = False
        self._started = 0
        self._ended = 0
        self._walk = SINGLES  # what is left of the slot in this round
        self._live: Span | None = None  # what is due about now and is still to be read, if the slot is large
        self._live_pages = 0

    @property
    def seen(self) -> bool:
        """Whether a page of it has been read: a new owner reads what is late before anything else."""
        return self._ended > 0

    @property
    def idle(self) -> bool:
        """Whether all of it has been read and none of its entries is in hand."""
        return self.seen and not self._windows and self._walk == SINGLES

    def read(self, now_ms: int) -> None:
        """Begins the next read if it is time (ms since the epoch)."""
        if self._reading:
            return
        if self._live is not None:
            self._begin(self._live, self._took_live)
        elif now_ms >= self._due_ms:
            in_force = self._shard.layouts.latest.may_hold(self._slot, now_ms)
            every_ms = LATE_EVERY_MS if in_force else _OLD_SHARD_EVERY_MS
            self._due_ms = now_ms - now_ms % every_ms + every_ms  # of all shards in the same tick
            self._begin(self._walk, lambda loaded: self._took_page(loaded, now_ms))

    def _begin(self, span: Span, took: Callable[[Loaded], None]) -> None:
        self._reading = True
        self._started += 1
        known, stores = frozenset(self._known), self._shard.stores

        def done(loaded: Loaded) -> None:
            self._reading = False
            self._ended = self._started
            took(loaded)
            self._forget()

        self._shard.background.start(
            lambda: resolve(stores.jobs, stores.wheel.load(self._slot, span).without(known)), done
        )

    def _took_page(self, loaded: Loaded, now_ms: int) -> None:
        """Takes in the next page of the walk. A page with news is followed by the next one at once."""
        large = self._walk != SINGLES or loaded.load.rest is not None
        self._walk = loaded.load.rest or SINGLES
        if large:
            self._live = Span(keys.single_bound(now_ms - LATE_BEHIND_MS), SINGLES.last)
            self._live_pages = LATE_PAGES
        if self._take(loaded) and loaded.load.rest is not None:
            self._due_ms = now_ms

    def _took_live(self, loaded: Loaded) -> None:
        self._live_pages -= 1
        self._live = loaded.load.rest if self._live_pages else None
        self._take(loaded)

    def _take(self, loaded: Loaded) -> bool:
        """Has what is new planned; returns whether anything was."""
        windows: dict[Window, Loaded] = {}
        for key, load in _one_by_one(loaded.load):
            if key not in self._known:
                self._known[key] = None
                windows[Window(self._slot, ends_ms=0)] = replace(loaded, load=load)
        self._windows |= dict.fromkeys(windows)
        self._take_in(windows)
        return bool(windows)

    def _forget(self) -> None:
        """Forgets what was removed before the read that has just ended began: no read can bring it back."""
        for key, last_read in list(self._known.items()):
            if last_read is not None and last_read < self._ended:
                del self._known[key]

    def remove_settled(self, now_ms: int) -> None:
        """Deletes the entries whose windows are settled; ``now_ms`` is the time in ms since the epoch."""
        for window in [window for window in self._windows if window.is_over(now_ms)]:
            del self._windows[window]
            window.retired()
            self._remove(sorted(window.singles))

    def _remove(self, keys: Sequence[str]) -> None:
        def done(_: None) -> None:
            for key in keys:
                self._known[key] = self._started

        def refused(error: Refused) -> None:
            """They stay known, so that this owner does not send them again."""
            self._shard.telemetry.error("entries could not be deleted", slot=self._slot.key, problem=str(error))

        self._shard.background.start(lambda: self._shard.stores.wheel.remove(self._slot, keys), done, refused)


def _one_by_one(load: Load) -> Iterator[tuple[str, Load]]:
    """Each single by itself, also one that cannot be read: it is set aside, and deleted like the others."""
    for key, entry in load.singles.items():
        yield key, Load(singles={key: entry})
    for bad in load.damaged:
        yield bad.key, Load(damaged=[bad])
