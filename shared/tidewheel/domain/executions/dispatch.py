"""A dispatch: the content of a queue message, which asks a worker for one attempt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State
from tidewheel.domain.permits.permit import Grant


@dataclass(frozen=True, slots=True)
class Dispatch:
    """What a queue message says: which attempt of which execution is to run.

    Args:
        tenant: The tenant of the job.
        execution: The execution's id, which holds job, nominal time and origin.
        attempt: The number of the attempt, from 1.
        generation: The generation of the job that named the occurrence; of a step of a run, the step's own.
        due_ms: When the attempt is due (ms since the epoch).
        recorded: Whether the execution has a record already, as retries and requested runs have.
        returns: How often the dead-letter handler has sent it again.
        grant: The permit that was given to it while it waited in line; None if it has to get one itself.
        unknown: What a newer release wrote besides, and this one only sends on; None for nothing.
    """

    tenant: str
    execution: str
    attempt: int
    generation: int
    due_ms: int
    recorded: bool
    returns: int = 0
    grant: Grant | None = None
    unknown: Mapping[str, Any] | None = None

    def blank(self) -> Execution:
        """The record of an execution that is not stored yet (version 0)."""
        return Execution(self.tenant, self.execution, State.QUEUED, self.due_ms, self.generation, version=0)
