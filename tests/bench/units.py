"""What AWS bills for a fire: write units by table, read units and SQS requests, counted on the emulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import boto3

from tests.support.billing import Bill
from tests.support.billing_bench import Bench, minutely
from tests.support.tables import drop_queues, drop_tables, make_queues, make_tables
from tests.support.world import Cloud, cloud_backend
from tests.support.world_examples import NOW_MS, a_job
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.recurrence.timings.cron import Cron
from tidewheel.domain.recurrence.timings.every import Every
from tidewheel.domain.wheel.levels import BEYOND, CASCADES, RINGS, Level

_HALF_MS = MINUTE_MS // 2
_BEFORE_MS = 10 * SECOND_MS
_AFTER_MS = 20 * SECOND_MS
_MANY = 100
_STORES = ("wheel", "executions", "jobs")
_NINE_MS = NOW_MS - NOW_MS % DAY_MS + DAY_MS + 9 * HOUR_MS  # after the jobs came into force
_EARLY_MS = BEYOND.start_of(NOW_MS) + 5 * DAY_MS + 8 * HOUR_MS  # 20 days later is the same slot of 30 days
_LATE_MS = BEYOND.start_of(NOW_MS) + 15 * DAY_MS + 8 * HOUR_MS  # 20 days later is the next one


@contextmanager
def billed(endpoint: str, start_ms: int, shards: int = 1) -> Iterator[Bench]:
    """A scheduler and a worker on tables of their own, every call of whose clients is counted."""
    bill = Bill()
    dynamodb, sqs = (bill.watch(boto3.client(kind, endpoint_url=endpoint)) for kind in ("dynamodb", "sqs"))
    cloud = Cloud(dynamodb, sqs, make_tables(dynamodb), make_queues(sqs))
    yield Bench(cloud_backend("ministack", cloud), bill, start_ms, shards=shards)
    drop_tables(dynamodb, cloud.tables)
    drop_queues(sqs, cloud.urls)


def _steady(bench: Bench, jobs: Sequence[Job], minutes: int) -> None:
    """From the middle of one minute to the middle of another: whole periods."""
    bench.create(jobs)
    begin = NOW_MS + 2 * MINUTE_MS + _HALF_MS
    bench.turn(begin, begin + minutes * MINUTE_MS)


def _spans(due_ms: int, from_ms: int) -> Iterator[tuple[int, int]]:
    """When something happens to an entry: around the load and the end of each slot that it passes through."""
    spans: list[tuple[int, int]] = []
    for ring in RINGS:
        start = ring.start_of(due_ms)
        end = (start if ring.level in CASCADES else due_ms + MINUTE_MS) + _AFTER_MS
        if start > from_ms and ring.slot_ms > SECOND_MS:
            spans.append((max(start - ring.lead_ms - _BEFORE_MS, from_ms), end))
    begin, until = spans[0]
    for next_begin, end in spans[1:]:
        if next_begin > until:
            yield begin, until
            begin = next_begin
        until = end  # what overlaps is one span: a minute in hand must not be left
    yield begin, until


def _live_through(bench: Bench, due_ms: int) -> None:
    """Turns the wheel where something happens, and skips the rest, in which the fine slots are empty."""
    bench.turn(0, bench.clock.now_ms() + SECOND_MS)  # from here on there are cursors, by which one can leap
    for begin, end in _spans(due_ms, bench.clock.now_ms()):
        bench.clock.advance(max(0, begin - bench.clock.now_ms()))
        ownership, now = bench.backend.ownership, bench.clock.now_ms()
        for shard in range(bench.shards):
            holding = ownership.holding(shard)
            assert holding is not None
            ownership.advance(shard, holding.epoch, {Level.MINUTES: now, Level.SECONDS: now})
        bench.turn(0, end)


def _daily(bench: Bench) -> None:
    """From an hour after one fire to an hour after the next: through days, hours and minutes."""
    bench.create([a_job(n, schedule=Schedule(Cron("0 9 * * *", "UTC"))) for n in range(_MANY)])
    _live_through(bench, _NINE_MS)
    bench.bill.clear()
    before = bench.telemetry.counts["execution_dispatched"]
    _live_through(bench, _NINE_MS + DAY_MS)
    bench.fires = bench.telemetry.counts["execution_dispatched"] - before
    bench.account = bench.bill


def _one_time(count: int) -> Callable[[Bench], None]:
    def live(bench: Bench) -> None:
        due = bench.clock.now_ms() + 20 * DAY_MS + 2 * HOUR_MS + _HALF_MS * 61
        bench.create([a_job(n, schedule=Schedule(At(due))) for n in range(count)])
        bench.bill.clear()
        _live_through(bench, due)
        bench.fires = bench.telemetry.counts["execution_dispatched"]
        bench.account = bench.bill

    return live


def _secondly(bench: Bench) -> None:
    _steady(bench, [a_job(0, schedule=Schedule(Every(SECOND_MS, NOW_MS)))], 2)


_SOON_MS = NOW_MS - 5 * SECOND_MS
SCENARIOS: dict[str, tuple[int, int, Callable[[Bench], None]]] = {
    "every minute, alone": (_SOON_MS, 5, lambda bench: _steady(bench, minutely(1), 5)),
    "every minute, a hundred a slot": (_SOON_MS, 200, lambda bench: _steady(bench, minutely(_MANY), 2)),
    "daily cron, a hundred a slot": (_NINE_MS - 10 * MINUTE_MS, _MANY, _daily),
    "once, 20 days ahead, alone": (_EARLY_MS, 1, _one_time(1)),
    "once, 20 days ahead, a hundred a slot": (_EARLY_MS, _MANY, _one_time(_MANY)),
    "the same into the next 30 days, alone": (_LATE_MS, 1, _one_time(1)),
    "the same into the next 30 days, a hundred": (_LATE_MS, _MANY, _one_time(_MANY)),
    "every second, alone": (_SOON_MS, 120, _secondly),
}
"""By name: when time begins, how many fires must be counted, and what happens."""


def figures(bench: Bench) -> dict[str, Any]:
    """The account per fire. Control's writes and the reads of empty slots are the idle deployment's, not counted."""
    bill, fires = bench.account, bench.fires
    requests = bill.count("SendMessageBatch") + 2 * bill.count("DeleteMessageBatch")  # received as often as deleted
    return {
        "samples": fires,
        "write_units": {table: round(bill.written(table) / fires, 3) for table in _STORES},
        "write_units_in_all": round(bill.written(*_STORES) / fires, 3),
        "read_units_computed": round(sum(u for (table, _), u in bill.found.items() if table != "control") / fires, 3),
        "sqs_requests": round(requests / fires, 3),
    }


def per_fire(endpoint: str) -> dict[str, Any]:
    """Every scenario's account."""
    found: dict[str, Any] = {}
    for name, (start_ms, fires, live) in SCENARIOS.items():
        with billed(endpoint, start_ms) as bench:
            live(bench)
            assert bench.fires == fires, f"{name}: {bench.fires} fires instead of {fires}"
            found[name] = figures(bench)
    return found
