"""An execution's end, and what follows one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.jobs.job import Job


@dataclass(frozen=True, slots=True)
class ExecutionEnded:
    """An execution that has ended, now or some time ago.

    Args:
        record: Its record as it is stored.
        job: Its job; None if that was deleted.
        lock_settled: Whether the overlap lock needs no release: the execution does not hold it, or the caller
            releases it.
        again: Whether it was found ended, so that whoever ended it may have died before its followers were called.
    """

    record: Execution
    job: Job | None
    lock_settled: bool = False
    again: bool = False


class OpenRuns(Protocol):
    """Takes runs of workflows forward."""

    def look(self, run: Execution) -> bool:
        """Looks at all steps of a run that has not ended: sends what may begin, and ends the run if it is over.

        Returns:
            Whether it is done. If not, conditional writes kept failing, and the call must be repeated.

        Raises:
            PortError: A store or queue failed; the call must be repeated.
        """

    def route(self, tenant: str, execution: str) -> Route | None:
        """The queue of a step of a run, by its id; None for any other execution, or if its run is gone.

        Raises:
            PortError: A store failed.
        """


class Follower(Protocol):
    """Something that is done after every end of an execution."""

    def follow(self, ended: ExecutionEnded) -> bool:
        """Does it. It must be idempotent.

        Returns:
            Whether it is done. If not, conditional writes kept failing, and the call must be repeated.

        Raises:
            PortError: A store or queue failed; the call must be repeated.
        """
