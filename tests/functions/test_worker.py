"""The worker's handler: which messages of a batch come back, and when."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from functions.worker import handler as worker
from tests.support.calls import a_lease_renewer, an_admission
from tests.support.run_settings import WORKER_ENVIRONMENT
from tests.support.runners import a_runner
from tests.support.world_examples import NOW_MS, TENANT, a_job, execution
from tidewheel.adapters.memory import (
    CountedEntropy,
    MemoryControl,
    MemoryExecutions,
    MemoryJobs,
    MemoryLocks,
    MemoryQueue,
    MemoryWheel,
    RecordingTelemetry,
    SettableClock,
    World,
)
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.executions.transitions import claimed
from tidewheel.domain.jobs.job import JobState
from tidewheel.domain.limits import TAKEOVER_GRACE_MS
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.worker import consumer as batch
from tidewheel.engine.worker.consumer import Consumer
from tidewheel.engine.worker.lease_renewer import HIDDEN_MS
from tidewheel.names import Env
from tidewheel.ports import Call, PortError
from tidewheel.settings import SettingsError
from tidewheel.wire.message import load

EVENTS = Path(__file__).parent / "events"
QUEUES = {f"lambda-{priority}": f"https://sqs/1/tidewheel-lambda-{priority}" for priority in ("normal", "critical")}
ENVIRONMENT = {**WORKER_ENVIRONMENT, Env.QUEUES: json.dumps(QUEUES), Env.SHARDS: "4"}
CALLERS = 10


def recorded(name: str) -> dict[str, Any]:
    return json.loads((EVENTS / f"{name}.json").read_text())


class Recorder:
    """A queue that keeps what is to come back later, and a target that keeps who called."""

    def __init__(self) -> None:
        self.retried_later: list[tuple[str, str, int]] = []
        self.hidden: list[tuple[str, list[str], int]] = []
        self.deleted: list[tuple[str, list[str]]] = []
        self.some_deleted = threading.Event()
        self.calls: list[str] = []
        self.answer: Callable[[Call], Answer] = lambda _: Answer(Result.SUCCEEDED, 200, "ok")
        self.refuses = False
        self.flushed = 0

    def retry_later(self, route: Any, receipt: str, delay_ms: int) -> None:
        if self.refuses:
            raise PortError("queue.retry_later", str(route), "no")
        self.retried_later.append((str(route), receipt, delay_ms))

    def hide(self, route: Any, receipts: Any, duration_ms: int) -> None:
        if self.refuses:
            raise PortError("queue.hide", str(route), "no")
        self.hidden.append((str(route), list(receipts), duration_ms))

    def delete(self, route: Any, receipts: Any) -> None:
        if self.refuses:
            raise PortError("queue.delete", str(route), "no")
        self.deleted.append((str(route), sorted(receipts)))
        self.some_deleted.set()

    def send(self, route: Any, dispatches: Any, delays_s: Any = ()) -> list[bool]:
        raise AssertionError("a worker sends nothing")

    def call(self, call: Call) -> Answer:
        self.calls.append(call.execution)
        return self.answer(call)


class Counting(RecordingTelemetry):
    def __init__(self, seen: Recorder) -> None:
        super().__init__()
        self.seen = seen

    def flush(self) -> None:
        self.seen.flushed += 1


@pytest.fixture
def seen() -> Recorder:
    return Recorder()


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, seen: Recorder) -> Iterator[World]:
    """The handler over memory, with a job for every message of the recorded events."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    world, telemetry, clock = World(), Counting(seen), SettableClock(NOW_MS)
    executions = MemoryExecutions(world)
    runner = a_runner(
        jobs=MemoryJobs(world),
        executions=executions,
        wheel=MemoryWheel(world),
        queue=MemoryQueue(clock),
        callers={"http": seen},
        clock=clock,
        entropy=CountedEntropy(),
        telemetry=telemetry,
        layouts=LayoutCache(MemoryControl(), clock, 4),
        locks=MemoryLocks(world),
        lease_renewer=a_lease_renewer(executions, clock, telemetry),
        admission=an_admission(clock, telemetry),
    )
    for number in range(1, CALLERS + 1):
        runner.reader.jobs.create(a_job(number), None, None)
    made = Consumer(runner, seen, telemetry, load)
    worker._settings.cache_clear()
    monkeypatch.setattr(worker, "_consumer", lambda: made)
    yield world
    worker._settings.cache_clear()
    made._threads.shutdown()


def receipts(event: dict[str, Any]) -> list[str]:
    return [record["receiptHandle"] for record in event["Records"]]


def failures(answer: dict[str, list[dict[str, str]]]) -> list[str]:
    return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]


def test_a_batch_that_succeeds_is_deleted(world: World, seen: Recorder) -> None:
    assert worker.handler(recorded("sqs_batch"), None) == {"batchItemFailures": []}
    assert sorted(seen.calls) == [execution(a_job(number)).id for number in (1, 2, 3)]
    assert {record.state for record in world.executions.values()} == {State.SUCCEEDED}
    assert seen.retried_later == []
    assert seen.flushed == 1


def test_a_poison_message_comes_back_by_itself(world: World, seen: Recorder) -> None:
    event = recorded("sqs_poison")
    poison = event["Records"][1]
    assert failures(worker.handler(event, None)) == [poison["messageId"]]
    assert sorted(seen.calls) == [execution(a_job(number)).id for number in (1, 3)]
    assert seen.retried_later == [("lambda-normal", poison["receiptHandle"], 16_000)]  # it came for the third time
    assert seen.flushed == 1


