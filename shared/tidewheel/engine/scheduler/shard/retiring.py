"""Retire: a slot whose all is handed on durably is passed by the cursor, and its singles are deleted."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from tidewheel.domain.limits import MINUTE_MS, REMOVED_AT_ONCE
from tidewheel.domain.wheel.levels import CASCADES, Level
from tidewheel.domain.wheel.ring_cursor import RingCursor
from tidewheel.domain.wheel.span import SINGLES
from tidewheel.engine.scheduler.context import Shard
from tidewheel.engine.scheduler.shard.loading import Loader
from tidewheel.engine.scheduler.shard.window import Window


class Retirer:
    """The end of a slot's life: read its singles once more, move the cursor durably, delete the singles."""

    def __init__(
        self, shard: Shard, ring_cursors: Mapping[Level, RingCursor], loader: Loader, stored: Mapping[Level, int]
    ) -> None:
        self._shard = shard
        self._ring_cursors = ring_cursors
        self._loader = loader
        self._windows: dict[Window, None] = {}
        self._retired: list[Window] = []
        self._stored = stored
        self._storing = False

    def watch(self, window: Window) -> None:
        """Retires a window when its time is over and all is done."""
        self._windows[window] = None

    def is_owing(self, until_ms: int) -> bool:
        """Whether a ledger row, or what cascades from a slot that begins by an instant (ms), is not durable yet."""
        return any(
            window.accounting or (window.arming and window.slot.level in CASCADES and window.slot.start_ms <= until_ms)
            for window in self._windows
        )

    def work(self, now_ms: int, *, draining: bool) -> None:
        """Begins whatever can be retired by now."""
        for window in [window for window in self._windows if window.done and window.ends_ms <= now_ms]:
            self._read_once_more(window)
        self._store_cursors(draining=draining)

    def _read_once_more(self, window: Window) -> None:
        """A passed slot's singles are read again: a write that came after all bounds is planned like the others."""

        def ended(found: int) -> None:
            if found:
                self._shard.telemetry.count("stragglers", found)
            else:
                del self._windows[window]
                self._retired.append(window)
                self._ring_cursors[window.slot.level].retired(window.slot.start_ms)

        self._loader.read(window, SINGLES, frozenset(window.known), ended)

    def _store_cursors(self, *, draining: bool) -> None:
        """Moves the cursors durably when a slot with singles is done or a minute has passed; then deletes those.

        Slots that held nothing need no write: to turn them once more is harmless.
        """
        if self._storing:
            return
        cursors = self._cursors()
        ready = [window for window in self._retired if window.slot.start_ms < cursors[window.slot.level]]
        behind = cursors[Level.MINUTES] - self._stored.get(Level.MINUTES, 0) >= MINUTE_MS
        if not (behind or any(window.singles for window in ready) or (draining and not self.stored)):
            return
        self._storing = True

        def done(_: None) -> None:
            self._storing = False
            self._stored = cursors
            self._retired = [window for window in self._retired if window not in ready]
            for window in ready:
                self._remove(window)

        shard = self._shard
        shard.background.start(lambda: shard.stores.ownership.advance(shard.number, shard.epoch, cursors), done)

    def _remove(self, window: Window) -> None:
        keys = sorted(window.singles)
        for start in range(0, len(keys), REMOVED_AT_ONCE):
            work = partial(self._shard.stores.wheel.remove, window.slot, keys[start : start + REMOVED_AT_ONCE])
            self._shard.background.start(work, lambda _: None)

    def _cursors(self) -> Mapping[Level, int]:
        return {level: ring_cursor.cursor_ms for level, ring_cursor in self._ring_cursors.items()}

    def waits(self, now_ms: int) -> bool:
        """Whether all that is in hand is done, and only waits for its slots' time to be over."""
        return all(window.done and window.ends_ms > now_ms for window in self._windows)

    @property
    def stored(self) -> bool:
        """Whether nothing that can be stored about the cursors is left to store."""
        return not self._storing and self._stored == self._cursors()
