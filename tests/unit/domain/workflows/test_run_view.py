"""What follows from the records of a run's steps, under clears, stops and partial reading."""

from __future__ import annotations

import pytest

from tests.support.memory_stack import START_MS, TENANT
from tests.support.workflows import a_step, a_workflow
from tidewheel.domain.errors import Conflict
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.workflows.graph import Graph
from tidewheel.domain.workflows.rules import Rule
from tidewheel.domain.workflows.runs.control import RunControl, RunStop
from tidewheel.domain.workflows.runs.limits import MAX_CLEARS
from tidewheel.domain.workflows.runs.view import NodeState, OutdatedControl, RunView, is_stopped

RUN = ExecutionId("j0000000000000001", START_MS)
CONTROL = RunControl("flow", "d" * 64)
DIAMOND = a_workflow(a_step("a"), a_step("b", "a"), a_step("c", "a"), a_step("d", "b", "c")).graph()


def record(node: int, state: State, generation: int = 1, output: str = "") -> Execution:
    return Execution(TENANT, RUN.of_node(node), state, START_MS, generation, attempt=1, output=output)


def states(graph: Graph, control: RunControl, *records: Execution) -> str:
    """The states of all steps, in the order of their names, by their first letters; R for ready, I for started."""
    marks = {NodeState.READY: "R", NodeState.STARTED: "I", NodeState.UNDECIDED: "?", NodeState.SKIPPED: "K"}
    by_node = {one.node: one for one in records if one.node is not None}
    view = RunView(graph, control, by_node.get)
    return "".join(marks.get(state, str(state)[0].upper()) for state in view.states())


@pytest.mark.parametrize(
    ("records", "seen"),
    [
        ([], "R???"),
        ([record(0, State.RUNNING)], "I???"),
        ([record(0, State.QUEUED)], "I???"),
        ([record(0, State.SUCCEEDED)], "SRR?"),
        ([record(0, State.SUCCEEDED), record(1, State.FAILED)], "SFRU"),
        ([record(0, State.DEAD)], "FUUU"),
        ([record(0, State.CANCELLED)], "FUUU"),
        ([record(n, State.SUCCEEDED) for n in range(3)], "SSSR"),
        ([record(n, State.SUCCEEDED) for n in range(4)], "SSSS"),
    ],
)
def test_states_follow_from_records(records: list[Execution], seen: str) -> None:
    assert states(DIAMOND, CONTROL, *records) == seen


def test_a_clear_raises_the_generation_of_what_it_names() -> None:
    control = CONTROL.cleared(DIAMOND.with_descendants([1]))
    assert [control.generation_of(node) for node in range(4)] == [1, 2, 1, 2]
    old = [record(node, State.SUCCEEDED) for node in range(4)]
    assert states(DIAMOND, control, *old) == "SRS?"
    again = [*old[:1], record(1, State.SUCCEEDED, 2), *old[2:]]
    assert states(DIAMOND, control, *again) == "SSSR"


def test_an_older_attempt_has_to_leave_first() -> None:
    control = CONTROL.cleared([0, 1, 2, 3])
    assert states(DIAMOND, control, record(0, State.RUNNING)) == "I???"
    assert states(DIAMOND, control, record(0, State.RETRYING)) == "I???"
    assert states(DIAMOND, control, record(0, State.FAILED)) == "R???"


def test_a_newer_record_says_that_the_control_is_old() -> None:
    with pytest.raises(OutdatedControl):
        states(DIAMOND, CONTROL, record(0, State.RUNNING, 2))


def test_a_resume_names_what_failed_and_forgets_what_stopped_the_run() -> None:
    control = CONTROL.stopped(RunStop.FAILED)
    records = {0: record(0, State.SUCCEEDED), 1: record(1, State.FAILED), 2: record(2, State.CANCELLED)}
    again = control.cleared(RunView(DIAMOND, control, records.get).failed(), resumed=True)
    assert again.stop is None
    assert [again.generation_of(node) for node in range(4)] == [1, 2, 2, 1]
    assert states(DIAMOND, again, *records.values()) == "SRR?"


def test_the_first_reason_to_stop_stays() -> None:
    control = CONTROL.with_pause(paused=True).stopped(RunStop.FAILED).stopped(RunStop.CANCELLED)
    assert (control.stop, control.paused) == (RunStop.FAILED, False)


def test_steps_run_again_a_bounded_number_of_times() -> None:
    control = CONTROL
    for _ in range(MAX_CLEARS):
        control = control.cleared([0])
    assert control.generation == MAX_CLEARS + 1
    with pytest.raises(Conflict, match="start a new run"):
        control.cleared([0])


@pytest.mark.parametrize(
    ("stop", "rule", "stopped"),
    [
        (None, Rule.ALL_SUCCESS, False),
        (RunStop.FAILED, Rule.ALL_SUCCESS, True),
        (RunStop.FAILED, Rule.ONE_FAILED, False),
        (RunStop.CANCELLED, Rule.ONE_FAILED, True),
        (RunStop.TIMED_OUT, Rule.ALL_DONE, True),
    ],
)
def test_what_a_stop_is_for(stop: RunStop | None, rule: Rule, *, stopped: bool) -> None:
    control = CONTROL if stop is None else CONTROL.stopped(stop)
    assert is_stopped(control, rule) is stopped


@pytest.mark.parametrize(
    ("records", "stop", "result"),
    [
        ([record(n, State.SUCCEEDED) for n in range(4)], None, State.SUCCEEDED),
        ([record(0, State.FAILED)], None, State.FAILED),
        ([record(0, State.CANCELLED)], RunStop.CANCELLED, State.CANCELLED),
        ([record(0, State.CANCELLED)], RunStop.TIMED_OUT, State.TIMED_OUT),
        ([record(n, State.SUCCEEDED) for n in range(4)], RunStop.FAILED, State.FAILED),
    ],
)
def test_how_a_run_ends(records: list[Execution], stop: RunStop | None, result: State) -> None:
    control = CONTROL if stop is None else CONTROL.stopped(stop)
    assert RunView(DIAMOND, control, {one.node: one for one in records}.get).result() is result


def test_no_more_parents_are_read_than_needed() -> None:
    fan = a_workflow(*[a_step(f"p{n:02d}") for n in range(50)], a_step("z", *[f"p{n:02d}" for n in range(50)])).graph()
    read: list[int] = []

    def reading(node: int) -> Execution | None:
        read.append(node)
        if node == len(fan) - 1:
            return None
        return record(node, State.SUCCEEDED) if node == 7 else record(node, State.RUNNING)

    view = RunView(fan, CONTROL, reading, begin=8)
    view.record(7)
    assert view.state(50) is NodeState.UNDECIDED
    assert read == [7, 50, 8]


def test_a_deep_graph_needs_no_deep_stack() -> None:
    deep = a_workflow(*[a_step(f"s{n:04d}", *([f"s{n - 1:04d}"] if n else [])) for n in range(1000)]).graph()
    assert RunView(deep, CONTROL, lambda _node: None).state(999) is NodeState.UNDECIDED
