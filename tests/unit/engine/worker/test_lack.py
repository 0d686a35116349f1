"""A fleet of which not every worker has what a target needs: such as while it is replaced."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pytest

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, RecordingCaller, every
from tidewheel.domain.executions.decisions.facts import Lack
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.executions.timeline import Event, timeline
from tidewheel.domain.executions.transitions import redriven
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Target
from tidewheel.domain.jobs.policies import Overlap, RetryPolicy
from tidewheel.domain.limits import LEFT_MS, LEFT_RECHECK_MOST_MS, MINUTE_MS, SECOND_MS, TAKEOVER_GRACE_MS
from tidewheel.domain.wheel.entries import ExecutionEntry
from tidewheel.engine.worker.disposition import Action
from tidewheel.engine.worker.runner import Runner
from tidewheel.ports import Caller

TASK = "the task 'reports.daily'"
FIRST_MS = START_MS + 30_000


@dataclass
class WithoutTask(RecordingCaller):
    """The caller of a worker that has not imported the task."""

    def lack(self, _target: Target) -> Lack | None:
        return Lack(TASK, "none is registered")


class Fleet:
    """Workers with and without the task, over the same stores."""

    def __init__(self, **fields: object) -> None:
        self.stack = MemoryStack()
        self.stack.workers_up = False
        fields = {"retry": RetryPolicy(max_attempts=1)} | fields
        job = self.stack.create(every(60_000, FIRST_MS), **fields)
        id = str(ExecutionId(job.id, FIRST_MS))
        self.message = Dispatch(TENANT, id, 1, job.generation, FIRST_MS, recorded=False)

    @property
    def able(self) -> Runner:
        return self.stack.runner

    @property
    def without_task(self) -> Runner:
        return self._with({"http": WithoutTask(self.stack.clock)})

    @property
    def older(self) -> Runner:
        """A worker of a release that has no such kind."""
        return self._with({})

    def _with(self, callers: Mapping[str, Caller]) -> Runner:
        return replace(self.stack.runner, calls=replace(self.stack.runner.calls, callers=callers))

    @property
    def record(self) -> Execution:
        return self.stack.execution_service.get(TENANT, self.message.execution)

    @property
    def entry(self) -> ExecutionEntry:
        """What brings it back: the last one that was put on the wheel."""
        entries = [entry for slot in self.stack.world.singles for entry in self.stack.wheel.load(slot).singles.values()]
        return max((one for one in entries if isinstance(one, ExecutionEntry)), key=lambda one: one.due_ms)

    def next_message(self) -> Dispatch:
        """The message by which the wheel brings it back, once that is due."""
        entry = self.entry
        self.stack.clock.sleep_until(entry.due_ms)
        return Dispatch(TENANT, entry.execution, entry.attempt, entry.generation, entry.due_ms, recorded=True)

    def left_until_the_end(self) -> Iterator[str]:
        """Has workers without the task receive its messages until nobody brings it back."""
        message = self.message
        while (disposition := self.without_task.handle(message)).why == "waiting":
            yield self.record.reason
            message = self.next_message()
        assert disposition.why == "dead"


def test_a_worker_without_the_task_leaves_it_to_one_that_has_it() -> None:
    fleet = Fleet()
    assert fleet.without_task.handle(fleet.message).action is Action.ACK
    waiting = fleet.record
    assert (waiting.state, waiting.attempt, waiting.reason) == (State.QUEUED, 0, f"waits for a worker that has {TASK}")
    assert fleet.entry.due_ms <= fleet.stack.clock.now_ms() + 4 * SECOND_MS
    assert fleet.able.handle(fleet.next_message()).why == "succeeded"
    record = fleet.record
    assert (record.attempt, record.tries, len(record.attempts)) == (1, 1, 1)
    left = [moment for moment in timeline(record) if moment.event is Event.LEFT]
    assert [(one.at_ms, one.attempt, one.detail) for one in left] == [
        (waiting.left_ms, None, f"a worker without {TASK}")
    ]
    assert fleet.stack.telemetry.counts["execution_waiting[reason=worker]"] == 1


def test_a_kind_that_a_release_lacks_is_left_to_workers_of_another_one() -> None:
    fleet = Fleet()
    assert fleet.older.handle(fleet.message).why == "waiting"
    assert "'http'" in fleet.record.reason
    assert fleet.able.handle(fleet.next_message()).why == "succeeded"


def test_what_no_worker_has_ends_as_dead_after_a_bounded_time_without_an_attempt() -> None:
    fleet = Fleet(retry=RetryPolicy(max_attempts=3))
    reasons = set(fleet.left_until_the_end())
    assert reasons == {f"waits for a worker that has {TASK}"}
    record = fleet.record
    assert (record.state, record.attempt, record.attempts) == (State.DEAD, 0, ())
    assert record.reason == f"no worker had {TASK} for 10 minutes: none is registered"
    assert record.left_ms is not None
    assert record.finished_ms is not None
    assert LEFT_MS <= record.finished_ms - record.left_ms <= LEFT_MS + LEFT_RECHECK_MOST_MS
    assert record.failure_key  # it is listed as a dead letter, and can be redriven
    assert not fleet.stack.caller.calls


def test_its_deadline_ends_it_sooner() -> None:
    fleet = Fleet(deadline_ms=MINUTE_MS)
    message = fleet.message
    while (disposition := fleet.without_task.handle(message)).why == "waiting":
        message = fleet.next_message()
    assert (disposition.why, fleet.record.finished_ms) == ("timed_out", FIRST_MS + MINUTE_MS)


def test_each_attempt_and_each_redrive_is_left_for_as_long_again() -> None:
    fleet = Fleet(retry=RetryPolicy(max_attempts=2, base_ms=20 * MINUTE_MS))
    fleet.without_task.handle(fleet.message)
    fleet.stack.caller.answers = lambda _call: Answer(Result.FAILED, 500, "", "HTTP 500")
    assert fleet.able.handle(fleet.next_message()).why == "retrying"
    fleet.message = fleet.next_message()  # 20 minutes later: longer than an execution is left to others
    assert len(list(fleet.left_until_the_end())) > 1
    record = fleet.record
    assert (record.state, record.attempt) == (State.DEAD, 1)
    fleet.stack.clock.sleep(MINUTE_MS)
    assert fleet.stack.executions.swap(redriven(record, fleet.stack.clock.now_ms()), record.version) is None
    fleet.message = replace(fleet.message, attempt=2)
    assert len(list(fleet.left_until_the_end())) > 1


@pytest.mark.parametrize("overlap", [Overlap.ALLOW, Overlap.SKIP])
def test_an_attempt_whose_worker_vanished_is_left_too(overlap: Overlap) -> None:
    fleet = Fleet(retry=RetryPolicy(max_attempts=2), overlap=overlap)
    stack = fleet.stack

    def dies(_call: object) -> Answer:
        raise KeyboardInterrupt

    stack.caller.answers = dies
    with pytest.raises(KeyboardInterrupt):
        fleet.able.handle(fleet.message)
    stack.clock.sleep_until(fleet.record.lease_until_ms + TAKEOVER_GRACE_MS + 1)
    assert fleet.without_task.handle(fleet.message).why == "waiting"
    assert fleet.record.state is State.RUNNING  # whoever takes it over records the lost attempt
    list(fleet.left_until_the_end())
    record = fleet.record
    assert (record.state, record.attempt, record.attempts[-1].result) == (State.DEAD, 1, Result.WORKER_LOST)
