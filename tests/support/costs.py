"""What a deployment costs: quantities that were counted or are written down here, times the prices of ``prices.toml``.

A month has 730 hours, as AWS counts.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from infra.config import DEFAULT_SCHEDULERS, ECONOMY_MEMORY_MB, SCHEDULER_MEMORY_MB
from tidewheel.domain.fleet.route import PRIORITIES
from tidewheel.domain.limits import HEARTBEAT_MS, MINUTE_MS, RECONCILE_EVERY_MS
from tidewheel.domain.pricing import READS, RECORD_KB, SQS_ALONE, TARGET_SECONDS, WORKER_MB, WRITES_ALONE

_HERE = Path(__file__).parent
PRICES_FILE, COUNTS_FILE = _HERE / "prices.toml", _HERE / "idle_counts.json"

MINUTES = 730 * 60
_BEATS = MINUTE_MS // HEARTBEAT_MS
"""Of a scheduler in a minute, a write unit each; the counted minute is that of one which holds every shard."""
_TERMS = MINUTES / 15
"""Of one scheduler: it hands over before Lambda ends it."""
_GB = 1024

POLLED = len(PRIORITIES) + 1
"""The queues of the pool ``lambda``, and that of dead letters. Nobody polls the others while no worker runs."""
POLLS = 5 * 3
"""Of a queue in a minute, assumed: five pollers at the least, each for 20 s (AWS Lambda, "Configuring scaling behavior
for SQS event source mappings")."""
WATCHDOG_MB, RECONCILER_MB = 256, 512
RECONCILER_SECONDS, RECONCILER_READS, RECONCILER_WRITES = 0.5, 3, 2
"""Of a run without a job to look at, assumed."""
INVOCATION_BYTES, LINE_BYTES = 400, 300
"""What Lambda logs of an invocation (start, end, report), and a line of Tidewheel's own; assumed."""
ALARMS = 4
IDLE_METRICS = 2
"""The reconciler counts the jobs that it looked at, also when there are none, and schedulers that they are there."""

WRITES_PACKED, WRITES_ONE_TIME, SQS_BUSY = 2.05, 4.5, 0.4
"""Units of a run; ``tests/contract/test_billed_units.py`` counts them."""
RUNS_A_BATCH = 10


@dataclass(frozen=True)
class Price:
    """A price: so many dollars for so many units, of which some may be free for each account and month."""

    per: float
    dollars: float
    source: str
    read: str
    free: float = 0

    def of(self, quantity: float) -> float:
        """Dollars for a quantity, free amounts apart."""
        return quantity / self.per * self.dollars


@dataclass(frozen=True)
class Line:
    """A line of a bill: what for, by which price, how much of it."""

    what: str
    price: str
    quantity: float

    @property
    def dollars(self) -> float:
        """At list price."""
        return prices()[self.price].of(self.quantity)


@cache
def _document() -> Mapping[str, Any]:
    return tomllib.loads(PRICES_FILE.read_text(encoding="utf-8"))


def as_of() -> tuple[str, date]:
    """The region of the prices, and the day from which they are."""
    return _document()["region"], _document()["as_of"]


@cache
def prices() -> Mapping[str, Price]:
    """By name."""
    return {name: Price(**table) for name, table in _document().items() if isinstance(table, dict)}


def counts() -> Mapping[str, Any]:
    """What an emulator counted of an idle deployment; ``make bench`` counts it anew."""
    found: Mapping[str, Any] = json.loads(COUNTS_FILE.read_text(encoding="utf-8"))
    return found


def total(lines: Sequence[Line]) -> float:
    """Dollars at list price."""
    return sum(line.dollars for line in lines)


def after_free_amounts(lines: Sequence[Line]) -> float:
    """Dollars if the account has no other use, so that AWS's free amounts are all this deployment's."""
    quantities: dict[str, float] = {}
    for line in lines:
        quantities[line.price] = quantities.get(line.price, 0) + line.quantity
    return sum(prices()[name].of(max(0, all_ - prices()[name].free)) for name, all_ in quantities.items())


def idle_month(counted: Mapping[str, Any]) -> list[Line]:
    """A month of a deployment without a job, with schedulers that loop."""
    minute, look, schedulers = counted["minute"], counted["look"], DEFAULT_SCHEDULERS
    looks_at_others = schedulers * (schedulers - 1) * _BEATS  # once a heartbeat each; the counted one was alone
    return [
        Line("schedulers, memory and time", "lambda_gb_seconds", _gb_seconds(SCHEDULER_MEMORY_MB, schedulers * 60)),
        Line(
            "schedulers, writes", "dynamodb_write_units", (minute["write_units"] + (schedulers - 1) * _BEATS) * MINUTES
        ),
        Line(
            "schedulers and watchdog, reads",
            "dynamodb_read_units",
            (minute["read_units"] + looks_at_others + look["read_units"]) * MINUTES,
        ),
        Line("watchdog, memory and time", "lambda_gb_seconds", _gb_seconds(WATCHDOG_MB, look["seconds"])),
        Line("watchdog, calls", "lambda_invocations", MINUTES),
        *_common(_logged(MINUTES, 0) + schedulers * (_logged(_TERMS, 2) + MINUTES * LINE_BYTES)),
    ]


def idle_economy_month(counted: Mapping[str, Any]) -> list[Line]:
    """The same in economy mode: one run each minute."""
    run = counted["economy"]
    return [
        Line("runs, memory and time", "lambda_gb_seconds", _gb_seconds(ECONOMY_MEMORY_MB, run["seconds"])),
        Line("runs, calls", "lambda_invocations", MINUTES),
        Line("runs, writes", "dynamodb_write_units", run["write_units"] * MINUTES),
        Line("runs, reads", "dynamodb_read_units", run["read_units"] * MINUTES),
        *_common(_logged(MINUTES, 3)),
    ]


def _common(log_bytes: float) -> list[Line]:
    """What every deployment has: queues that are polled, the reconciler, alarms, logs."""
    runs = MINUTES * MINUTE_MS / RECONCILE_EVERY_MS
    every = MINUTES / runs
    return [
        Line("polls of the four queues", "sqs_requests", (POLLED - 1) * POLLS * MINUTES),
        Line("polls of the dead-letter queue", "sqs_requests", POLLS * MINUTES),
        Line(
            "reconciler, memory and time", "lambda_gb_seconds", _gb_seconds(RECONCILER_MB, RECONCILER_SECONDS / every)
        ),
        Line("reconciler, calls", "lambda_invocations", runs),
        Line("reconciler, reads", "dynamodb_read_units", RECONCILER_READS * runs),
        Line("reconciler, writes", "dynamodb_write_units", RECONCILER_WRITES * runs),
        Line("alarms", "alarms", ALARMS),
        Line("metrics", "custom_metrics", IDLE_METRICS),
        Line("logs", "log_gigabytes", (log_bytes + _logged(runs, 1)) / _GB**3),
    ]


def _gb_seconds(memory_mb: float, seconds_a_minute: float) -> float:
    return memory_mb / _GB * seconds_a_minute * MINUTES


def _logged(invocations: float, lines: int) -> float:
    """Bytes."""
    return invocations * (INVOCATION_BYTES + lines * LINE_BYTES)


def million_alone() -> list[Line]:
    """A million runs of which none shares anything with another: each its own pack, message, batch."""
    return _million(WRITES_ALONE, sqs=SQS_ALONE, batches=1)


def million_busy() -> list[Line]:
    """A million runs where a hundred share a slot and a hundred a second a queue."""
    return _million(WRITES_PACKED, sqs=SQS_BUSY, batches=1 / RUNS_A_BATCH)


def _million(writes: float, sqs: float, batches: float) -> list[Line]:
    million = 1_000_000
    kept_gb = RECORD_KB * million / _GB**2
    return [
        Line("writes", "dynamodb_write_units", writes * million),
        Line("reads", "dynamodb_read_units", READS * million),
        Line("messages", "sqs_requests", sqs * million),
        Line("messages, shared fairly", "sqs_fair_requests", sqs * million),
        Line("worker, calls", "lambda_invocations", batches * million),
        Line("worker, memory and time", "lambda_gb_seconds", WORKER_MB / _GB * TARGET_SECONDS * batches * million),
        Line("worker, logs", "log_gigabytes", _logged(batches * million, 1) / _GB**3),
        Line("records, kept for a month", "dynamodb_storage", kept_gb),
        Line("records, point-in-time recovery", "dynamodb_recovery", kept_gb),
    ]
