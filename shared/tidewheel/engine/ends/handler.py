"""Does what follows an execution's end, for everyone who writes an end or finds an execution ended.

These are the worker, the cancel request and the dead-letter handler. Followers are idempotent: a process may die
between writing the end and calling them. Then the message comes back, its worker finds the execution ended, and calls
them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State, is_end
from tidewheel.domain.jobs.job import Job
from tidewheel.engine.ends.ended import ExecutionEnded, Follower, OpenRuns
from tidewheel.engine.ends.overlap_lock import OverlapLock
from tidewheel.ports import Executions


@dataclass(frozen=True, slots=True)
class EndHandler:
    """Hands each end to every follower.

    Args:
        executions: The records.
        overlap_lock: Tells whether an execution that waits for its retry is to be replaced by another one.
        runs: Takes a run of a workflow forward that has not ended.
        followers: Called in this order.
    """

    executions: Executions
    overlap_lock: OverlapLock
    runs: OpenRuns
    followers: Sequence[Follower]

    def settle(self, record: Execution | None, job: Job | None, *, again: bool = True) -> bool:
        """Does what follows from a stored record. It is idempotent.

        If the execution has ended, its end is handed to the followers. If it waits for its retry and a newer execution
        is to replace it, it is cancelled first. A run of a workflow that goes on is looked at as a whole. From other
        records, or from None, nothing follows.

        Args:
            record: The record.
            job: Its job; None if that was deleted.
            again: Whether the record was found so, so that whoever wrote it may have died before this.

        Returns:
            Whether everything is done; if not, the call must be repeated.

        Raises:
            PortError: A store or queue failed; the call must be repeated.
        """
        if record is None:
            return True
        if record.state is State.OPEN:
            return self.runs.look(record)
        if record.state is State.RETRYING and job is not None:
            cancelled = self.overlap_lock.cancelled_for_successor(record, job)
            if cancelled is None:
                return True
            if self.executions.swap(cancelled, record.version) is not None:
                return False
            record = cancelled
        return not is_end(record.state) or self.handle(ExecutionEnded(record, job, again=again))

    def handle(self, ended: ExecutionEnded) -> bool:
        """Hands an end to every follower, even if one before it is not done.

        Returns:
            Whether all followers are done; if not, the call must be repeated.

        Raises:
            PortError: A store or queue failed; the call must be repeated.
        """
        done = True
        for follower in self.followers:
            done = follower.follow(ended) and done
        return done
