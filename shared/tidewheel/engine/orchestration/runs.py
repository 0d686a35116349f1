"""What follows from the end of a step of a run; the look at a whole run; and what follows from the run's own end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tidewheel.domain.executions.decisions.outcome import deadline_ms
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State, is_end
from tidewheel.domain.executions.transitions import run_ended, with_control
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import FOREVER_MS
from tidewheel.domain.workflows.runs.control import RunStop
from tidewheel.domain.workflows.runs.limits import FAILURES_NAMED, MAX_OPEN_MS, MAX_REOPENED_MS
from tidewheel.domain.workflows.runs.view import OutdatedControl, RunView, failures_named
from tidewheel.engine.ends.ended import ExecutionEnded, Follower
from tidewheel.engine.orchestration.sender import NodeSender
from tidewheel.engine.orchestration.versions import VersionCache
from tidewheel.engine.orchestration.walk import Starts, Walk
from tidewheel.ports import Clock, Executions, Jobs, Telemetry

_TRIES = 8
_ALL = Starts(None)


@dataclass(frozen=True, slots=True)
class WorkflowRuns:
    """Takes runs forward. It is a follower of every end, and looks at whole runs.

    Args:
        executions: The records of runs and of their steps.
        jobs: The jobs of runs.
        versions: The versions of workflows.
        sender: Sends messages of steps.
        clock: Time.
        telemetry: Counts and logs.
        followers: Called after the end of a run, as after that of any other execution.
    """

    executions: Executions
    jobs: Jobs
    versions: VersionCache
    sender: NodeSender
    clock: Clock
    telemetry: Telemetry
    followers: Sequence[Follower]

    def follow(self, ended: ExecutionEnded) -> bool:
        """See ``ended.Follower``: goes on behind a step that has ended."""
        record = ended.record
        if record.node is None:
            return True
        guard = f"{record.node}.{record.generation}"
        run = str(ExecutionId.parse(record.id).run)
        return self._go_on(record.tenant, run, Starts((record.node,), guard, ended.again))

    def look(self, run: Execution) -> bool:
        """Looks at all steps of a run: sends what may begin, ends what may not go on, and the run if it is over.

        Args:
            run: Its record, as it was read.

        Returns:
            Whether it is done; if not, conditional writes kept failing, and the call must be repeated.

        Raises:
            PortError: A store or queue failed; the call must be repeated.
        """
        return self._go_on(run.tenant, run.id, _ALL)

    def route(self, tenant: str, execution: str) -> Route | None:
        """See ``ended.OpenRuns``."""
        id = ExecutionId.parse(execution)
        run = None if id.node is None else self.executions.get(tenant, str(id.run))
        version = self.versions.of_run(run) if run else None
        if version is None or id.node is None:
            return None
        step = version.workflow.steps[id.node]
        return Route(step.pool, step.priority)

    def _go_on(self, tenant: str, id: str, starts: Starts) -> bool:
        for _ in range(_TRIES):
            run = self.executions.get(tenant, id)
            if run is None or run.run is None:
                return True
            if is_end(run.state):
                return self._over(run)
            if run.state is not State.OPEN:
                return True
            if starts.nodes is None and not self._in_time(run):
                continue
            version = self.versions.of_run(run)
            if version is None:
                return self._unknown(run)
            walk = Walk(self.executions, self.sender, self.clock, run, run.run, version, starts)
            try:
                following = self._walked(walk)
            except OutdatedControl:
                continue
            if isinstance(following, bool):
                return following
            starts = following
        return False

    def _walked(self, walk: Walk) -> Starts | bool:
        """Makes a pass. Returns where another one has to begin; or whether all is done."""
        run, control, starts = walk.run, walk.control, walk.starts
        if walk.go():
            if control.stop is None:
                stopped = with_control(run, control.stopped(RunStop.FAILED), self.clock.now_ms())
                if self.executions.swap(stopped, run.version) is not None:
                    return starts
            return replace(starts, nodes=None)
        if not walk.may_be_over():
            return True
        view = walk.whole()
        if view is None:
            return True
        ended = run_ended(run, view.result(), _reason(run, view), self.clock.now_ms())
        if self.executions.swap(ended, run.version) is None:
            self.telemetry.count("run_ended", state=ended.state)
            return self._over(ended)
        return replace(starts, nodes=None)

    def _over(self, run: Execution) -> bool:
        ended = ExecutionEnded(run, self.jobs.get(run.tenant, run.job, consistent=True))
        done = True
        for follower in self.followers:
            done = follower.follow(ended) and done
        return done

    def _unknown(self, run: Execution) -> bool:
        """Nobody deletes the version of an open run; what cannot be read is no reason to begin anything."""
        reason = f"the version {run.run.digest if run.run else ''} of its workflow is gone"
        ended = run_ended(run, State.FAILED, reason, self.clock.now_ms())
        self.telemetry.error("a run ends since its workflow is gone", execution=run.id, reason=reason)
        return self.executions.swap(ended, run.version) is None and self._over(ended)

    def _in_time(self, run: Execution) -> bool:
        """Whether a run may go on by time, and its next look is noted; else that was written, and it is read again."""
        assert run.run is not None
        now, control = self.clock.now_ms(), run.run
        if control.stop is None and now >= self._ends_ms(run):
            late = with_control(run, control.stopped(RunStop.TIMED_OUT), now)
        elif run.next_ms is None or now >= run.next_ms:
            late = with_control(run, control, now)
        else:
            return True
        self.executions.swap(late, run.version)
        return False

    def _ends_ms(self, run: Execution) -> int:
        """When a run must be over (ms since the epoch): by its job's deadline, and while all its records are kept."""
        assert run.run is not None
        most_ms = MAX_REOPENED_MS if run.run.clears else MAX_OPEN_MS
        job: Job | None = self.jobs.get(run.tenant, run.job)
        asked_ms = FOREVER_MS if job is None or run.run.clears else deadline_ms(run, job)
        return min(asked_ms, (run.claimed_ms or run.due_ms) + most_ms)


def _reason(run: Execution, view: RunView) -> str:
    """Why a run ended as it did, for people; empty for a success."""
    match view.control.stop:
        case RunStop.CANCELLED:
            return run.cancel
        case RunStop.TIMED_OUT:
            return "its deadline passed"
    failed = failures_named(view, FAILURES_NAMED + 1)
    if view.result() is State.SUCCEEDED:
        return ""
    more = ", …" if len(failed) > FAILURES_NAMED else ""
    return f"failed: {', '.join(failed[:FAILURES_NAMED])}{more}" if failed else "its last steps were not reached"
