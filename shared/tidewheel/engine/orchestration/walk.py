"""One pass over the steps that follow from an end, or over all steps of a run: what may begin is sent.

Every part of it may be repeated. What it writes is conditional: steps that may not begin any more are ended by a record
before anything follows from that, and what an older generation left over is ended before the step begins anew.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from tidewheel.domain.executions.claiming import ClaimVerdict, judge
from tidewheel.domain.executions.decisions.decide_node import STOPPED
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State, is_end
from tidewheel.domain.executions.transitions import ended_unrun, in_generation, with_lost_attempt
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.workflows.definition import FailurePolicy
from tidewheel.domain.workflows.runs.control import RunControl, RunStop
from tidewheel.domain.workflows.runs.limits import RESEND_EARLY_MS
from tidewheel.domain.workflows.runs.version import Version
from tidewheel.domain.workflows.runs.view import DECIDED, NodeState, RunView, is_stopped
from tidewheel.engine.orchestration.sender import NodeAttempt, NodeSender
from tidewheel.ports import Clock, Executions

_LOOKS_AT_ONE = 4
_OLDER = "it is to run again"


@dataclass(frozen=True, slots=True)
class Starts:
    """Where a pass begins.

    Args:
        nodes: The steps whose ends it follows; None to look at all steps.
        guard: What steps that are ended by it keep, so that whoever repeats it finds them again.
        again: Whether an earlier pass may have died.
    """

    nodes: tuple[int, ...] | None
    guard: str = ""
    again: bool = False


@dataclass(slots=True)
class Walk:
    """A pass over a run whose control was read before any record that it reads.

    Args:
        executions: The records.
        sender: Sends messages.
        clock: Time.
        run: The run's record.
        control: What it says beside.
        version: The version of its workflow.
        starts: Where it begins.
        ready: The attempts that are to begin.
        sent: How many messages were sent.
    """

    executions: Executions
    sender: NodeSender
    clock: Clock
    run: Execution
    control: RunControl
    version: Version
    starts: Starts
    ready: list[NodeAttempt] = field(default_factory=list)
    view: RunView = field(init=False)
    _following: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        id, graph = ExecutionId.parse(self.run.id), self.version.graph
        begin = (max(self.starts.nodes or (0,)) + 1) % len(graph)
        self.view = RunView(
            graph, self.control, lambda node: self.executions.get(self.run.tenant, id.of_node(node)), begin
        )

    def go(self) -> bool:
        """Makes the pass.

        Returns:
            Whether a failed step is to end the run, which then has to be written, and the pass repeated over all steps.

        Raises:
            OutdatedControl: A clear came after the control was read; the pass must be repeated.
            PortError: A store or queue failed; the pass must be repeated.
        """
        ahead = deque(self._first())
        seen: set[int] = set()
        while ahead:
            node = ahead.popleft()
            if node in seen:
                continue
            seen.add(node)
            if self._settled(node) not in DECIDED:
                continue
            if self._ends_run(node):
                return True
            if self.view.current(node) is None:
                self._following.add(node)
            if node in self._following:
                ahead.extend(self.version.graph.children[node])
        self.sender.send(self.ready)
        return False

    def may_be_over(self) -> bool:
        """Whether nothing that was seen speaks against it that all steps are decided; few of them are read for it."""
        if self.ready:
            return False
        children, decided = self.version.graph.children, self.view.is_decided
        if self.starts.nodes is not None and not any(
            decided(node) and all(map(decided, children[node])) for node in self._following
        ):
            return False
        return all(map(decided, self.version.graph.sinks))

    def whole(self) -> RunView | None:
        """The run as it stands, if all its steps are decided; read anew, and at once."""
        view = RunView(self.version.graph, self.control, lambda _node: None)
        view.records.update(self._records())
        return view if DECIDED.issuperset(view.states()) else None

    def _records(self) -> dict[int, Execution | None]:
        count = len(self.version.graph)
        found: dict[int, Execution | None] = dict.fromkeys(range(count))
        for record in self.executions.nodes(self.run.tenant, self.run.id, count):
            if record.node is not None:
                found[record.node] = record
        return found

    def _first(self) -> Sequence[int]:
        """The steps to look at first. For all of them parents come before their children."""
        if self.starts.nodes is None:
            self.view.records.update(self._records())
            return self.version.graph.order
        guarded: list[int] = []
        if self.starts.again and (self.control.stop or self.control.clears):
            found = self.executions.nodes(self.run.tenant, self.run.id, len(self.version.graph))
            guarded = [one.node for one in found if one.guard == self.starts.guard and one.node is not None]
        self._following.update(self.starts.nodes, guarded)
        return [*self.starts.nodes, *guarded]

    def _settled(self, node: int) -> NodeState:
        """The state of a step once it was sent, or ended where it may not begin, or go on, any more."""
        for _ in range(_LOOKS_AT_ONE):
            state = self.view.state(node)
            written = None
            if state is NodeState.READY:
                written = self._started(node)
            elif state is NodeState.STARTED:
                written = self._called_back(node)
            if written is None:
                return state
            self._following.add(node)
            if self.executions.swap(written, written.version - 1 or None) is None:
                self.view.learn(written, node)
            else:
                self.view.forget(node)
        return self.view.state(node)

    def _started(self, node: int) -> Execution | None:
        """Has a step sent that may begin; or returns the record by which it ends, as its run was stopped."""
        record, generation = self.view.record(node), self.control.generation_of(node)
        step = self.version.workflow.steps[node]
        if is_stopped(self.control, step.rule):
            base = in_generation(record, generation) if record else self._blank(node, generation)
            return replace(self._cancelled(base, STOPPED), guard=self.starts.guard)
        if not self.control.paused:
            self.ready.append(self.sender.attempt(self.run, step, node, record, generation))
        return None

    def _blank(self, node: int, generation: int) -> Execution:
        id = ExecutionId.parse(self.run.id).of_node(node)
        return Dispatch(self.run.tenant, id, 1, generation, self.clock.now_ms(), recorded=False).blank()

    def _cancelled(self, record: Execution, reason: str) -> Execution:
        return ended_unrun(record, State.CANCELLED, reason, self.clock.now_ms())

    def _called_back(self, node: int) -> Execution | None:
        """What becomes of a step that has begun: the record by which it ends, if it may not go on; else None."""
        record, now = self.view.record(node), self.clock.now_ms()
        assert record is not None
        older = record.generation < self.control.generation_of(node)
        whole = self.starts.nodes is None
        if not (whole or older or node in (self.starts.nodes or ())):
            return None
        step = self.version.workflow.steps[node]
        if older or is_stopped(self.control, step.rule):
            verdict = judge(record, record.attempt + 1, now)
            if verdict is ClaimVerdict.BUSY:
                return None
            taken_over = verdict is ClaimVerdict.TAKE_OVER
            base = with_lost_attempt(record, now) if taken_over else record
            ended = self._cancelled(base, _OLDER if older else STOPPED)
            return replace(ended, guard=self.starts.guard)
        due = record.next_ms is not None and record.next_ms <= now + RESEND_EARLY_MS
        if record.state is not State.RUNNING and due and not self.control.paused:
            self.ready.append(self.sender.attempt(self.run, step, node, record, record.generation))
        return None

    def _ends_run(self, node: int) -> bool:
        """Whether a failed step has its run end early, and nobody saw to that before."""
        record = self.view.current(node)
        failed = record is not None and is_end(record.state) and record.state not in (State.SUCCEEDED, State.CANCELLED)
        if not failed or self.starts.nodes is None:
            return False
        if self.version.workflow.failure is not FailurePolicy.FAIL_FAST:
            return False
        return self.control.stop is None or (self.starts.again and self.control.stop is RunStop.FAILED)
