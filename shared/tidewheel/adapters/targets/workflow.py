"""The ``workflow`` target. A run of a workflow is begun by the worker itself, and is never a call.

So a call can only be the next attempt of an execution that another worker had begun to call when its job was edited.
"""

from __future__ import annotations

from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result
from tidewheel.ports import Call, Caller

KIND = "workflow"


class WorkflowTarget:
    """``ports.Caller`` for the kind ``workflow``."""

    def call(self, call: Call) -> Answer:  # noqa: ARG002 - whatever it is, there is nothing to call
        """See ``ports.Caller``."""
        reason = "its job starts a workflow since it began; run the job to start one"
        return Answer(Result.FAILED, reason=reason, retryable=False)


def make(_surroundings: Surroundings) -> Caller:
    """The caller."""
    return WorkflowTarget()
