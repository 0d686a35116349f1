"""Quarantine: what cannot be understood is set aside durably before its slot is passed, and stops nobody."""

from __future__ import annotations

from collections.abc import Iterator

from tidewheel.domain.executions.misfire import Missed, Reason
from tidewheel.domain.wheel.entries import ScheduleEntry, encode
from tidewheel.domain.wheel.quarantine import Quarantined
from tidewheel.engine.scheduler.context import Shard
from tidewheel.engine.scheduler.shard.loading import Loaded
from tidewheel.engine.scheduler.shard.window import Window


class Quarantine:
    """Sets aside what one shard cannot read."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard

    def take(self, window: Window, loaded: Loaded, now_ms: int) -> None:
        """Writes what is bad in a load to where people find it; the window stays open until that is durable.

        An entry whose job cannot be read is known by job and instant: that is accounted for on the ledger.

        Args:
            window: What was loaded.
            loaded: The load.
            now_ms: The time.
        """
        for bad in loaded.load.damaged:
            self._put(window, Quarantined(window.slot, bad.key, bad.text, "wheel entry", bad.problem, now_ms))
        for item, schedule_entry in _of_unreadable_jobs(window, loaded, now_ms):
            at = schedule_entry.nominal_ms
            row = Missed(
                schedule_entry.tenant,
                schedule_entry.job,
                schedule_entry.generation,
                at,
                at,
                1,
                Reason.QUARANTINED,
                now_ms,
            )
            self._put(window, item, row)

    def _put(self, window: Window, item: Quarantined, row: Missed | None = None) -> None:
        stores, telemetry = self._shard.stores, self._shard.telemetry

        def work() -> None:
            stores.wheel.quarantine(item)
            if row is not None:
                stores.executions.account(row)

        def done(_: None) -> None:
            window.accounting -= 1
            telemetry.count("quarantined", what=item.what)
            place = {"partition": item.partition, "key": item.id}
            origin = {"slot": item.slot.key, "lay_under": item.key}
            telemetry.error("set aside in quarantine", what=item.what, problem=item.problem, **place, **origin)

        window.accounting += 1
        self._shard.background.start(work, done)


def _of_unreadable_jobs(window: Window, loaded: Loaded, now_ms: int) -> Iterator[tuple[Quarantined, ScheduleEntry]]:
    if not loaded.unreadable:
        return
    for key, entry in loaded.load.entries:
        if isinstance(entry, ScheduleEntry) and (error := loaded.trouble(entry)) is not None:
            yield Quarantined(window.slot, key, encode(entry), error.what, str(error), now_ms), entry
