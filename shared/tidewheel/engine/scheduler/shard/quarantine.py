"""Quarantine: what cannot be understood or stored is set aside durably before its slot is passed: it stops nobody."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tidewheel.domain.executions.misfire import Missed, Reason
from tidewheel.domain.wheel.entries import ScheduleEntry, encode
from tidewheel.domain.wheel.quarantine import Quarantined
from tidewheel.engine.scheduler.context import Shard
from tidewheel.engine.scheduler.shard.records import Loaded
from tidewheel.engine.scheduler.shard.window import Obligation, Window
from tidewheel.ports import Refused


class Quarantine:
    """Sets aside what cannot be read of one shard, and what no store takes."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard

    def take(self, window: Window, loaded: Loaded, now_ms: int) -> None:
        """Sets aside what is unreadable in a load; the window stays open until that is durable.

        Of an entry whose job cannot be read, the job's id and the nominal time are known: it gets a ledger row.

        Args:
            window: For which the load was read.
            loaded: The load with its records.
            now_ms: The time (ms since the epoch), noted as that of the discovery.
        """
        for bad in loaded.load.damaged:
            self._put(window, Quarantined(window.slot, bad.key, bad.text, "wheel entry", bad.problem, now_ms))
        for item, entry in _of_unreadable_jobs(window, loaded, now_ms):
            at_ms = entry.nominal_ms
            row = Missed(entry.tenant, entry.job, entry.generation, at_ms, at_ms, 1, Reason.QUARANTINED, now_ms)
            self._put(window, item, row)

    def _put(self, window: Window, item: Quarantined, row: Missed | None = None) -> None:
        window.opens(Obligation.ACCOUNT)
        self.set_aside(item, lambda: window.settles(Obligation.ACCOUNT), row)

    def set_aside(self, item: Quarantined, ended: Callable[[], None], row: Missed | None = None) -> None:
        """Writes an item and, if there is one, the row of its instant.

        If the store refuses that too for what it says, the log line is all that remains; nobody is stopped by it. Both
        are counted without a dimension, as an alarm can watch it.

        Args:
            item: What to keep.
            ended: Is called when it is durable, or refused for good.
            row: The row for the ledger.
        """
        stores, telemetry = self._shard.stores, self._shard.telemetry

        def work() -> None:
            stores.wheel.quarantine(item)
            if row is not None:
                stores.executions.account(row)

        def done(_: None) -> None:
            ended()
            telemetry.count("entry_given_up")
            telemetry.count("quarantined", what=item.what)
            telemetry.error(
                "set aside in quarantine",
                what=item.what,
                problem=item.problem,
                partition=item.partition,
                key=item.id,
                slot=item.slot.key,
                entry_key=item.key,
            )

        def refused(error: Refused) -> None:
            ended()
            telemetry.count("entry_given_up")
            telemetry.error(
                "refused for good, and not even set aside", what=item.what, text=item.text, problem=str(error)
            )

        self._shard.background.start(work, done, refused)


def _of_unreadable_jobs(window: Window, loaded: Loaded, now_ms: int) -> Iterator[tuple[Quarantined, ScheduleEntry]]:
    if not loaded.unreadable:
        return
    for key, entry in loaded.load.entries:
        if isinstance(entry, ScheduleEntry) and (error := loaded.problem(entry)) is not None:
            yield Quarantined(window.slot, key, encode(entry), error.what, str(error), now_ms), entry
