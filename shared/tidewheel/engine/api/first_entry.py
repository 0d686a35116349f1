"""The wheel entry that a new generation or a requested run begins with, and its dispatch if it is due at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State
from tidewheel.domain.ids import ExecutionId, Origin, nonce
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import IMMEDIATE_MS
from tidewheel.domain.wheel.entries import Entry, ExecutionEntry, Placed, ScheduleEntry
from tidewheel.engine.common.wheel_writer import WheelWriter
from tidewheel.ports import Entropy

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FirstEntry:
    """Makes entries, and writes them together with the records that they belong to.

    Args:
        writer: Chooses the slot right before the write.
        entropy: Tells runs apart that are requested in the same millisecond.
    """

    writer: WheelWriter
    entropy: Entropy

    def of_generation(self, job: Job, now_ms: int) -> tuple[Entry | None, Execution | None]:
        """The entry of a generation's first occurrence, if there is one.

        A new one-time job that is due within ``limits.IMMEDIATE_MS`` gets its queued execution as well.
        """
        schedule = job.definition.schedule
        if schedule is None:
            return self.of_run(job, now_ms) if job.generation == 1 else (None, None)
        nominal_ms = job.next_nominal(now_ms if schedule.repeats else job.effective_from_ms)
        if nominal_ms is None:
            return None, None
        due_ms = job.due(nominal_ms)
        if due_ms < now_ms + IMMEDIATE_MS and not schedule.repeats and job.generation == 1:
            return self._queued(job, ExecutionId(job.id, nominal_ms), due_ms)
        return ScheduleEntry(job.tenant, job.id, job.generation, nominal_ms, due_ms), None

    def of_run(self, job: Job, now_ms: int) -> tuple[Entry, Execution]:
        """The entry and the queued execution of a run that is requested now."""
        id = ExecutionId(job.id, now_ms, Origin.RUN, nonce(self.entropy.bytes(5)))
        return self._queued(job, id, now_ms)

    @staticmethod
    def _queued(job: Job, id: ExecutionId, due_ms: int) -> tuple[Entry, Execution]:
        queued = Execution(job.tenant, str(id), State.QUEUED, due_ms, job.generation, next_ms=due_ms)
        return ExecutionEntry.of(queued, job, 1, due_ms, job.definition.precision), queued

    def write(self, job: Job, entry: Entry, store: Callable[[Placed], T], *, written: Callable[[T], bool]) -> T:
        """Writes an entry together with its records, and sends what is due too soon for the wheel.

        A failure to send is only logged: the stored entry fires it.

        Args:
            job: The job.
            entry: Its entry.
            store: Stores records and entry, all or nothing.
            written: Whether they were stored, by what ``store`` returned.

        Returns:
            What ``store`` returned.

        Raises:
            PortError: A call failed; all of it is stored, or nothing.
        """
        answer, placed = self.writer.write(entry, store)
        if written(answer):
            self.writer.immediate.hand_over(job, placed)
        return answer
