"""What a step of a run calls: its part of the workflow, with the data of the steps before it filled in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State, is_end
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Definition, Job, JobState, Target
from tidewheel.domain.workflows.data.filling import RunData, Unfillable, filled, paths_in
from tidewheel.domain.workflows.data.paths import Source
from tidewheel.domain.workflows.definition import Step
from tidewheel.domain.workflows.params import with_defaults
from tidewheel.domain.workflows.runs.limits import STEP_OUTPUT_BYTES
from tidewheel.domain.workflows.runs.version import Version
from tidewheel.domain.workflows.runs.view import OutdatedControl, RunView, is_stopped, output_of
from tidewheel.engine.orchestration.versions import VersionCache
from tidewheel.ports import Executions, PortError

_FIRST = 1


@dataclass(frozen=True, slots=True)
class StepJobs:
    """Makes of a step what a worker handles as a job.

    Args:
        executions: The records of runs and steps.
        versions: The versions of workflows.
    """

    executions: Executions
    versions: VersionCache

    def job(self, run: Execution, node: int, version: Version) -> tuple[Job, str]:
        """The job of a step; and why its data cannot be filled in, which is empty if they are.

        Raises:
            PortError: A store failed, or a clear came between.
            Unreadable: A stored record is malformed.
        """
        step = version.workflow.steps[node]
        target = step.target
        assert target is not None
        try:
            spec = filled(target.spec, self._data(run, version, target), "target")
        except Unfillable as error:
            return _job(run, step, target), str(error)
        except OutdatedControl as error:
            raise PortError("steps.job", run.id, "it was cleared meanwhile") from error
        return _job(run, step, Target(target.kind, spec)), ""

    def is_wanted(self, record: Execution) -> bool:
        """Whether a step that runs is still to go on: its run goes on, and it is not to run again.

        Raises:
            PortError: A store failed.
            Unreadable: A stored record is malformed.
        """
        id = ExecutionId.parse(record.id)
        run = self.executions.get(record.tenant, str(id.run))
        if run is None or run.run is None or id.node is None or run.state is not State.OPEN:
            return False
        version = self.versions.of_run(run)
        if version is None or run.run.generation_of(id.node) != record.generation:
            return False
        return not is_stopped(run.run, version.graph.nodes[id.node].rule)

    def _data(self, run: Execution, version: Version, target: Target) -> RunData:
        """The data that a target refers to; the records of other steps are not read."""
        assert run.run is not None
        id, graph = ExecutionId.parse(run.id), version.graph
        view = RunView(graph, run.run, lambda node: self.executions.get(run.tenant, id.of_node(node)))
        outputs: dict[str, Any] = {}
        states: dict[str, str] = {}
        for at, path in paths_in(target.spec):
            node = graph.index.get(path.step) if path.source in {Source.OUTPUT, Source.STATE} else None
            if node is None:
                continue
            record = view.current(node)
            ended = record is not None and is_end(record.state)
            if path.source is Source.STATE:
                states[path.step] = str(record.state) if record and ended else str(view.state(node))
            elif record is not None and ended:
                _check_whole(record, path.step, at)
                outputs[path.step] = output_of(record)
        params = with_defaults(version.workflow.params, run.run.params)
        return RunData(run.id, run.nominal_ms, params, outputs, states)


def _check_whole(record: Execution, step: str, at: str) -> None:
    if len(record.output.encode()) >= STEP_OUTPUT_BYTES:
        raise Unfillable(at, f"what {step} answered is longer than {STEP_OUTPUT_BYTES} bytes, and was not kept whole")


def _job(run: Execution, step: Step, target: Target) -> Job:
    definition = Definition(
        step.name,
        None,
        target,
        step.priority,
        step.precision,
        step.pool,
        timeout_ms=step.timeout_ms,
        retry=step.retry,
        heartbeat_ms=step.heartbeat_ms,
    )
    began_ms = run.claimed_ms or run.due_ms
    return Job(run.tenant, run.job, definition, JobState.ACTIVE, _FIRST, 0, began_ms, began_ms)
