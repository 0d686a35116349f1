"""Account: what will not run is written to the ledger; what runs long after its time is paced behind what is live."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from tidewheel.domain.limits import CATCH_UP_STEP_MS
from tidewheel.domain.wheel.expansion import Expansion, Firing
from tidewheel.engine.scheduler.context import Shard
from tidewheel.engine.scheduler.shard.window import Window


class Accountant:
    """Sees to one shard's misfires."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self._free_ms = 0

    def paced(self, firings: Iterable[Firing], now_ms: int) -> Iterator[Firing]:
        """The firings with the times (from ``now_ms`` on) of their turns; their windows stay open until then."""
        for firing in firings:
            turn_ms = max(now_ms, self._free_ms)
            self._free_ms = turn_ms + CATCH_UP_STEP_MS
            self._shard.telemetry.count("caught_up")
            yield replace(firing, release_ms=turn_ms)

    def account(self, window: Window, plan: Expansion) -> None:
        """Writes the row of what was missed; the window stays open until it is durable.

        A cron's instants are counted beside the loop, which must not stop for that.
        """
        row, names = plan.missed, plan.names
        if row is None or names is None:
            return
        telemetry, executions = self._shard.telemetry, self._shard.stores.executions

        def work() -> int | None:
            count = names.timing.count_between(row.from_ms, row.until_ms)
            executions.account(replace(row, count=count))
            return count

        def done(count: int | None) -> None:
            window.accounting -= 1
            telemetry.count("misfired", 1 if count is None else count, reason=row.reason)

        window.accounting += 1
        self._shard.background.start(work, done)
