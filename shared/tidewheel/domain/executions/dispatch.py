"""A dispatch: one attempt on its way to a worker."""

from __future__ import annotations

from dataclasses import dataclass

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One attempt on its way to a worker: what a queue message says.

    Args:
        tenant: Whose.
        execution: The execution's id, which holds job, nominal time and origin.
        attempt: 1 for the first.
        generation: The job's, by which the occurrence was named.
        due_ms: When it must start.
        recorded: Whether the execution has a record already (a retry, or a run asked for).
        returns: How often the queue gave it up before, and it was sent again.
    """

    tenant: str
    execution: str
    attempt: int
    generation: int
    due_ms: int
    recorded: bool
    returns: int = 0

    def blank(self) -> Execution:
        """The record that the execution starts from if it has none yet."""
        return Execution(self.tenant, self.execution, State.QUEUED, self.due_ms, self.generation, version=0)
