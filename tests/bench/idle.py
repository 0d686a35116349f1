"""What a deployment without a single job costs in a month: calls counted for a minute, times the month."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.bench import idle_economy
from tests.bench.units import billed
from tests.support import costs
from tests.support.billing_bench import Bench, NoLauncher
from tests.support.world_examples import NOW_MS
from tidewheel.adapters.memory import RecordingTelemetry, SettableClock
from tidewheel.domain.fleet.lease import Lease
from tidewheel.domain.limits import HEARTBEAT_MS, MINUTE_MS, SECOND_MS
from tidewheel.engine.scheduler.watchdog import Watchdog
from tidewheel.ports import LeaseStore


class _Beaten(SettableClock):
    """A clock on which a scheduler renews its lease each heartbeat; it begins right after one."""

    def __init__(self, leases: LeaseStore, lease: Lease) -> None:
        super().__init__(NOW_MS)
        self._leases, self._lease = leases, lease

    def sleep(self, duration_ms: int) -> None:
        super().sleep(duration_ms)
        if (self.now_ms() - NOW_MS) % HEARTBEAT_MS == 0:
            self._leases.renew(self._lease)


def _units(bench: Bench) -> dict[str, float]:
    return {"write_units": sum(bench.account.writes.values()), "read_units": sum(bench.account.reads.values())}


def _looked(bench: Bench) -> dict[str, float]:
    """One look of the watchdog, its heartbeats' writes apart."""
    leases, clock = bench.backend.leases, SettableClock(NOW_MS)
    seen = leases.lease()
    lease = leases.take(seen, "bench", "v1")
    assert lease is not None
    clock = _Beaten(leases, lease)
    bench.bill.clear()
    assert not Watchdog(leases, NoLauncher(), clock, RecordingTelemetry(), "v1").look()
    return {"read_units": sum(bench.bill.reads.values()), "seconds": (clock.now_ms() - NOW_MS) / SECOND_MS}


def counted(endpoint: str, shards: int) -> dict[str, Any]:
    """Counts a minute of the scheduler and a look of the watchdog."""
    with billed(endpoint, NOW_MS - 5 * SECOND_MS, shards) as bench:
        begin = NOW_MS + MINUTE_MS + MINUTE_MS // 2
        bench.turn(begin, begin + MINUTE_MS)
        loop = _units(bench)
        look = _looked(bench)
    return {"shards": shards, "minute": loop, "look": look}


def month(endpoint: str, shards: int) -> dict[str, Any]:
    """What is counted, and the price of its month."""
    found = counted(endpoint, shards)
    return {"samples": 1, **found, **_priced(costs.idle_month(found))}


def economy(endpoint: str, shards: int) -> dict[str, Any]:
    """Counts an hour's runs in economy mode, and prices the month."""
    run = idle_economy.run(endpoint, shards)
    return {**run, **_priced(costs.idle_economy_month({"economy": run | {"seconds": run["lambda"]["seconds"]}}))}


def _priced(lines: Sequence[costs.Line]) -> dict[str, Any]:
    dollars = {line.what: round(line.dollars, 2) for line in lines}
    return {"dollars_a_month": dollars, "dollars_a_month_in_all": round(costs.total(lines), 2)}
