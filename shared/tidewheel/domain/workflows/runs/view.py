"""What follows from the records of a run's steps: which have ended and how, which may begin, whether the run is over.

Steps that do not run have no record. Whether one is skipped, or not reached because of a failure, is computed from the
records of the others, and never changes: so it is the same for whoever computes it, as long as the run's control was
read before the records.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State, is_end
from tidewheel.domain.workflows.ends import EdgeState
from tidewheel.domain.workflows.graph import Graph
from tidewheel.domain.workflows.rules import AnyRule, Ruling, judge, runs_after_a_failure, waits_for_all
from tidewheel.domain.workflows.runs.control import RunControl, RunStop


class NodeState(StrEnum):
    """Where a step stands."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"  # every end of a record without success; a cancel too
    UPSTREAM_FAILED = "upstream_failed"  # it does not run, since one before it failed
    SKIPPED = "skipped"  # it does not run
    READY = "ready"  # its rule lets it run, and nobody has begun it
    STARTED = "started"  # it has begun, or an attempt of an older generation has not ended
    UNDECIDED = "undecided"  # whether it runs depends on others


_EDGES = {
    NodeState.SUCCEEDED: EdgeState.SUCCEEDED,
    NodeState.FAILED: EdgeState.FAILED,
    NodeState.UPSTREAM_FAILED: EdgeState.UPSTREAM_FAILED,
    NodeState.SKIPPED: EdgeState.SKIPPED,
}
_RULED = {
    Ruling.RUN: NodeState.READY,
    Ruling.SKIPPED: NodeState.SKIPPED,
    Ruling.UPSTREAM_FAILED: NodeState.UPSTREAM_FAILED,
    Ruling.UNDECIDED: NodeState.UNDECIDED,
}
DECIDED = frozenset(_EDGES)
"""The states that never change within a generation."""


class OutdatedControl(Exception):
    """A record is of a newer generation than the control that was read before it knows: it must be read again."""


def output_of(record: Execution | None) -> Any:
    """What a step answered: the JSON value of its output, or its text if that is no JSON; None without an output."""
    if record is None or not record.output:
        return None
    try:
        return json.loads(record.output)
    except ValueError:
        return record.output


def is_stopped(control: RunControl, rule: AnyRule) -> bool:
    """Whether a step of a rule may not begin any more; one that follows a failure may, after a failure."""
    return control.stop is not None and not (control.stop is RunStop.FAILED and runs_after_a_failure(rule))


@dataclass
class RunView:
    """The steps of a run as they stand, each record read when a state depends on it.

    Args:
        graph: The run's graph.
        control: What users ask of it, read before any record.
        read: Reads the record of a node, strongly consistent; None if it has none.
        begin: From which node on parents are looked at first, so that those who end side by side look at others.
    """

    graph: Graph
    control: RunControl
    read: Callable[[int], Execution | None]
    begin: int = 0
    records: dict[int, Execution | None] = field(default_factory=dict)
    _states: dict[int, NodeState] = field(default_factory=dict)

    def record(self, node: int) -> Execution | None:
        """The record of a node, of whatever generation.

        Raises:
            OutdatedControl: It is newer than the control.
        """
        if node not in self.records:
            self.records[node] = self.read(node)
        record = self.records[node]
        if record is not None and record.generation > self.control.generation_of(node):
            raise OutdatedControl
        return record

    def current(self, node: int) -> Execution | None:
        """The record of a node in its own generation; None if it has none."""
        record = self.record(node)
        return record if record and record.generation == self.control.generation_of(node) else None

    def learn(self, record: Execution, node: int) -> None:
        """Takes a record that was written, or found, after the others were read."""
        self.records[node] = record
        self._states.pop(node, None)

    def forget(self, node: int) -> None:
        """Has a node read anew, since another write came between."""
        self.records.pop(node, None)
        self._states.pop(node, None)

    def state(self, node: int) -> NodeState:
        """Where a node stands. Without recursion: a graph may be a thousand nodes deep.

        Raises:
            OutdatedControl: A record is newer than the control.
        """
        ahead = [node]
        while ahead:
            if ahead[-1] in self._states:
                ahead.pop()
                continue
            parent = self._decide(ahead[-1])
            if parent is not None:
                ahead.append(parent)
        return self._states[node]

    def is_decided(self, node: int) -> bool:
        """Whether a node has ended, or never runs."""
        return self.state(node) in DECIDED

    def _decide(self, node: int) -> int | None:
        """Finds the state of a node; or answers which parent's state has to be known first."""
        record = self.record(node)
        if record is not None and record.generation == self.control.generation_of(node) and is_end(record.state):
            ended = NodeState.SUCCEEDED if record.state is State.SUCCEEDED else NodeState.FAILED
            self._states[node] = ended
            return None
        if record is not None and (record.generation == self.control.generation_of(node) or not is_end(record.state)):
            self._states[node] = NodeState.STARTED
            return None
        return self._rule(node)

    def _rule(self, node: int) -> int | None:
        rule, edges = self.graph.nodes[node].rule, self.graph.nodes[node].parents
        known = [edge.parent in self._states for edge in edges]
        states = [self._through(node, place) if seen else EdgeState.UNDECIDED for place, seen in enumerate(known)]
        ruling = judge(rule, states, self.graph.setups_of(node))
        unseen = [edge.parent for edge, seen in zip(edges, known, strict=True) if not seen]
        open_ = any(seen and state is EdgeState.UNDECIDED for seen, state in zip(known, states, strict=True))
        if ruling is not Ruling.UNDECIDED or not unseen or (open_ and waits_for_all(rule)):
            self._states[node] = _RULED[ruling]
            return None
        return min(unseen, key=lambda parent: (parent - self.begin) % len(self.graph))

    def _through(self, node: int, place: int) -> EdgeState:
        edge = self.graph.nodes[node].parents[place]
        state = _EDGES.get(self._states[edge.parent], EdgeState.UNDECIDED)
        return edge.through(state, output_of(self.records.get(edge.parent)) if edge.condition else None)

    def states(self) -> tuple[NodeState, ...]:
        """Where each node stands; parents first, so that each is looked at once."""
        for node in self.graph.order:
            self.state(node)
        return tuple(self._states[node] for node in range(len(self.graph)))

    def result(self) -> State:
        """How the run ends, once all its nodes are decided: as its sinks say, unless it was stopped."""
        match self.control.stop:
            case RunStop.CANCELLED:
                return State.CANCELLED
            case RunStop.TIMED_OUT:
                return State.TIMED_OUT
        bad = {NodeState.FAILED, NodeState.UPSTREAM_FAILED}
        failed = self.control.stop is not None or any(self.state(sink) in bad for sink in self.graph.sinks)
        return State.FAILED if failed else State.SUCCEEDED

    def failed(self) -> frozenset[int]:
        """The nodes that a resume runs again: those whose record of the present generation ended without success."""
        return frozenset(
            node
            for node in range(len(self.graph))
            if (record := self.current(node)) and is_end(record.state) and record.state is not State.SUCCEEDED
        )


def failures_named(view: RunView, most: int) -> Sequence[str]:
    """The names of steps whose record ended without success, at most so many, for the reason of a run's end."""
    return [view.graph.nodes[node].name for node in sorted(view.failed())][:most]
