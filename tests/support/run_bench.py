"""A deployment in memory that runs workflows, on virtual time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.support.memory_stack import TENANT, MemoryStack
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State, is_end
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Definition, Job, Target
from tidewheel.domain.workflows.definition import Workflow
from tidewheel.domain.workflows.runs.version import WORKFLOW_KIND
from tidewheel.ports import Call


@dataclass
class RunBench:
    """Starts runs and plays them to their end.

    Args:
        stack: The deployment.
    """

    stack: MemoryStack = field(default_factory=MemoryStack)

    def start(self, workflow: Workflow, params: Mapping[str, Any] | None = None, **fields: Any) -> str:
        """Puts a workflow, and creates a job that starts it at once. Returns the run's id."""
        self.stack.workflows.put(workflow)
        target = Target(WORKFLOW_KIND, {"workflow": workflow.name, "params": params or {}})

        def builder(_id: str, _now: int, _existing: Definition | None) -> Definition:
            return Definition("run it", None, target, **fields)

        job: Job = self.stack.job_service.create(TENANT, builder)
        return next(id for _, id in self.stack.world.executions if id.startswith(job.id))

    def play(self, duration_ms: int = 0) -> None:
        """Lets the workers take what is there, again and again, for so long at least."""
        while self.stack.queue.visible():
            self.stack.pump()
        until = self.stack.clock.now_ms() + duration_ms
        while self.stack.clock.now_ms() < until:
            self.stack.clock.sleep(100)

    def run(self, id: str) -> Execution:
        """The record of a run."""
        return self.stack.world.executions[TENANT, id]

    def record(self, id: str, name: str) -> Execution | None:
        """The record of a step of a run."""
        run = self.run(id)
        assert run.run is not None
        workflow = self.stack.workflows.by_digest[run.run.digest]
        node = workflow.graph().index[name]
        return self.stack.world.executions.get((TENANT, ExecutionId.parse(id).of_node(node)))

    def states(self, id: str) -> dict[str, State]:
        """How the steps of a run that have a record stand, by name."""
        run = self.run(id)
        assert run.run is not None
        names = self.stack.workflows.by_digest[run.run.digest].graph().index
        return {name: record.state for name in names if (record := self.record(id, name)) is not None}

    @property
    def called(self) -> list[str]:
        """The names of the steps that were called, in their order."""
        return [name_of(call) for _, call in self.stack.caller.calls]

    def is_over(self, id: str) -> bool:
        """Whether a run has ended."""
        return is_end(self.run(id).state)


def name_of(call: Call) -> str:
    """The name of the step that a call is of, by its URL."""
    return str(call.target.spec["url"]).rpartition("/")[2]
