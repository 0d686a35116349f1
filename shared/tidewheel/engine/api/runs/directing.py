"""What users ask of a run: to cancel, pause or resume it, or to run steps of it again.

A message that has the whole run looked at is sent before the request is written, hidden for longer than the write may
last: whoever dies after that, the request is acted upon. Once it is written the run is looked at at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tidewheel.domain.errors import Conflict, Invalid, NotFound
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State, is_end
from tidewheel.domain.executions.transitions import cancel_requested, ended_unrun, with_control
from tidewheel.domain.fleet.route import ANY_ROUTE
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.policies import Overlap
from tidewheel.domain.limits import SECOND_MS
from tidewheel.domain.workflows.runs.control import RunControl
from tidewheel.domain.workflows.runs.limits import MAX_OPEN_MS, SAFETY_DELAY_MS
from tidewheel.domain.workflows.runs.version import Version
from tidewheel.domain.workflows.runs.view import RunView
from tidewheel.engine.ends.handler import EndHandler
from tidewheel.engine.orchestration.sender import NodeSender
from tidewheel.engine.orchestration.versions import VersionCache
from tidewheel.ports import Clock, Executions, Jobs, Telemetry

_TRIES = 6


@dataclass(frozen=True, slots=True)
class RunDirector:
    """Every method raises ``NotFound`` for what is no run, and ``PortError`` if a store or queue failed: it may be
    repeated then.

    Args:
        executions: The records of runs and steps.
        jobs: The jobs of runs.
        versions: The versions of workflows.
        ends: Looks at runs; holds the overlap locks of their jobs.
        sender: Sends the message that has a run looked at.
        clock: Time.
        telemetry: Counts.
    """

    executions: Executions
    jobs: Jobs
    versions: VersionCache
    ends: EndHandler
    sender: NodeSender
    clock: Clock
    telemetry: Telemetry

    def cancel(self, tenant: str, id: str, why: str) -> Execution:
        """Cancels a run: nothing of it begins any more, and what runs is told to end.

        Raises:
            Conflict: It has ended otherwise.
        """

        def cancelled(run: Execution, _control: RunControl) -> Execution:
            if run.cancel or run.state is State.CANCELLED:
                return run
            if is_end(run.state):
                raise _ended(run, "nothing is left to cancel")
            if not run.attempt:
                return ended_unrun(run, State.CANCELLED, why, self.clock.now_ms())
            return cancel_requested(run, why, self.clock.now_ms())

        return self._asked(tenant, id, "cancel", cancelled)

    def pause(self, tenant: str, id: str) -> Execution:
        """Pauses a run: nothing of it begins until it is resumed; what runs goes on.

        Raises:
            Conflict: It has not begun, has ended, or is being cancelled.
        """

        def paused(run: Execution, control: RunControl) -> Execution:
            _must_have_started(run)
            if is_end(run.state):
                raise _ended(run, "nothing is left to pause")
            if control.stop is not None:
                raise Conflict("run", run.id, "it is being stopped", "wait for its end, then resume it")
            return run if control.paused else with_control(run, control.with_pause(paused=True), self.clock.now_ms())

        return self._asked(tenant, id, "pause", paused)

    def resume(self, tenant: str, id: str) -> Execution:
        """Ends a run's pause; or, if it has ended without success, runs again what failed and what was never reached.

        Raises:
            Conflict: It has not begun, or succeeded; or it is too old.
        """

        def resumed(run: Execution, control: RunControl) -> Execution:
            _must_have_started(run)
            if run.state is State.OPEN:
                if not control.paused:
                    return run
                return with_control(run, control.with_pause(paused=False), self.clock.now_ms())
            if run.state is State.SUCCEEDED:
                raise _ended(run, "clear the steps that are to run again")
            view = self._view(run, control)
            return self._reopened(run, control.cleared(view.failed(), resumed=True))

        return self._asked(tenant, id, "resume", resumed)

    def clear(self, tenant: str, id: str, steps: Sequence[str]) -> Execution:
        """Runs steps again, and all behind them.

        Args:
            tenant: Whose.
            id: The run.
            steps: The names of the steps.

        Raises:
            Invalid: The workflow has no such step.
            Conflict: The run has not begun, is being stopped, or is too old.
        """

        def cleared(run: Execution, control: RunControl) -> Execution:
            _must_have_started(run)
            graph = self._version(run).graph
            for name in steps:
                if name not in graph.index:
                    raise Invalid("steps", f"the workflow has no step {name!r}", "use names of its steps")
            nodes = graph.with_descendants(graph.index[name] for name in steps)
            if run.state is State.OPEN and control.stop is not None:
                raise Conflict("run", run.id, "it is being stopped", "wait for its end")
            return self._reopened(run, control.cleared(nodes))

        return self._asked(tenant, id, "clear", cleared)

    def _asked(
        self, tenant: str, id: str, what: str, change: Callable[[Execution, RunControl], Execution]
    ) -> Execution:
        """Writes a request on the run's record, and has the run looked at before and after."""
        run, control = self._run(tenant, id)
        if change(run, control) is run:
            return run
        job = self.jobs.get(tenant, run.job)
        self.sender.look(run, job.route if job else ANY_ROUTE, SAFETY_DELAY_MS // SECOND_MS)
        for _ in range(_TRIES):
            after = change(run, control)
            if after is run or self.executions.swap(after, run.version) is None:
                self.telemetry.count("run_asked", what=what)
                self.ends.settle(after, job)
                return self._run(tenant, id)[0]
            run, control = self._run(tenant, id)
        raise Conflict("run", id, "it is being written by many at once", "try again")

    def _reopened(self, run: Execution, control: RunControl) -> Execution:
        """The record of a run that goes on, which holds its job's overlap lock before that is written."""
        now = self.clock.now_ms()
        if now >= (run.claimed_ms or run.due_ms) + MAX_OPEN_MS:
            raise Conflict("run", run.id, "it began too long ago", "start a new run")
        if is_end(run.state):
            self._hold_lock(run)
        return with_control(run, control, now)

    def _hold_lock(self, run: Execution) -> None:
        job = self.jobs.get(run.tenant, run.job, consistent=True)
        if job is None or job.definition.overlap is Overlap.ALLOW:
            return
        lock = self.ends.overlap_lock.read(job)
        holder = self.executions.get(run.tenant, lock.holder) if lock.holder else None
        taken = lock.holder not in {"", run.id} and not (holder is not None and is_end(holder.state))
        if taken or lock.waiter or not self.ends.overlap_lock.write(lock.given(run.id, self.clock.now_ms())):
            other = lock.waiter or lock.holder
            raise Conflict(
                "run", run.id, f"its job's runs may not overlap, and {other} is not over", "wait for its end"
            )

    def _run(self, tenant: str, id: str) -> tuple[Execution, RunControl]:
        record = None if ExecutionId.parse(id).node is not None else self.executions.get(tenant, id)
        if record is None or record.run is None:
            raise NotFound("run", tenant, id)
        return record, record.run

    def _version(self, run: Execution) -> Version:
        version = self.versions.of_run(run)
        if version is None:
            raise Conflict("run", run.id, "the version of its workflow is gone", "start a new run")
        return version

    def _view(self, run: Execution, control: RunControl) -> RunView:
        graph = self._version(run).graph
        records = {one.node: one for one in self.executions.nodes(run.tenant, run.id, len(graph))}
        return RunView(graph, control, records.get)


def _ended(run: Execution, remedy: str) -> Conflict:
    return Conflict("run", run.id, f"it has ended as {run.state}", remedy)


def _must_have_started(run: Execution) -> None:
    """Until a worker has begun a run, its record is that worker's to write."""
    if run.attempt:
        return
    if is_end(run.state):
        raise Conflict("run", run.id, "it ended before it began", "start a new run")
    raise Conflict("run", run.id, "it is queued and has not begun", "try again in a moment, or cancel it")
