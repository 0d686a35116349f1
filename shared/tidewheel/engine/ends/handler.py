"""The one door for what follows an execution's end.

Whoever writes an end, and whoever meets an execution that has ended, comes through here: a worker, a cancellation, the
handler of the dead-letter queue. Followers are repeatable, since whoever wrote the end may have died before they were
done: its message comes back, finds the execution ended, and does them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State, is_end
from tidewheel.domain.jobs.job import Job
from tidewheel.engine.ends.overlap_lock import OverlapLock
from tidewheel.ports import Executions


@dataclass(frozen=True, slots=True)
class ExecutionEnded:
    """An execution has ended, now or some time ago.

    Args:
        record: Its record, which is durable.
        job: Its job; None if that was deleted.
        lock_settled: Whether it surely does not hold its job's lock, or whoever ended it sees to that.
    """

    record: Execution
    job: Job | None
    lock_settled: bool = False


class Follower(Protocol):
    """Does something that follows from an execution's end."""

    def follow(self, ended: ExecutionEnded) -> bool:
        """Does it, or does it again: a repeat must change nothing.

        Returns:
            Whether it is done. If not, others were faster several times in a row, and it must be repeated.

        Raises:
            PortError: A store or queue failed; it must be repeated.
        """


@dataclass(frozen=True, slots=True)
class EndHandler:
    """Hands each end to every follower.

    Args:
        executions: The records.
        overlap_lock: Knows when an execution that waits for its retry has to make way.
        followers: Who follows, in order.
    """

    executions: Executions
    overlap_lock: OverlapLock
    followers: Sequence[Follower]

    def settle(self, record: Execution | None, job: Job | None) -> bool:
        """Does, or does again, what follows from a record as it stands.

        An execution that has ended is handed to the followers. One that waits for its retry ends here if another run
        is to replace it; then that is followed as well. Nothing follows from any other.

        Returns:
            Whether all of it is done; if not, it must be repeated.

        Raises:
            PortError: A store or queue failed; it must be repeated.
        """
        if record is None:
            return True
        if record.state is State.RETRYING and job is not None:
            cancelled = self.overlap_lock.cancelled_for_successor(record, job)
            if cancelled is None:
                return True
            if self.executions.swap(cancelled, record.version) is not None:
                return False
            record = cancelled
        return not is_end(record.state) or self.handle(ExecutionEnded(record, job))

    def handle(self, ended: ExecutionEnded) -> bool:
        """Hands an end to every follower, also if one of them is not done; whether all are."""
        done = True
        for follower in self.followers:
            done = follower.follow(ended) and done
        return done
