"""The one door for what follows an execution's end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from tests.support.memory_stack import START_MS, TENANT, MemoryStack
from tests.support.overlap_bench import STEP_MS, Bench
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.overlap import Lock
from tidewheel.domain.executions.states import State, is_end
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.jobs.policies import Overlap
from tidewheel.domain.limits import MAX_RETURNS
from tidewheel.engine.ends.ended import ExecutionEnded
from tidewheel.engine.ends.handler import EndHandler
from tidewheel.engine.recovery.dead_letter_handler import DeadLetter
from tidewheel.wire.message import dump


@dataclass
class Recorder:
    """A follower that records the ends that it is handed.

    Args:
        done: What it answers.
    """

    done: bool = True
    ends: list[ExecutionEnded] = field(default_factory=list)

    def follow(self, ended: ExecutionEnded) -> bool:
        self.ends.append(ended)
        return self.done


def handler(stack: MemoryStack, *followers: Recorder) -> EndHandler:
    return replace(stack.ends, followers=followers)


def record(job: Job, state: State, number: int = 0) -> Execution:
    due_ms = START_MS + number * STEP_MS
    return Execution(TENANT, str(ExecutionId(job.id, due_ms)), state, due_ms, 1)


@pytest.mark.parametrize("answers", [(True, True), (False, True), (True, False), (False, False)])
def test_every_follower_is_handed_an_end_even_if_one_is_not_done(answers: tuple[bool, bool]) -> None:
    bench = Bench(Overlap.ALLOW)
    followers = [Recorder(done) for done in answers]
    ended = ExecutionEnded(record(bench.job, State.SUCCEEDED), bench.job)
    assert handler(bench.stack, *followers).handle(ended) is all(answers)
    assert [follower.ends for follower in followers] == [[ended], [ended]]


@pytest.mark.parametrize("state", [state for state in State if is_end(state)])
def test_an_end_is_followed_each_time_that_it_is_settled(state: State) -> None:
    bench, follower = Bench(Overlap.ALLOW), Recorder()
    ended = record(bench.job, state)
    ends = handler(bench.stack, follower)
    assert [ends.settle(ended, bench.job), ends.settle(ended, None)] == [True, True]
    assert follower.ends == [ExecutionEnded(ended, bench.job, again=True), ExecutionEnded(ended, None, again=True)]


def test_an_end_that_was_just_written_is_told_from_one_that_was_found() -> None:
    bench, follower = Bench(Overlap.ALLOW), Recorder()
    ended = record(bench.job, State.SUCCEEDED)
    assert handler(bench.stack, follower).settle(ended, bench.job, again=False)
    assert follower.ends == [ExecutionEnded(ended, bench.job)]


def test_an_end_whose_follower_is_not_done_must_be_settled_again() -> None:
    bench = Bench(Overlap.ALLOW)
    assert not handler(bench.stack, Recorder(done=False)).settle(record(bench.job, State.DEAD), bench.job)


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.RETRYING])
@pytest.mark.parametrize("overlap", list(Overlap))
def test_nothing_follows_from_a_record_that_has_not_ended(state: State, overlap: Overlap) -> None:
    bench, follower = Bench(overlap), Recorder(done=False)
    assert handler(bench.stack, follower).settle(record(bench.job, state), bench.job)
    assert follower.ends == []


def test_nothing_follows_where_there_is_no_record() -> None:
    bench, follower = Bench(Overlap.REPLACE), Recorder(done=False)
    assert handler(bench.stack, follower).settle(None, bench.job)
    assert follower.ends == []


# --- an execution that waits for its retry and has to make way for a newer one ---------------------------------


@pytest.fixture
def replaced() -> Bench:
    """The first run waits for its retry and holds the lock; the second one, which replaces it, waits for the lock."""
    bench = Bench(Overlap.REPLACE)
    world, holder, waiter = bench.stack.world, record(bench.job, State.RETRYING), record(bench.job, State.QUEUED, 1)
    world.executions |= {(TENANT, holder.id): holder, (TENANT, waiter.id): waiter}
    world.locks[TENANT, bench.job.id] = Lock(TENANT, bench.job.id, holder.id, waiter.id, 1, START_MS)
    return bench


def test_it_ends_and_that_is_followed(replaced: Bench) -> None:
    follower = Recorder()
    assert handler(replaced.stack, follower).settle(replaced.record(0), replaced.job)
    assert replaced.state(0) == (State.CANCELLED, f"replaced by {replaced.id(1)}")
    assert follower.ends == [ExecutionEnded(replaced.record(0), replaced.job, again=True)]


def test_a_lost_write_answers_repeat_and_nothing_follows(replaced: Bench) -> None:
    follower, read = Recorder(), replaced.record(0)
    started = replace(read, state=State.RUNNING, attempt=1, version=read.version + 1)
    replaced.stack.world.executions[TENANT, read.id] = started
    assert not handler(replaced.stack, follower).settle(read, replaced.job)
    assert follower.ends == []
    assert replaced.record(0) == started


def test_it_stays_if_its_job_was_deleted(replaced: Bench) -> None:
    follower = Recorder()
    assert handler(replaced.stack, follower).settle(replaced.record(0), None)
    assert (replaced.record(0).state, follower.ends) == (State.RETRYING, [])


# --- who comes through the door ---------------------------------------------------------------------------------


def test_run_cancel_and_dead_letter_handler_come_through_the_same_door() -> None:
    bench, follower = Bench(Overlap.ALLOW), Recorder()
    stack = bench.stack

    def heard(ends: EndHandler) -> EndHandler:
        return replace(ends, followers=(*ends.followers, follower))

    runner, cancel, dead_letters = stack.runner, stack.cancel, stack.dead_letter_handler
    replace(runner, ends=heard(runner.ends)).handle(bench.message(0))
    replace(cancel, ends=heard(cancel.ends)).run(TENANT, bench.id(1))
    given_up = replace(bench.message(2), returns=MAX_RETURNS)
    replace(dead_letters, ends=heard(dead_letters.ends)).handle([DeadLetter("m", dump(given_up))])
    assert [ended.record.state for ended in follower.ends] == [State.SUCCEEDED, State.CANCELLED, State.DEAD]
    assert follower.ends == [ExecutionEnded(bench.record(number), bench.job, again=number > 0) for number in range(3)]
