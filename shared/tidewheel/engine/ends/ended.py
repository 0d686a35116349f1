"""An execution's end, and what follows one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.jobs.job import Job


@dataclass(frozen=True, slots=True)
class ExecutionEnded:
    """An execution that has ended, now or some time ago.

    Args:
        record: Its record as it is stored.
        job: Its job; None if that was deleted.
        lock_settled: Whether the overlap lock needs no release: the execution does not hold it, or the caller
            releases it.
    """

    record: Execution
    job: Job | None
    lock_settled: bool = False


class Follower(Protocol):
    """Something that is done after every end of an execution."""

    def follow(self, ended: ExecutionEnded) -> bool:
        """Does it. It must be idempotent.

        Returns:
            Whether it is done. If not, conditional writes kept failing, and the call must be repeated.

        Raises:
            PortError: A store or queue failed; the call must be repeated.
        """
