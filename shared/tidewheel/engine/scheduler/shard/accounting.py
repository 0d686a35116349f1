"""Account: what will not run goes to the ledger."""

from __future__ import annotations

from dataclasses import replace

from tidewheel.domain.wheel.expansion import Expansion
from tidewheel.domain.wheel.quarantine import Quarantined
from tidewheel.engine.scheduler.context import Shard
from tidewheel.engine.scheduler.shard.quarantine import Quarantine
from tidewheel.engine.scheduler.shard.window import Obligation, Window
from tidewheel.ports import Refused


class Accountant:
    """Deals with the misfires of one shard."""

    def __init__(self, shard: Shard, quarantine: Quarantine) -> None:
        self._shard = shard
        self._quarantine = quarantine

    def account(self, window: Window, plan: Expansion) -> None:
        """Writes the ledger row of what was missed; the window stays open until it is durable.

        The missed instants of a cron schedule are counted in the background, since that may take long.
        """
        row, schedule = plan.missed, plan.schedule
        if row is None or schedule is None:
            return
        telemetry, executions = self._shard.telemetry, self._shard.stores.executions

        def work() -> int | None:
            count = schedule.timing.count_between(row.from_ms, row.until_ms)
            executions.account(replace(row, count=count))
            return count

        def done(count: int | None) -> None:
            window.settles(Obligation.ACCOUNT)
            telemetry.count("misfired", 1 if count is None else count, reason=row.reason)

        def refused(error: Refused) -> None:
            item = Quarantined(window.slot, row.id, repr(row), "ledger row", str(error), row.noted_ms)
            self._quarantine.set_aside(item, lambda: window.settles(Obligation.ACCOUNT))

        window.opens(Obligation.ACCOUNT)
        self._shard.background.start(work, done, refused)
