"""Overlap under faults: whichever worker dies or is held up at whichever step, no two runs stand side by side."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.memory_stack import TENANT
from tests.support.overlap_bench import (
    FAILED,
    GUARDED,
    LONG_MS,
    OK,
    RUNS,
    STEP_MS,
    Act,
    Bench,
    Deliveries,
    Killed,
    Plan,
    StepTap,
    number_of,
)
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import State, is_end
from tidewheel.domain.jobs.policies import Overlap
from tidewheel.ports import Call


def sound(bench: Bench) -> None:
    """Once all is settled: nothing stands still, everything has its account, nobody has the lock."""
    world = bench.stack.world
    records = list(world.executions.values())
    assert [record.id for record in records if not is_end(record.state)] == []
    assert {record.id for record in records} == {bench.id(number) for number in range(RUNS)}
    assert all(record.reason for record in records if record.state in {State.SKIPPED, State.CANCELLED})
    assert set(bench.called) <= {number_of(record) for record in records if record.attempts}
    assert world.locks[TENANT, bench.job.id].holder == ""


def failing_first(call: Call) -> Answer:
    """Each second run fails at first, and so is not over when the next is due."""
    return FAILED if call.attempt == 1 and (call.nominal_ms // STEP_MS) % 2 else OK


def alone(bench: Bench, call: Call) -> Answer:
    """What is called is the only run of its job that has begun and is not over."""
    records = bench.stack.world.executions.values()
    assert [one.id for one in records if one.state in {State.RUNNING, State.RETRYING}] == [call.execution]
    return failing_first(call)


def played(policy: Overlap, plan: Plan) -> int:
    """One passage in which things happen between the workers' steps; the answer is how many there were."""
    bench = Bench(policy, timeout_ms=LONG_MS)
    bench.stack.caller.answers = lambda call: alone(bench, call)
    deliveries = Deliveries(bench)
    tap = StepTap(deliveries, plan)
    deliveries.settle()
    sound(bench)
    return tap.steps


def die(_deliveries: Deliveries) -> None:
    raise Killed


def deliver_two(deliveries: Deliveries) -> None:
    deliveries.deliver()
    deliveries.deliver()


ACTS: dict[str, Act] = {"it dies": die, "another message is handled": Deliveries.deliver, "two others are": deliver_two}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("policy", GUARDED)
def test_whatever_happens_at_any_step_of_a_worker(policy: Overlap, act: str) -> None:
    for at in itertools.count(1):
        steps = [played(policy, {at: (ACTS[act], after)}) for after in (False, True)]
        if max(steps) < at:
            break
    assert at > 20


@given(
    st.sampled_from(GUARDED),
    st.dictionaries(st.integers(1, 100), st.tuples(st.sampled_from(list(ACTS.values())), st.booleans()), max_size=8),
)
def test_whatever_happens_at_several_steps(policy: Overlap, plan: dict[int, tuple[Act, bool]]) -> None:
    played(policy, plan)
