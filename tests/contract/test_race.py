"""A race on the local cloud: two schedulers, one of which is killed while it sends, and workers that take what comes.

``RACE_ENTRIES=10000`` makes it a long one.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from tests.support.calls import a_lease_renewer, an_admission
from tests.support.ends import ends_of
from tests.support.polling import until
from tests.support.runners import a_runner
from tests.support.world import Backend, ministack_world
from tests.support.world_examples import ROUTE, TENANT, a_job, schedule_entry
from tidewheel.adapters.aws.dynamodb.execution_items import read_execution
from tidewheel.adapters.clock import SystemClock, SystemEntropy
from tidewheel.adapters.memory import RecordingTelemetry
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.recurrence.schedule import Schedule
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.wheel.entries import Placed
from tidewheel.domain.wheel.levels import place
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.scheduler.context import Stores
from tidewheel.engine.scheduler.loop import SchedulerLoop
from tidewheel.engine.worker.consumer import Consumer
from tidewheel.ports import Call, Fenced, PortError, Received
from tidewheel.wire.message import load

ENTRIES = int(os.environ.get("RACE_ENTRIES", "2000"))
SHARDS = INSTANCES = 2
WORKERS = 2
WITHIN_S = 60 + ENTRIES / 20
_SPREAD_MS = 6 * ENTRIES  # the entries fall due at about 160 a second: as much as the emulator takes
_LEAD_MS = 5_000 + 6 * ENTRIES  # time to write them all before the first is due
_ENDLESS_MS = 10**9


class Killed(Exception):
    """The scheduler was killed: it handed nothing over."""


@dataclass
class Race:
    """What both sides share."""

    backend: Backend
    clock: SystemClock = field(default_factory=SystemClock)
    calls: list[tuple[str, int]] = field(default_factory=list)
    killed: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    dispatched: dict[str, RecordingTelemetry] = field(default_factory=dict)
    worked: RecordingTelemetry = field(default_factory=RecordingTelemetry)
    _deciding: threading.Lock = field(default_factory=threading.Lock)

    @property
    def layouts(self) -> LayoutCache:
        return LayoutCache(self.backend.layouts, self.clock, SHARDS)

    # --- the entries --------------------------------------------------------------------------------------

    def write(self) -> set[str]:
        """One-time jobs with their entries, on all the slots from soon to later; the answer is what must run."""
        begin = self.clock.now_ms() + _LEAD_MS
        instants = [begin + number * _SPREAD_MS // ENTRIES for number in range(ENTRIES)]
        with ThreadPoolExecutor(8) as threads:
            return set(threads.map(self._write, range(ENTRIES), instants))

    def _write(self, number: int, due_ms: int) -> str:
        job = a_job(number, schedule=Schedule(At(due_ms)))
        slot = place(due_ms, self.clock.now_ms(), self.layouts.shard_of(TENANT, job.id))
        assert self.backend.jobs.create(job, Placed(slot, schedule_entry(job, due_ms)), None)
        return str(ExecutionId(job.id, due_ms))

    # --- the schedulers -----------------------------------------------------------------------------------

    def schedule(self, owner: str, instance: int) -> None:
        """A scheduler of an instance that starts again whenever it ends, until it is killed or everything has run."""
        telemetry = self.dispatched[owner] = RecordingTelemetry()
        backend = self.backend
        with ThreadPoolExecutor(16) as executor:
            scheduler_loop = SchedulerLoop(
                Stores(
                    backend.wheel, backend.jobs, backend.executions, backend.leases, backend.ownership, backend.health
                ),
                backend.queue,
                self,
                self.clock,
                telemetry,
                executor,
                self.layouts,
                ends_of(
                    backend.executions,
                    backend.locks,
                    backend.wheel,
                    backend.queue,
                    self.layouts,
                    self.clock,
                    telemetry,
                    backend.jobs,
                ),
                owner,
                "v1",
                instance,
                INSTANCES,
            )
            while not self.over.is_set():
                try:
                    scheduler_loop.run(partial(self._remaining, owner))
                except Killed:
                    return
                except (PortError, Fenced):
                    continue

    def launch(self, instance: int) -> None:
        """Both run already."""

    def _remaining(self, owner: str) -> int:
        """Asked between two ticks. The first to have sent a sixth of all dies there."""
        with self._deciding:
            if not self.killed and self.dispatched[owner].counts["execution_dispatched"] > ENTRIES // 6:
                self.killed.append(owner)
                raise Killed
        return 0 if self.over.is_set() else _ENDLESS_MS

    # --- the workers --------------------------------------------------------------------------------------

    def call(self, call: Call) -> Answer:
        """The target."""
        self.calls.append((call.execution, call.attempt))
        return Answer(Result.SUCCEEDED, 200)

    def work(self) -> None:
        """A worker's loop, as Lambda's poller has it: receive, run, delete what does not have to come back."""
        cloud, backend = self.backend.cloud, self.backend
        assert cloud is not None
        runner = a_runner(
            backend.jobs,
            backend.executions,
            backend.wheel,
            backend.queue,
            {"http": self},
            self.clock,
            SystemEntropy(),
            self.worked,
            self.layouts,
            backend.locks,
            a_lease_renewer(backend.executions, self.clock, self.worked),
            an_admission(self.clock, self.worked),
        )
        consumer, url = Consumer(runner, backend.queue, self.worked, load), cloud.urls[ROUTE]
        while not self.over.is_set():
            answer = cloud.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            messages = answer.get("Messages", [])
            taken = [Received(m["MessageId"], m["ReceiptHandle"], m["Body"], ROUTE, 1) for m in messages]
            kept = set(consumer.handle(taken))
            done = [{"Id": m.id, "ReceiptHandle": m.receipt} for m in taken if m.id not in kept]
            if done:
                cloud.sqs.delete_message_batch(QueueUrl=url, Entries=done)

    # --- the account --------------------------------------------------------------------------------------

    def records(self) -> list[Execution]:
        """Every execution on record."""
        cloud = self.backend.cloud
        assert cloud is not None
        pages = cloud.dynamodb.get_paginator("scan").paginate(TableName=cloud.tables.executions, ConsistentRead=True)
        return [read_execution(item) for page in pages for item in page["Items"]]

    def tell(self) -> None:
        """Shows (with ``-s``) how the race went."""
        for owner, telemetry in self.dispatched.items():
            print(owner, "killed" if owner in self.killed else "survived", dict(telemetry.counts))  # noqa: T201
        print("workers", dict(self.worked.counts))  # noqa: T201


@contextmanager
def running(race: Race, *sides: Callable[[], Any]) -> Iterator[None]:
    """Every side on a thread of its own; they end with the block, or the test fails."""
    threads = [threading.Thread(target=side, daemon=True) for side in sides]
    try:
        for thread in threads:
            thread.start()
        yield
    finally:
        race.over.set()
        for thread in threads:
            thread.join(WITHIN_S)
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.ministack
def test_nothing_is_lost_and_nothing_is_claimed_twice(ministack_endpoint: str) -> None:
    with ministack_world(ministack_endpoint) as backend:
        race = Race(backend)
        expected = race.write()
        schedulers = (partial(race.schedule, owner, instance) for instance, owner in enumerate(("first", "second")))
        with running(race, *schedulers, *[race.work] * WORKERS):
            until(lambda: len(race.calls) >= ENTRIES or None, "a call for each entry", within_s=WITHIN_S)
            until(lambda: sum(r.state is State.SUCCEEDED for r in race.records()) >= ENTRIES, "every finish")
        records = race.records()
    race.tell()
    assert {execution for execution, _ in race.calls} == expected
    assert [call for call, count in Counter(race.calls).items() if count > 1] == []
    assert len(race.calls) == ENTRIES
    assert {record.id for record in records} == expected
    assert {(record.state, len(record.attempts)) for record in records} == {(State.SUCCEEDED, 1)}
    assert len(race.killed) == 1
    assert all(telemetry.counts["execution_dispatched"] for telemetry in race.dispatched.values())
