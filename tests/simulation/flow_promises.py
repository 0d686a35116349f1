"""What must hold of runs of workflows: seen at each write and each call, and at the end."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.properties.test_trigger_rules_properties import oracle
from tests.simulation.witness import Visit, execution_of
from tests.support.memory_stack import TENANT
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State, is_end
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.limits import LEASE_MS, RENEW_MS, SECOND_MS, STOP_MS
from tidewheel.domain.workflows.ends import EdgeState
from tidewheel.domain.workflows.graph import Graph
from tidewheel.domain.workflows.rules import Ruling, judge
from tidewheel.domain.workflows.runs.control import RunControl, RunStop
from tidewheel.domain.workflows.runs.view import is_stopped
from tidewheel.ports import Call

if TYPE_CHECKING:
    from tests.simulation.flows import FlowHistory
    from tests.simulation.workers import Worker


@dataclass
class FlowPromises:
    """Sees every applied write and every call of a history.

    Args:
        history: What is played.
    """

    history: FlowHistory
    found: list[str] = field(default_factory=list)
    calls: defaultdict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    ended: defaultdict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    stopped_ms: dict[tuple[str, int], int] = field(default_factory=dict)

    def _say(self, id: str, what: str) -> None:
        now = self.history.stack.clock.now_ms() - self.history.start_ms
        self.found.append(f"{id}: {what}, at {now} ms")

    # --- the truth, by a way of its own -------------------------------------------------------------------

    def _records(self, run: str) -> dict[int, Execution]:
        id, graph = ExecutionId.parse(run), self._graph(run)
        world = self.history.stack.world.executions
        found = {node: world.get((TENANT, id.of_node(node))) for node in range(len(graph))}
        return {node: record for node, record in found.items() if record is not None}

    def _control(self, run: str) -> RunControl:
        control = self.history.stack.world.executions[TENANT, run].run
        assert control is not None
        return control

    def _graph(self, run: str) -> Graph:
        return self.history.stack.workflows.by_digest[self._control(run).digest].graph()

    def _ends(self, run: str) -> list[EdgeState]:
        """How each step has ended by the records, whatever the engine thinks; parents first."""
        graph, control, records = self._graph(run), self._control(run), self._records(run)
        ends = [EdgeState.UNDECIDED] * len(graph)
        for node in graph.order:
            record = records.get(node)
            if record is not None and record.generation == control.generation_of(node):
                if is_end(record.state):
                    ends[node] = EdgeState.SUCCEEDED if record.state is State.SUCCEEDED else EdgeState.FAILED
                continue
            ruling = judge(graph.nodes[node].rule, self._edges(graph, node, ends, records))
            if ruling is Ruling.SKIPPED:
                ends[node] = EdgeState.SKIPPED
            elif ruling is Ruling.UPSTREAM_FAILED:
                ends[node] = EdgeState.UPSTREAM_FAILED
        return ends

    @staticmethod
    def _edges(graph: Graph, node: int, ends: list[EdgeState], records: dict[int, Execution]) -> list[EdgeState]:
        def output(parent: int) -> Any:
            record = records.get(parent)
            return json.loads(record.output) if record is not None and record.output else None

        return [edge.through(ends[edge.parent], output(edge.parent)) for edge in graph.nodes[node].parents]

    # --- what is seen -------------------------------------------------------------------------------------

    def wrote(self, before: Execution | None, new: Execution) -> None:
        """A write was applied, whoever made it."""
        if new.node is not None:
            self._wrote_step(before, new)
        elif new.run is not None and new.attempt:
            self._wrote_run(before, new)

    def _wrote_step(self, before: Execution | None, new: Execution) -> None:
        if before is None:
            return
        if new.generation < before.generation:
            self._say(new.id, f"generation {before.generation} was followed by {new.generation}")
        if is_end(before.state) and new.generation == before.generation:
            self._say(new.id, f"its end as {before.state} was written over by {new.state}")
        if before.state is State.RUNNING and new.generation > before.generation:
            self._say(new.id, "was begun anew while an older attempt had not left")

    def _wrote_run(self, before: Execution | None, new: Execution) -> None:
        assert new.run is not None
        if new.run.stop and not (before and before.run and before.run.stop):
            self.stopped_ms[new.id, new.run.generation] = self.history.stack.clock.now_ms()
        if is_end(new.state) and before is not None and before.state is State.OPEN:
            self.ended[new.id, new.run.generation] += 1
            for record in self._records(new.id).values():
                if not is_end(record.state):
                    self._say(new.id, f"ended as {new.state} while {record.id} was {record.state}")
            if EdgeState.UNDECIDED in self._ends(new.id):
                self._say(new.id, f"ended as {new.state} while a step was undecided")

    def called(self, call: Call, worker: Worker) -> None:
        """A step is called."""
        id = execution_of(call)
        record = self.history.stack.world.executions[call.tenant, id]
        node = record.node
        assert node is not None
        run = str(ExecutionId.parse(id).run)
        control, graph = self._control(run), self._graph(run)
        counted = self.calls[id, record.generation] = self.calls[id, record.generation] + 1
        step = self.history.stack.workflows.by_digest[control.digest].steps[node]
        handed = record.uncounted_attempts if record.generation == 1 else record.attempt
        if counted > step.retry.max_attempts + handed:
            self._say(id, f"{counted} calls in generation {record.generation}, {step.retry.max_attempts} are allowed")
        if record.generation == control.generation_of(node):
            if is_end(self.history.stack.world.executions[TENANT, run].state):
                self._say(id, "was called in a run that has ended")
            states = self._edges(graph, node, self._ends(run), self._records(run))
            if judge(graph.nodes[node].rule, states) is not Ruling.RUN:
                self._say(id, f"was called before {graph.nodes[node].rule} held: {[str(state) for state in states]}")
        stopped = self.stopped_ms.get((run, control.generation))
        if stopped is not None and is_stopped(control, graph.nodes[node].rule):
            late_ms = self.history.workers.now_ms - max(stopped, worker.frozen_until_ms, worker.troubled_ms)
            if late_ms > LEASE_MS + RENEW_MS:
                self._say(id, f"was called {late_ms} ms after its run was stopped")

    def left(self, visit: Visit, worker: Worker) -> None:
        """A call ends, or its worker does: soon, if nobody wants it any more."""
        id, now = execution_of(visit.call), self.history.workers.now_ms
        record = self.history.stack.world.executions[visit.call.tenant, id]
        run, node = str(ExecutionId.parse(id).run), record.node
        assert node is not None
        control, graph = self._control(run), self._graph(run)
        stopped_ms = self.stopped_ms.get((run, control.generation))
        if worker.dead or stopped_ms is None or not is_stopped(control, graph.nodes[node].rule):
            return
        since_ms = max(stopped_ms, visit.started_ms, worker.frozen_until_ms)
        fair = max(worker.troubled_ms, self.history.stall.until_ms) < visit.started_ms
        bound_ms = (RENEW_MS + SECOND_MS if fair else LEASE_MS) + STOP_MS + SECOND_MS
        if now - since_ms > bound_ms:
            self._say(id, f"went on for {now - since_ms} ms after its run was stopped")

    # --- at the end ---------------------------------------------------------------------------------------

    def broken(self) -> list[str]:
        found = list(self.found)
        for run in self.history.runs:
            found += self._at_the_end(run)
        started = {run.job for run in self.history.runs}
        world = self.history.stack.world
        found += [f"{id}: never began" for id in self.history.ids if id not in started and not self._refused(id)]
        errors = [
            fields
            for message, fields in world_errors(self.history)
            if message == "a forgotten execution was brought back"
        ]
        found += [f"{fields['execution']}: was forgotten as {fields['state']}" for fields in errors]
        del world
        return found

    def _refused(self, job: str) -> bool:
        """Whether the job's one run ended without having begun: too late, or given up by its queue."""
        records = self.history.stack.world.executions.values()
        missed = [row for row in self.history.stack.world.missed.values() if row.job == job]
        return bool(missed) or any(one.job == job and is_end(one.state) for one in records)

    def _at_the_end(self, run: Execution) -> list[str]:
        control, graph, records = self._control(run.id), self._graph(run.id), self._records(run.id)
        if not is_end(run.state):
            states = {graph.nodes[node].name: str(record.state) for node, record in records.items()}
            return [f"{run.id}: is stuck as {run.state}, {control.stop}, {states}"]
        found = [
            f"{record.id}: has not ended, {record.state}" for record in records.values() if not is_end(record.state)
        ]
        ends = self._ends(run.id)
        cleared = {request.generation: request for request in self.history.requests_made if request.run == run.id}
        for node in range(len(graph)):
            wanted = max([1, *(g for g, one in cleared.items() if node in graph.with_descendants(one.steps))])
            if control.generation_of(node) < wanted:
                found.append(f"{run.id}: {graph.nodes[node].name} was cleared, and not all behind it")
            record, states = records.get(node), self._edges(graph, node, ends, records)
            ran = record is not None and record.generation == control.generation_of(node)
            ruled = oracle(graph.nodes[node].rule, states, [False] * len(states)) if states else Ruling.RUN
            if not ran and ruled is Ruling.RUN:
                found.append(f"{run.id}: {graph.nodes[node].name} never ran")
            if ran and ruled is not Ruling.RUN and not control.clears:
                found.append(f"{run.id}: {graph.nodes[node].name} ran though {graph.nodes[node].rule} says {ruled}")
        found += self._wrong_result(run, control, graph, ends)
        return found

    @staticmethod
    def _wrong_result(run: Execution, control: RunControl, graph: Graph, ends: list[EdgeState]) -> list[str]:
        bad = any(ends[sink] in (EdgeState.FAILED, EdgeState.UPSTREAM_FAILED) for sink in graph.sinks)
        stops = {RunStop.CANCELLED: State.CANCELLED, RunStop.TIMED_OUT: State.TIMED_OUT, RunStop.FAILED: State.FAILED}
        wanted = stops[control.stop] if control.stop else State.FAILED if bad else State.SUCCEEDED
        return [] if run.state is wanted else [f"{run.id}: ended as {run.state}, by its steps it is {wanted}"]


def world_errors(history: FlowHistory) -> list[tuple[str, dict[str, Any]]]:
    """What the engine reported as errors."""
    return list(history.stack.telemetry.errors)
