"""The wheel entry that a new generation or a requested run begins with, and its dispatch if it is due at once."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State
from tidewheel.domain.ids import ExecutionId, Origin, nonce
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import IMMEDIATE_MS
from tidewheel.domain.wheel.entries import ExecutionEntry, Placed, ScheduleEntry
from tidewheel.domain.wheel.levels import late
from tidewheel.domain.wheel.pace import Pace
from tidewheel.engine.common.immediate_dispatch import ImmediateDispatch
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.ports import Entropy


@dataclass(frozen=True, slots=True)
class FirstEntry:
    """Makes entries for the store to write together with the job; writes nothing itself.

    Args:
        layouts: Knows on which shard a job's entries lie.
        entropy: Tells runs apart that are requested in the same millisecond.
        immediate: Sends what is due before a scheduler would find it.
        pace: Chooses the slot.
    """

    layouts: LayoutCache
    entropy: Entropy
    immediate: ImmediateDispatch
    pace: Pace

    def of_generation(self, job: Job, now_ms: int) -> tuple[Placed | None, Execution | None]:
        """The entry of a generation's first occurrence, if there is one.

        A new one-time job that is due within ``limits.IMMEDIATE_MS`` gets its queued execution as well.

        Raises:
            PortError: The shard layout could not be read.
        """
        schedule = job.definition.schedule
        if schedule is None:
            return self.of_run(job, now_ms) if job.generation == 1 else (None, None)
        nominal_ms = job.next_nominal(now_ms)
        if nominal_ms is None:
            return None, None
        due_ms = job.due(nominal_ms)
        if due_ms < now_ms + IMMEDIATE_MS and not schedule.repeats and job.generation == 1:
            return self._queued(job, ExecutionId(job.id, nominal_ms), due_ms)
        entry = ScheduleEntry(job.tenant, job.id, job.generation, nominal_ms, due_ms)
        return Placed(self.pace.place(due_ms, now_ms, self._shard(job)), entry), None

    def of_run(self, job: Job, now_ms: int) -> tuple[Placed, Execution]:
        """The entry and the queued execution of a run that is requested now.

        Raises:
            PortError: The shard layout could not be read.
        """
        id = ExecutionId(job.id, now_ms, Origin.RUN, nonce(self.entropy.bytes(5)))
        return self._queued(job, id, now_ms)

    def send_if_due(self, job: Job, placed: Placed | None, now_ms: int) -> None:
        """Sends what is due too soon for the wheel. A failure is only logged: the stored entry fires it."""
        if placed is not None:
            self.immediate.hand_over(job, placed, now_ms)

    def _queued(self, job: Job, id: ExecutionId, due_ms: int) -> tuple[Placed, Execution]:
        queued = Execution(job.tenant, str(id), State.QUEUED, due_ms, job.generation)
        precision = job.definition.precision
        entry = ExecutionEntry(job.tenant, queued.id, 1, job.generation, due_ms, job.route, precision)
        return Placed(late(self._shard(job)), entry), queued

    def _shard(self, job: Job) -> int:
        return self.layouts.shard_of(job.tenant, job.id)
