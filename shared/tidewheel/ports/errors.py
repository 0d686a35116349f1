"""What adapters raise when something went wrong outside."""

from __future__ import annotations


class PortError(Exception):
    """Base of what adapters raise. The call may have been applied, unless a subclass says otherwise.

    Args:
        operation: What was tried, such as ``wheel.load``.
        subject: On what: a key, a queue, a function.
        problem: What the service said.
    """

    def __init__(self, operation: str, subject: str, problem: str) -> None:
        super().__init__(f"{operation} {subject}: {problem}")
        self.operation = operation
        self.subject = subject
        self.problem = problem


class Throttled(PortError):
    """The service is too busy. The try that it refused was not applied; an earlier try may have been."""


class Refused(PortError):
    """The service understood the call and refuses it: asked again in the same words, it says no again.

    Nothing was applied. Whoever repeats such a call has to stop some day.

    Args:
        operation: What was tried.
        subject: On what.
        problem: What the service said.
        mendable: Whether an operator can mend the cause while the call stays as it is: a right that is missing, a
            queue or table that does not exist. If not, the cause is what the call says.
    """

    def __init__(self, operation: str, subject: str, problem: str, *, mendable: bool) -> None:
        super().__init__(operation, subject, problem)
        self.mendable = mendable


class TooLate(PortError):
    """A write to the wheel was not sent: by the time at which it lands its slot may be loaded. It belongs elsewhere.

    Args:
        operation: What was tried.
        subject: On what.
        tried: Whether an earlier try of the same call was sent, which may have been applied.
    """

    def __init__(self, operation: str, subject: str, *, tried: bool) -> None:
        super().__init__(operation, subject, "its slot may be loaded by the time at which it lands")
        self.tried = tried


class NameTaken(Exception):
    """Another job of the tenant has the name for itself; nothing was written.

    Args:
        holder: The id of that job.
    """

    def __init__(self, holder: str) -> None:
        super().__init__(f"job {holder} has this name for itself")
        self.holder = holder


class TallyMoved(Exception):
    """The tenant's tally of active jobs is not what a write of a job was based on; nothing was written."""


class Fenced(PortError):
    """A conditional write found another owner or epoch: the caller no longer holds the lease, shard or record."""
