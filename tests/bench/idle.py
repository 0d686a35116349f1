"""What a deployment without a single job costs in a month: calls counted for a minute, times the month."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.bench import idle_economy
from tests.bench.units import billed
from tests.support.billing_bench import Bench, NoLauncher
from tests.support.world_examples import NOW_MS
from tidewheel.adapters.memory import RecordingTelemetry, SettableClock
from tidewheel.domain.fleet.lease import Lease
from tidewheel.domain.fleet.route import PRIORITIES
from tidewheel.domain.limits import HEARTBEAT_MS, MINUTE_MS, SECOND_MS
from tidewheel.engine.scheduler.watchdog import Watchdog
from tidewheel.ports import LeaseStore

_MINUTES = 730 * 60  # AWS counts 730 hours a month
_BEATS = 60  # of a scheduler in a minute, a write unit each
_INSTANCES = 2  # what infra/config.py deploys; the counted minute is that of one scheduler which holds every shard
_SCHEDULER_GB, _WATCHDOG_GB, _ECONOMY_GB = 1.0, 0.25, 0.5  # as infra/stacks/service.py deploys them
_POLLERS, _POLLS_A_MINUTE = 5, 3  # of an SQS mapping: five at the least, each polls for 20 s (AWS Lambda, "Scaling")


@dataclass(frozen=True)
class Prices:
    """US dollars."""

    write_units: float
    read_units: float
    arm_gb_second: float
    invocations: float
    sqs_requests: float
    sqs_free: float


US_EAST_1_LIST_PRICES_OF_2025 = Prices(
    write_units=0.625e-6,
    read_units=0.125e-6,
    arm_gb_second=0.0000133334,
    invocations=0.20e-6,
    sqs_requests=0.40e-6,
    sqs_free=1e6,
)
"""On-demand DynamoDB (aws.amazon.com/dynamodb/pricing/on-demand, in force since November 2024), Lambda on arm64
(aws.amazon.com/lambda/pricing) and standard SQS queues (aws.amazon.com/sqs/pricing), without Lambda's free tier.
All of them are from memory: look them up before relying on them. What is not in the list: EventBridge's scheduled
rules (free), logs, storage and backups."""


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


def month(endpoint: str, shards: int) -> dict[str, Any]:
    """Counts a minute of the scheduler and a look of the watchdog, and prices the month."""
    with billed(endpoint, NOW_MS - 5 * SECOND_MS, shards) as bench:
        begin = NOW_MS + MINUTE_MS + MINUTE_MS // 2
        bench.turn(begin, begin + MINUTE_MS)
        loop = _units(bench)
        look = _looked(bench)
    return {"shards": shards, "samples": 1, "minute": loop, "look": look, **_priced(loop, look)}


def economy(endpoint: str, shards: int) -> dict[str, Any]:
    """Counts an hour's runs in economy mode, and prices the month."""
    run, prices = idle_economy.run(endpoint, shards), US_EAST_1_LIST_PRICES_OF_2025
    second = _ECONOMY_GB * prices.arm_gb_second * _MINUTES
    dollars = {
        "DynamoDB writes": run["write_units"] * _MINUTES * prices.write_units,
        "DynamoDB reads": run["read_units"] * _MINUTES * prices.read_units,
        "Lambda, runs": run["lambda"]["seconds"] * second + _MINUTES * prices.invocations,
        "SQS, empty polls (assumed)": _polls(prices),
    }
    return {**run, "dollars_for_each_second_more": round(second, 2), **_summed(dollars)}


def _polls(prices: Prices) -> float:
    polls = len(PRIORITIES) * _POLLERS * _POLLS_A_MINUTE * _MINUTES
    return max(0.0, polls - prices.sqs_free) * prices.sqs_requests


def _priced(loop: dict[str, float], look: dict[str, float]) -> dict[str, Any]:
    prices = US_EAST_1_LIST_PRICES_OF_2025
    dollars = {
        "DynamoDB writes": (loop["write_units"] + (_INSTANCES - 1) * _BEATS) * _MINUTES * prices.write_units,
        "DynamoDB reads": (loop["read_units"] + look["read_units"]) * _MINUTES * prices.read_units,
        "Lambda, schedulers": _INSTANCES * _SCHEDULER_GB * 60 * _MINUTES * prices.arm_gb_second,
        "Lambda, watchdog": _MINUTES * (_WATCHDOG_GB * look["seconds"] * prices.arm_gb_second + prices.invocations),
        "SQS, empty polls (assumed)": _polls(prices),
    }
    return _summed(dollars)


def _summed(dollars: Mapping[str, float]) -> dict[str, Any]:
    lines = {name: round(cost, 2) for name, cost in dollars.items()}
    return {"dollars_a_month": lines, "dollars_a_month_in_all": round(sum(dollars.values()), 2)}
