"""Retire: a settled slot is read once more, passed by the cursor durably, and only then its singles are deleted."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from tidewheel.domain.limits import MINUTE_MS, REMOVED_AT_ONCE
from tidewheel.domain.wheel.levels import CASCADES, Level
from tidewheel.domain.wheel.ring_cursor import RingCursor
from tidewheel.domain.wheel.span import SINGLES
from tidewheel.engine.scheduler.context import Shard
from tidewheel.engine.scheduler.shard.loading import Loader
from tidewheel.engine.scheduler.shard.window import Obligation, Window, WindowState
from tidewheel.ports import Refused


class Retirer:
    """Takes the windows of one shard from settled to retired.

    Args:
        shard: Which one, under which epoch.
        cursors: Its ring cursors by level.
        loader: Reads its slots.
        stored: The cursors (ms since the epoch) as Control holds them; without one they are written at the first
            occasion.
    """

    def __init__(
        self, shard: Shard, cursors: Mapping[Level, RingCursor], loader: Loader, stored: Mapping[Level, int]
    ) -> None:
        self._shard = shard
        self._cursors = cursors
        self._loader = loader
        self._windows: dict[Window, None] = {}
        self._passed: list[Window] = []
        self._stored = stored
        self._storing = False

    def watch(self, window: Window) -> None:
        """Takes a window over: it is retired when its slot's time is over and it is settled."""
        self._windows[window] = None

    def is_owing(self, until_ms: int) -> bool:
        """Whether something is not durable yet that concerns times up to an instant (ms since the epoch).

        That is a ledger row or an item in quarantine, or an entry on its way down from a coarse slot that begins by
        then.
        """
        return any(
            window.owes(Obligation.ACCOUNT)
            or (window.slot.level in CASCADES and window.slot.start_ms <= until_ms and window.owes(Obligation.ARM))
            for window in self._windows
        )

    def work(self, now_ms: int, *, draining: bool) -> None:
        """Begins whatever can be retired by now (ms since the epoch).

        Args:
            now_ms: The time.
            draining: Whether the shard is being given up, so that the cursors are to be stored wherever they are.
        """
        for window in [window for window in self._windows if window.is_over(now_ms)]:
            self._read_once_more(window)
        self._store_cursors(draining=draining)

    def _read_once_more(self, window: Window) -> None:
        """Looks for stragglers: a write that was held up beyond all bounds is planned like any other."""
        window.retires()
        self._loader.read(window, SINGLES, frozenset(window.singles), partial(self._was_read_once_more, window))

    def _was_read_once_more(self, window: Window, found: int) -> None:
        if window.state is not WindowState.PASSED:
            self._shard.telemetry.count("late_entry_found", found)
            return
        del self._windows[window]
        self._passed.append(window)
        self._cursors[window.slot.level].passed(window.slot.start_ms)

    def _store_cursors(self, *, draining: bool) -> None:
        """Stores the cursors when a slot with singles is passed or a minute is over; then deletes those singles.

        Slots that held none need no write of their own: it does no harm if a later owner turns them again.
        """
        if self._storing:
            return
        cursors = self._low_waters()
        below = [window for window in self._passed if window.slot.start_ms < cursors[window.slot.level]]
        behind = cursors[Level.MINUTES] - self._stored.get(Level.MINUTES, 0) >= MINUTE_MS
        if not (behind or any(window.singles for window in below) or (draining and not self.stored)):
            return
        self._storing = True

        def done(_: None) -> None:
            self._storing = False
            self._stored = cursors
            self._passed = [window for window in self._passed if window not in below]
            for window in below:
                window.retired()
                self._remove(window)

        shard = self._shard
        shard.background.start(lambda: shard.stores.ownership.advance(shard.number, shard.epoch, cursors), done)

    def _remove(self, window: Window) -> None:
        keys = sorted(window.singles)
        for start in range(0, len(keys), REMOVED_AT_ONCE):
            work = partial(self._shard.stores.wheel.remove, window.slot, keys[start : start + REMOVED_AT_ONCE])
            self._shard.background.start(work, lambda _: None, partial(self._not_removed, window))

    def _not_removed(self, window: Window, error: Refused) -> None:
        """They expire by their TTL; until then it costs a read if somebody turns the slot again."""
        self._shard.telemetry.error("entries could not be deleted", slot=window.slot.key, problem=str(error))

    def _low_waters(self) -> Mapping[Level, int]:
        return {level: cursor.low_water_ms for level, cursor in self._cursors.items()}

    def only_waits(self, now_ms: int) -> bool:
        """Whether every window in hand only waits for its slot's time to be over (``now_ms``: ms since the epoch)."""
        return all(window.waits_for_its_end(now_ms) for window in self._windows)

    @property
    def stored(self) -> bool:
        """Whether the cursors are stored as far as they have moved."""
        return not self._storing and self._stored == self._low_waters()
