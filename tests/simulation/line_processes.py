"""The processes of a history of lines: the scheduler that looks at lines, and workers that lack what a job needs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.simulation.cooperative import Killed
from tests.simulation.permit_watch import WatchedLines, WatchedPermits
from tests.simulation.processes import Process
from tests.simulation.workers import Target
from tidewheel.domain.executions.decisions.facts import Lack
from tidewheel.domain.jobs.job import Target as JobTarget
from tidewheel.engine.permits.grants import PermitGrants
from tidewheel.engine.permits.guard import LineGuard
from tidewheel.engine.permits.running_limits import RunningLimits
from tidewheel.ports import PortError

if TYPE_CHECKING:
    from tests.simulation.lined import LineHistory


class Guard(Process):
    """A scheduler process, of which only the look at lines is played."""

    def __init__(self, history: LineHistory) -> None:
        super().__init__(history.workers)
        self._history = history
        self.began_ms = history.workers.now_ms
        stack = history.stack
        executions = self.stepped(history.workers.witness.watch(stack.executions))
        queue = self.stepped(history.refusing(stack.queue))
        grants = PermitGrants(
            self.stepped(history.stall.of(WatchedPermits(history.watch))),
            self.stepped(history.stall.of(WatchedLines(history.watch))),
            executions,
            queue,
            self.clock,
            stack.entropy,
            stack.telemetry,
            replace(stack.wheel_writer, wheel=self.stepped(stack.wheel)).put,
        )
        self._guard = LineGuard(grants, RunningLimits({}, lambda _tenant: {}))  # it knows what is announced alone

    def step(self) -> None:
        if self._history.guard_falters:
            super().step()
        elif self.dead:
            raise Killed

    def watch_lines(self) -> None:
        """Looks at all lines again and again, until another scheduler has its shards."""
        while self._history.guard is self:
            with suppress(PortError):
                self._guard.look()
            self.wait_until(self.workers.now_ms + self._guard.pause_ms)

    @property
    def calm_since_ms(self) -> int:
        """Since when nothing has kept it from looking (ms since the epoch)."""
        return max(self.began_ms, self.troubled_ms, self.frozen_until_ms, self._history.stall.until_ms)


class PickyTarget(Target):
    """A target that some workers lack."""

    def lack(self, _target: JobTarget) -> Lack | None:
        workers = self._worker.workers
        lacks = workers.faults.strikes("worker lacked a task", workers.history.lacks)  # type: ignore[attr-defined]
        return Lack("the task", "import it") if lacks else None
