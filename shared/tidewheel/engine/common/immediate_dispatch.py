"""Immediate dispatch: what is due too soon for the wheel goes to the queue at once.

In economy mode no scheduler loops between its runs; there, messages get a delay and may lie further ahead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import IMMEDIATE_MS
from tidewheel.domain.wheel.entries import ExecutionEntry, Placed, ScheduleEntry
from tidewheel.domain.wheel.expansion import Firing, execution_firing, first_firing
from tidewheel.domain.wheel.levels import Level, late
from tidewheel.domain.wheel.pace import LOOP, Pace
from tidewheel.ports import SEND_BATCH, Clock, PortError, Queue, Telemetry, Wheel


@dataclass(frozen=True, slots=True)
class ImmediateDispatch:
    """Sends what an entry stands for that is already on the wheel. If that fails, the wheel sends it later.

    Args:
        queue: Where to.
        wheel: Where the entry lies; it is removed once it is sent.
        clock: Time.
        telemetry: Counts what could not be sent.
        pace: How often the wheel is turned.
    """

    queue: Queue
    wheel: Wheel
    clock: Clock
    telemetry: Telemetry
    pace: Pace = LOOP

    def hand_over(self, job: Job, placed: Placed) -> None:
        """Sends what a job's first entry stands for, as far as it is due too soon for the wheel.

        Args:
            job: The job.
            placed: Its entry, which is stored.
        """
        entry, now_ms = placed.entry, self.clock.now_ms()
        if isinstance(entry, ScheduleEntry) and entry.due_ms < now_ms - job.definition.misfire.grace_ms:
            return  # it was missed: the wheel applies the misfire policy
        try:
            if isinstance(entry, ExecutionEntry):
                if self._sent([execution_firing(entry)], now_ms):
                    self.wheel.remove(placed.slot, [placed.key])
            elif not self.pace.loops and placed.slot.level is Level.LATE:
                self._ahead_of_the_wheel(job, entry, placed, now_ms)
            elif entry.due_ms < now_ms + IMMEDIATE_MS:
                self._sent([first_firing(job, entry.nominal_ms, recorded=False)], now_ms)
        except PortError as error:
            self.telemetry.count("immediate_send_failed")
            self.telemetry.info("not sent at once; the wheel will send it", problem=str(error))

    def retry(self, entry: ExecutionEntry, now_ms: int) -> bool:
        """Sends an execution's next attempt if no scheduler would load its slot in time.

        Args:
            entry: The attempt.
            now_ms: The time (ms since the epoch).

        Returns:
            Whether the queue has accepted it. If not, the entry must be put on the wheel.
        """
        if self.pace.loops or self.pace.place(entry.due_ms, now_ms, 0).level is not Level.LATE:
            return False
        try:
            return self._sent([execution_firing(entry)], now_ms)
        except PortError as error:
            self.telemetry.count("immediate_send_failed")
            self.telemetry.info("not sent at once; the wheel will send it", problem=str(error))
            return False

    def _ahead_of_the_wheel(self, job: Job, schedule_entry: ScheduleEntry, placed: Placed, now_ms: int) -> None:
        """Sends a job's occurrences up to the first one whose slot will be loaded in time, and puts an entry there.

        The old entry stays until the new one is stored. If the process dies in between, the next run sends the same
        occurrences again, and the workers drop them.
        """
        shard = placed.slot.shard
        nominal_ms: int | None = schedule_entry.nominal_ms
        firings: list[Firing] = []
        following: ScheduleEntry | None = None
        while nominal_ms is not None:
            due_ms = job.due(nominal_ms)
            if self.pace.place(due_ms, now_ms, shard).level is not Level.LATE:
                following = ScheduleEntry(
                    schedule_entry.tenant, schedule_entry.job, schedule_entry.generation, nominal_ms, due_ms
                )
                break
            firings.append(first_firing(job, nominal_ms, recorded=False))
            nominal_ms = self._after(job, nominal_ms)
        if not self._sent(firings, now_ms):
            return
        if following is not None:
            ahead = self.pace.placed(following, self.clock.now_ms(), shard)
            if ahead.slot == late(shard):
                return  # sending took so long that its slot may have been loaded by now
            self.wheel.put(ahead)
            if not ahead.is_in_time(self.clock.now_ms()):
                return  # so did the write
        self.wheel.remove(placed.slot, [placed.key])

    @staticmethod
    def _after(job: Job, nominal_ms: int) -> int | None:
        schedule = job.definition.schedule
        return schedule.next_after(nominal_ms) if schedule else None

    def _sent(self, firings: Sequence[Firing], now_ms: int) -> bool:
        """Whether the queue has accepted all of them, which are of one job."""
        for start in range(0, len(firings), SEND_BATCH):
            batch = firings[start : start + SEND_BATCH]
            delays = () if self.pace.loops else [firing.delay_s(now_ms) for firing in batch]
            if not all(self.queue.send(batch[0].route, [firing.dispatch for firing in batch], delays)):
                self.telemetry.count("immediate_send_failed")
                return False
        return True
