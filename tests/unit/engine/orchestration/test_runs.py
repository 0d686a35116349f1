"""Runs of workflows, played in memory: what runs in which order, what a failure leaves out, how a run ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.support.memory_stack import TENANT
from tests.support.run_bench import RunBench, name_of
from tests.support.workflows import a_step, a_workflow
from tidewheel.adapters.memory import MemoryExecutions
from tidewheel.domain.errors import Conflict, Invalid
from tidewheel.domain.executions.execution import Answer, Execution
from tidewheel.domain.executions.states import Result, State
from tidewheel.domain.executions.transitions import cancel_requested, claimed, finished
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.policies import Overlap, RetryPolicy
from tidewheel.domain.workflows.definition import FailurePolicy
from tidewheel.domain.workflows.params import Param
from tidewheel.domain.workflows.rules import Rule
from tidewheel.domain.workflows.runs.limits import STEP_OUTPUT_BYTES
from tidewheel.ports import Call, PortError


@pytest.fixture
def bench() -> RunBench:
    return RunBench()


def failing(*names: str) -> Callable[[Call], Answer]:
    """Answers of a target that refuses some steps for good."""

    def answer(call: Call) -> Answer:
        if name_of(call) in names:
            return Answer(Result.FAILED, 404, "", "HTTP 404", retryable=False)
        return Answer(Result.SUCCEEDED, 200, json.dumps({"from": name_of(call)}))

    return answer


DIAMOND = (a_step("a"), a_step("b", "a"), a_step("c", "a"), a_step("d", "b", "c"))


def test_a_chain_runs_in_its_order(bench: RunBench) -> None:
    steps = [a_step(f"s{n}", *([f"s{n - 1}"] if n else [])) for n in range(10)]
    run = bench.start(a_workflow(*steps))
    bench.play()
    assert bench.called == [f"s{n}" for n in range(10)]
    assert bench.run(run).state is State.SUCCEEDED
    assert not bench.stack.telemetry.errors


def test_a_diamond_joins_once(bench: RunBench) -> None:
    run = bench.start(a_workflow(*DIAMOND))
    bench.play()
    assert sorted(bench.called) == ["a", "b", "c", "d"]
    assert (bench.called[0], bench.called[-1]) == ("a", "d")
    assert bench.run(run).state is State.SUCCEEDED


def test_what_does_not_run_has_no_record(bench: RunBench) -> None:
    bench.stack.caller.answers = failing("b")
    run = bench.start(a_workflow(*DIAMOND, a_step("tell", "d", rule=Rule.ONE_FAILED)))
    bench.play()
    assert bench.states(run) == {
        "a": State.SUCCEEDED,
        "b": State.FAILED,
        "c": State.SUCCEEDED,
        "tell": State.SUCCEEDED,
    }
    assert bench.run(run).state is State.SUCCEEDED  # its last step did what it is for


def test_a_failure_ends_a_run_that_is_to_fail_fast(bench: RunBench) -> None:
    bench.stack.caller.answers = failing("b")
    steps = (*DIAMOND, a_step("e", "c"), a_step("tidy", "b", rule=Rule.ALL_DONE))
    run = bench.start(a_workflow(*steps, failure=FailurePolicy.FAIL_FAST))
    bench.play()
    assert bench.run(run).state is State.FAILED
    assert bench.run(run).reason.startswith("failed: b")
    assert "tidy" in bench.called
    assert "e" not in bench.called or bench.called.index("e") < bench.called.index("tidy")


def test_outputs_reach_the_steps_behind(bench: RunBench) -> None:
    bench.stack.caller.answers = failing()
    told = a_step("b", "a", spec={"body": {"seen": "$.steps.a.output.from", "day": "$.run.params.day"}})
    workflow = replace(a_workflow(a_step("a"), told), params={"day": Param(required=True)})
    run = bench.start(workflow, {"day": "monday"})
    bench.play()
    assert bench.run(run).state is State.SUCCEEDED
    assert bench.stack.caller.calls[1][1].target.spec["body"] == {"seen": "a", "day": "monday"}


def test_a_path_that_leads_nowhere_ends_its_step_and_says_where(bench: RunBench) -> None:
    bench.stack.caller.answers = failing()
    run = bench.start(a_workflow(a_step("a"), a_step("b", "a", spec={"body": "$.steps.a.output.none"})))
    bench.play()
    found = bench.record(run, "b")
    assert found is not None
    assert found.state is State.DEAD
    assert "there is no field 'none'" in found.reason
    assert bench.run(run).state is State.FAILED


def test_an_output_that_was_cut_is_not_used(bench: RunBench) -> None:
    bench.stack.caller.answers = lambda _call: Answer(Result.SUCCEEDED, 200, '"' + "x" * (STEP_OUTPUT_BYTES - 1))
    run = bench.start(a_workflow(a_step("a"), a_step("b", "a", spec={"body": "$.steps.a.output"})))
    bench.play()
    found = bench.record(run, "b")
    assert found is not None
    assert "was not kept whole" in found.reason


def test_a_workflow_that_is_not_there_ends_the_run(bench: RunBench) -> None:
    bench.stack.workflows.put(a_workflow(a_step("a")))
    run = bench.start(a_workflow(a_step("a")))
    bench.stack.workflows.newest.clear()
    bench.play()
    assert bench.run(run).state is State.DEAD
    assert bench.run(run).reason == "there is no workflow flow"


def test_parameters_that_do_not_fit_end_the_run(bench: RunBench) -> None:
    workflow = replace(a_workflow(a_step("a")), params={"day": Param(required=True)})
    run = bench.start(workflow)
    bench.play()
    assert bench.run(run).state is State.DEAD
    assert "params.day: is missing" in bench.run(run).reason


def test_a_retry_comes_by_the_wheel(bench: RunBench) -> None:
    answers = iter([Answer(Result.FAILED, 500), Answer(Result.SUCCEEDED, 200, "1")])
    bench.stack.caller.answers = lambda _call: next(answers)
    run = bench.start(a_workflow(a_step("a", retry=RetryPolicy(2, base_ms=3_000))))
    bench.play()
    assert bench.states(run) == {"a": State.RETRYING}
    bench.stack.turn_for(15_000)
    bench.play()
    assert bench.run(run).state is State.SUCCEEDED
    assert [call.attempt for _, call in bench.stack.caller.calls] == [1, 2]


def test_a_run_is_paused_and_resumed(bench: RunBench) -> None:
    director = bench.stack.run_director
    run = bench.start(a_workflow(*DIAMOND))
    bench.stack.pump()  # begins; the message of its first step is on its way
    director.pause(TENANT, run)
    bench.play()
    assert bench.called == []
    director.resume(TENANT, run)
    bench.play(20_000)
    assert bench.run(run).state is State.SUCCEEDED
    assert sorted(bench.called) == ["a", "b", "c", "d"]


def test_a_cancel_ends_what_has_not_begun(bench: RunBench) -> None:
    run = bench.start(a_workflow(*DIAMOND))
    bench.stack.pump()
    bench.stack.run_director.cancel(TENANT, run, "someone cancelled it")
    bench.play(20_000)
    assert bench.called == []
    assert (bench.run(run).state, bench.run(run).reason) == (State.CANCELLED, "someone cancelled it")
    with pytest.raises(Conflict, match="it has ended as cancelled"):
        bench.stack.run_director.pause(TENANT, run)


def test_a_resume_runs_what_failed_and_what_was_not_reached(bench: RunBench) -> None:
    bench.stack.caller.answers = failing("b")
    run = bench.start(a_workflow(*DIAMOND))
    bench.play()
    assert bench.run(run).state is State.FAILED
    bench.stack.caller.answers = failing()
    bench.stack.run_director.resume(TENANT, run)
    bench.play(20_000)
    assert bench.run(run).state is State.SUCCEEDED
    assert sorted(bench.called[3:]) == ["b", "d"]


def test_a_clear_runs_a_step_and_all_behind_it_under_another_key(bench: RunBench) -> None:
    run = bench.start(a_workflow(*DIAMOND))
    bench.play()
    bench.stack.run_director.clear(TENANT, run, ["b"])
    bench.play(20_000)
    assert bench.run(run).state is State.SUCCEEDED
    assert sorted(bench.called[4:]) == ["b", "d"]
    keys = [call.execution for _, call in bench.stack.caller.calls if name_of(call) == "b"]
    assert keys[1] == f"{keys[0]}-2"
    with pytest.raises(Invalid, match="no step 'none'"):
        bench.stack.run_director.clear(TENANT, run, ["none"])


def test_what_a_pass_ended_is_found_again_by_who_repeats_it(bench: RunBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker dies after it has ended a step that a stop kept from beginning, before it looked behind that."""
    steps = [a_step("a"), a_step("b", "a"), a_step("c", "b", rule=Rule.ALL_DONE)]
    run = bench.start(a_workflow(*steps))
    bench.stack.pump()
    stack, opened = bench.stack, bench.run(run)
    stack.executions.swap(cancel_requested(opened, "enough", stack.clock.now_ms()), opened.version)
    blank = Execution(TENANT, ExecutionId.parse(run).of_node(0), State.QUEUED, opened.due_ms, 1, version=0)
    ended = claimed(blank, 1, "w", opened.due_ms, received_ms=opened.due_ms)
    ended = finished(ended, State.SUCCEEDED, Answer(Result.SUCCEEDED), opened.due_ms, opened.due_ms)
    stack.executions.swap(replace(ended, version=1), None)
    swap = MemoryExecutions.swap

    def dying(self: MemoryExecutions, new: Execution, expected: int | None) -> Execution | None:
        if new.node == 2:
            raise PortError("executions.swap", new.id, "killed")
        return swap(self, new, expected)

    monkeypatch.setattr(MemoryExecutions, "swap", dying)
    with pytest.raises(PortError):
        stack.ends.settle(ended, None, again=False)
    monkeypatch.setattr(MemoryExecutions, "swap", swap)
    assert bench.states(run) == {"a": State.SUCCEEDED, "b": State.CANCELLED}
    assert stack.ends.settle(ended, None, again=False)
    assert not bench.is_over(run)  # nothing tells it to look behind the record of another step
    assert stack.ends.settle(ended, None)
    assert bench.run(run).state is State.CANCELLED


def test_a_run_that_takes_too_long_ends(bench: RunBench) -> None:
    run = bench.start(a_workflow(*DIAMOND), deadline_ms=60_000)
    bench.stack.pump()
    bench.stack.run_director.pause(TENANT, run)
    bench.play()
    bench.stack.turn_for(90_000)
    bench.play()
    assert (bench.run(run).state, bench.run(run).reason) == (State.TIMED_OUT, "its deadline passed")


def test_runs_of_one_job_do_not_overlap_if_it_says_so(bench: RunBench) -> None:
    first = bench.start(a_workflow(*DIAMOND), overlap=Overlap.SKIP)
    bench.stack.pump()
    second = bench.stack.execution_service.run(TENANT, bench.run(first).job)
    bench.play()
    assert bench.run(first).state is State.SUCCEEDED
    assert bench.run(second.id).state is State.SKIPPED
    third = bench.stack.execution_service.run(TENANT, bench.run(first).job)
    bench.play()
    assert bench.run(third.id).state is State.SUCCEEDED
