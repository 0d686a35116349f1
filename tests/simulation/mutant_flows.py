"""Bugs of runs of workflows, each put into the real engine, and how many histories are played to catch it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.simulation.flows import Asked, FlowHistory, Hasty, Patient, Wide
from tests.simulation.mutants import Mutant
from tidewheel.domain.executions.decisions import decide_node
from tidewheel.domain.executions.decisions.facts import Facts
from tidewheel.domain.executions.decisions.steps import Finish
from tidewheel.domain.executions.states import State, is_end
from tidewheel.domain.workflows.graph import Graph
from tidewheel.domain.workflows.runs.view import DECIDED, NodeState, RunView
from tidewheel.engine.orchestration.runs import WorkflowRuns
from tidewheel.engine.orchestration.sender import NodeSender
from tidewheel.engine.orchestration.steps import StepJobs
from tidewheel.engine.orchestration.walk import Walk
from tidewheel.engine.worker.runner import Runner


def siblings_read_before_the_end(patch: pytest.MonkeyPatch) -> None:
    """Who ends a step goes by what stood when it began to write that end."""
    real, known, walked = Runner._finish, {}, Walk.__post_init__

    def finish(self: Runner, step: Finish, handling: Any) -> Any:
        if step.record.node is not None and is_end(step.record.state):
            run = step.record.id.partition(".")[0]
            records = self.executions.nodes(step.record.tenant, run, 64)
            known[step.record.id] = {record.node: record for record in records}
        return real(self, step, handling)

    def post_init(self: Walk) -> None:
        walked(self)
        start = next(iter(self.starts.nodes or ()), None)
        seen = known.pop(f"{self.run.id}.{start}", None) if not self.starts.again else None
        if seen is not None:
            self.view.records.update({node: seen.get(node) for node in range(len(self.version.graph)) if node != start})

    patch.setitem(Runner._PERFORM, Finish, finish)
    patch.setattr(Walk, "__post_init__", post_init)


def ends_followed_once(patch: pytest.MonkeyPatch) -> None:
    """Whoever finds a step ended does not go on from there."""
    real = WorkflowRuns.follow
    patch.setattr(WorkflowRuns, "follow", lambda self, ended: ended.again or real(self, ended))


def ready_steps_not_fenced(patch: pytest.MonkeyPatch) -> None:
    """Under a stop a step that might have begun counts as failed without a record."""
    real = Walk._settled

    def settled(self: Walk, node: int) -> NodeState:
        stopped = self.control.stop is not None and self.view.state(node) is NodeState.READY
        return NodeState.FAILED if stopped else real(self, node)

    def states(self: RunView) -> tuple[NodeState, ...]:
        found = tuple(self.state(node) for node in self.graph.order)
        return tuple(NodeState.FAILED if one is NodeState.READY and self.control.stop else one for one in found)

    patch.setattr(Walk, "_settled", settled)
    patch.setattr(RunView, "states", states)


def run_ended_whatever_was_asked(patch: pytest.MonkeyPatch) -> None:
    """A run ends over whatever stands on its record."""
    real = WorkflowRuns._walked

    def walked(self: WorkflowRuns, walk: Walk) -> Any:
        following = real(self, walk)
        standing = self.executions.get(walk.run.tenant, walk.run.id)
        if following is not True and isinstance(following, object) and standing and standing.state is State.OPEN:
            view = walk.whole()
            if view is not None and walk.may_be_over():
                ended = replace(
                    standing, state=view.result(), version=standing.version + 1, finished_ms=1, next_ms=None
                )
                self.executions.swap(ended, standing.version)
        return following

    patch.setattr(WorkflowRuns, "_walked", walked)


def run_ended_by_its_sinks(patch: pytest.MonkeyPatch) -> None:
    """A run is over when its last steps are, whatever runs beside them."""

    def whole(self: Walk) -> RunView | None:
        return self.view if all(self.view.state(sink) in DECIDED for sink in self.version.graph.sinks) else None

    patch.setattr(Walk, "whole", whole)


def older_control_believed(patch: pytest.MonkeyPatch) -> None:
    """A record that is newer than the control that was read counts as one of another time."""
    patch.setattr(
        RunView,
        "record",
        lambda self, node: (
            self.records.setdefault(node, self.read(node)) if node not in self.records else self.records[node]
        ),
    )


def messages_of_any_generation_begin(patch: pytest.MonkeyPatch) -> None:
    """Whatever message comes begins a step, though it was sent for an older generation of it."""
    real = decide_node._in_open_run

    def mutant(facts: Facts, run: Any, generation: int, now_ms: int) -> Any:
        return real(replace(facts, dispatch=replace(facts.dispatch, generation=generation)), run, generation, now_ms)

    patch.setattr(decide_node, "_in_open_run", mutant)


def cleared_alone(patch: pytest.MonkeyPatch) -> None:
    """A clear does not name the steps behind those that it is for."""
    patch.setattr(Graph, "with_descendants", lambda _self, nodes: frozenset(nodes))


def older_attempts_ignored(patch: pytest.MonkeyPatch) -> None:
    """A step begins anew though an attempt of an older generation has not left."""
    real = RunView._decide

    def mutant(self: RunView, node: int) -> int | None:
        record = self.record(node)
        if record is not None and record.generation < self.control.generation_of(node):
            return self._rule(node)
        return real(self, node)

    patch.setattr(RunView, "_decide", mutant)


def leases_renewed_without_a_look(patch: pytest.MonkeyPatch) -> None:
    """A call goes on though its run was stopped."""
    patch.setattr(StepJobs, "is_wanted", lambda _self, _record: True)


def no_safety_message(patch: pytest.MonkeyPatch) -> None:
    """A request is written, and only then somebody is told."""
    patch.setattr(NodeSender, "look", lambda *_rest: None)


def retries_dropped_for_good(patch: pytest.MonkeyPatch) -> None:
    """Messages that were dropped during a pause are not sent again after it."""
    real = Walk._called_back

    def mutant(self: Walk, node: int) -> Any:
        before = list(self.ready)
        written = real(self, node)
        self.ready[:] = before
        return written

    patch.setattr(Walk, "_called_back", mutant)


FLOW_MUTANTS: Mapping[str, Mutant] = {
    "siblings are read before the end is written": Mutant((siblings_read_before_the_end,), Wide, 40),
    "what follows an end is not repeated": Mutant((ends_followed_once,), FlowHistory, 60),
    "under a stop a ready step is not ended by a record": Mutant((ready_steps_not_fenced,), Asked, 60),
    "a run ends over what was asked of it meanwhile": Mutant((run_ended_whatever_was_asked,), Asked, 60),
    "a run ends when its last steps have": Mutant((run_ended_by_its_sinks,), FlowHistory, 40),
    "an older control is believed": Mutant((older_control_believed,), Asked, 100),
    "a message of another generation begins a step": Mutant((messages_of_any_generation_begin,), Asked, 60),
    "a clear names no steps behind it": Mutant((cleared_alone,), Asked, 20),
    "an older attempt need not leave": Mutant((older_attempts_ignored,), Asked, 60),
    "a lease is renewed without a look at the run": Mutant((leases_renewed_without_a_look,), Patient, 20),
    "no message makes up for a user's process that dies": Mutant((no_safety_message,), Hasty, 40),
    "a retry that was dropped in a pause is not sent again": Mutant((retries_dropped_for_good,), Asked, 60),
}
"""What is put in, by what goes wrong."""
