"""The real scheduler and worker on virtual time over a cloud whose every call is billed."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

from tests.support.billing import Bill
from tests.support.calls import a_lease_renewer, an_admission
from tests.support.ends import ends_of
from tests.support.runners import a_runner
from tests.support.world import Backend
from tests.support.world_examples import TENANT, a_job, schedule_entry
from tidewheel.adapters.memory import CountedEntropy, InlineExecutor, RecordingTelemetry, SettableClock
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import OUTPUT_BYTES
from tidewheel.domain.wheel.entries import Placed
from tidewheel.domain.wheel.levels import place
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.ends.handler import EndHandler
from tidewheel.engine.scheduler.context import Stores
from tidewheel.engine.scheduler.loop import SchedulerLoop
from tidewheel.engine.worker.disposition import Action
from tidewheel.ports import Call, Queue
from tidewheel.wire.message import load

_HAND_OVER_MS = 6_000


class Target:
    """A target that answers as much as is kept of an answer."""

    def call(self, call: Call) -> Answer:
        return Answer(Result.SUCCEEDED, 200, "x" * OUTPUT_BYTES)


class NoLauncher:
    def launch(self, instance: int) -> None:
        """Nobody else is needed."""


class _Pumped(SettableClock):
    """Time that lets the workers work after each step."""

    def __init__(self, now_ms: int, pump: Any) -> None:
        super().__init__(now_ms)
        self._pump = pump

    def sleep_until(self, instant_ms: int) -> None:
        super().sleep_until(instant_ms)
        self._pump()


class Bench:
    """One scheduler, and one worker.

    Args:
        backend: Where everything is kept.
        bill: Counts what the backend's clients do; empty where they are not watched.
        start_ms: When time begins.
        queue: Another queue than the backend's, which nobody works on.
        shards: How many there are.
    """

    def __init__(
        self, backend: Backend, bill: Bill, start_ms: int, queue: Queue | None = None, shards: int = 1
    ) -> None:
        self.backend = backend
        self.bill = bill
        self.clock = _Pumped(start_ms, self._pump)
        self.telemetry = RecordingTelemetry()
        self._queue = queue
        self.shards = shards
        self.layouts = LayoutCache(backend.layouts, self.clock, shards)
        self._window = (0, 0)
        self._sent = 0
        self._before = 0
        self.fires = 0
        self.account = bill
        self.at_window: Callable[[], None] = lambda: None

    def create(self, jobs: Sequence[Job]) -> None:
        """Defines jobs, each with its first entry on the wheel."""
        now = self.clock.now_ms()
        for job in jobs:
            nominal = job.next_nominal(now)
            assert nominal is not None
            slot = place(job.due(nominal), now, self.layouts.shard_of(TENANT, job.id))
            assert self.backend.jobs.create(job, Placed(slot, schedule_entry(job, nominal)), None)

    def turn(self, from_ms: int, to_ms: int) -> Bill:
        """Turns the wheel until after ``to_ms``; the answer is the bill of what lies between."""
        self._window = from_ms, to_ms
        scheduler_loop = SchedulerLoop(
            self._stores(),
            self._queue or self.backend.queue,
            NoLauncher(),
            self.clock,
            self.telemetry,
            InlineExecutor(),
            layouts=self.layouts,
            ends=self._ends(),
            owner="bench",
            version="v1",
        )
        scheduler_loop.run(lambda: to_ms + 1_000 - self.clock.now_ms() + _HAND_OVER_MS)
        assert not self.telemetry.errors
        return self.account

    def _ends(self) -> EndHandler:
        one = self.backend
        return ends_of(
            one.executions, one.locks, one.wheel, one.queue, self.layouts, self.clock, self.telemetry, one.jobs
        )

    def _stores(self) -> Stores:
        one = self.backend
        return Stores(one.wheel, one.jobs, one.executions, one.leases, one.ownership, one.health)

    def _pump(self) -> None:
        now, (begin, end) = self.clock.now_ms(), self._window
        if now == begin:
            self.bill.clear()
            self.at_window()
            self._before = self.telemetry.counts["execution_dispatched"]
        if now == end:
            self.account = copy.deepcopy(self.bill)
            self.at_window()
            self.fires = self.telemetry.counts["execution_dispatched"] - self._before
        if self._queue is None and self.telemetry.counts["execution_dispatched"] > self._sent:
            self._sent = self.telemetry.counts["execution_dispatched"]
            self._work()

    def _work(self) -> None:
        """Takes messages until none are left, as a worker that answers at once."""
        cloud = self.backend.cloud
        assert cloud is not None
        runner = a_runner(
            jobs=self.backend.jobs,
            executions=self.backend.executions,
            wheel=self.backend.wheel,
            queue=self.backend.queue,
            callers={"http": Target()},
            clock=SettableClock(self.clock.now_ms()),
            entropy=CountedEntropy(),
            telemetry=self.telemetry,
            layouts=self.layouts,
            locks=self.backend.locks,
            lease_renewer=a_lease_renewer(self.backend.executions, self.clock, self.telemetry),
            admission=an_admission(self.clock, self.telemetry, self.backend.circuits),
        )
        for url in cloud.urls.values():
            while messages := cloud.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
                for message in messages:
                    assert runner.handle(load(message["Body"])).action is Action.ACK
                entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(messages)]
                cloud.sqs.delete_message_batch(QueueUrl=url, Entries=entries)


def minutely(count: int, **changes: Any) -> list[Job]:
    """Jobs that all fire on the minute."""
    return [a_job(number, **changes) for number in range(count)]