def test_an_unexpected_fault_harms_no_neighbour(world: World, seen: Recorder) -> None:
    bad = execution(a_job(2)).id

    def answer(call: Call) -> Answer:
        if call.execution == bad:
            raise ZeroDivisionError
        return Answer(Result.SUCCEEDED)

    seen.answer = answer
    event = recorded("sqs_batch")
    assert failures(worker.handler(event, None)) == [event["Records"][1]["messageId"]]
    assert world.executions[TENANT, execution(a_job(3)).id].state is State.SUCCEEDED


def test_a_batch_is_its_workers_own_for_as_long_as_a_lease_by_one_request(world: World, seen: Recorder) -> None:
    event = recorded("sqs_batch")
    worker.handler(event, None)
    assert seen.hidden == [("lambda-normal", receipts(event), HIDDEN_MS)]
    assert seen.deleted == []  # Lambda does that


def test_what_is_over_before_its_neighbour_is_deleted_meanwhile(
    world: World, seen: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first message's call returns only once the others are deleted."""
    monkeypatch.setattr(batch, "_NEIGHBOURS_S", 0.01)
    event, slow = recorded("sqs_batch"), execution(a_job(1)).id

    def answer(call: Call) -> Answer:
        if call.execution == slow:
            while len([one for _, several in seen.deleted for one in several]) < 2:
                assert seen.some_deleted.wait(20)
                seen.some_deleted.clear()
        return Answer(Result.SUCCEEDED)

    seen.answer = answer
    assert worker.handler(event, None) == {"batchItemFailures": []}
    assert sorted(one for _, several in seen.deleted for one in several) == sorted(receipts(event)[1:])


def test_a_batch_that_cannot_be_hidden_runs_all_the_same(world: World, seen: Recorder) -> None:
    seen.refuses = True
    assert worker.handler(recorded("sqs_batch"), None) == {"batchItemFailures": []}
    assert len(seen.calls) == 3


def test_a_failed_attempt_is_over_for_its_message(world: World, seen: Recorder) -> None:
    """The wheel brings the retry."""
    seen.answer = lambda _: Answer(Result.FAILED, 503, reason="HTTP 503")
    assert worker.handler(recorded("sqs_batch"), None) == {"batchItemFailures": []}
    assert {record.state for record in world.executions.values()} == {State.RETRYING}
    assert sum(map(len, world.singles.values())) == 3


def test_what_another_worker_holds_comes_back_when_its_lease_has_ended(world: World, seen: Recorder) -> None:
    held = claimed(execution(a_job(2)), 1, "another", NOW_MS, received_ms=NOW_MS)
    world.executions[TENANT, held.id] = held
    event = recorded("sqs_batch")
    assert failures(worker.handler(event, None)) == [event["Records"][1]["messageId"]]
    rest = held.lease_until_ms + TAKEOVER_GRACE_MS - NOW_MS
    assert seen.retried_later == [("lambda-normal", receipts(event)[1], rest)]


def test_a_message_whose_visibility_cannot_be_changed_comes_back_all_the_same(world: World, seen: Recorder) -> None:
    seen.refuses = True
    event = recorded("sqs_poison")
    assert failures(worker.handler(event, None)) == [event["Records"][1]["messageId"]]


def test_a_paused_jobs_message_is_dropped(world: World, seen: Recorder) -> None:
    job = a_job(2)
    MemoryJobs(world).replace(job.edited(job.definition, JobState.PAUSED, NOW_MS), job, None)
    assert worker.handler(recorded("sqs_batch"), None) == {"batchItemFailures": []}
    assert execution(job).id not in seen.calls


def test_ten_messages_run_side_by_side(world: World, seen: Recorder) -> None:
    """None of the calls returns before all have started."""
    together = threading.Barrier(CALLERS, timeout=20)

    def answer(_: Call) -> Answer:
        together.wait()
        return Answer(Result.SUCCEEDED)

    seen.answer = answer
    assert worker.handler(recorded("sqs_ten"), None) == {"batchItemFailures": []}
    assert {record.state for record in world.executions.values()} == {State.SUCCEEDED}


def test_the_route_is_that_of_the_queue(world: World, seen: Recorder) -> None:
    event = recorded("sqs_poison")
    for record in event["Records"]:
        record["eventSourceARN"] = record["eventSourceARN"].replace("normal", "critical")
    worker.handler(event, None)
    assert [route for route, _, _ in seen.retried_later] == ["lambda-critical"]


@pytest.mark.parametrize("missing", ENVIRONMENT)
def test_a_missing_setting_is_named(monkeypatch: pytest.MonkeyPatch, missing: Env) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv(missing)
    worker._settings.cache_clear()
    with pytest.raises(SettingsError, match=missing):
        worker.handler(recorded("sqs_batch"), None)


def test_the_real_wiring_reaches_nobody_before_the_first_message(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    worker._settings.cache_clear()
    worker._consumer.cache_clear()
    made = worker._consumer()
    assert worker._consumer() is made
    assert {"http", "lambda"} <= set(made.runner.calls.callers)
    assert {str(route): url for route, url in made.queue.urls.items()} == QUEUES
    made.runner.calls.callers["http"].close()
    worker._consumer.cache_clear()
    worker._settings.cache_clear()
