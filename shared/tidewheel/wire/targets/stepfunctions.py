"""The ``stepfunctions`` target on the wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tidewheel.wire.arns import arn_of
from tidewheel.wire.bodies.target import Right, WatchedTarget
from tidewheel.wire.payload import JsonPayload

_EXAMPLE = "arn:aws:states:eu-west-1:111122223333:stateMachine:tidewheel-target-report"
_machine = arn_of("states", r"stateMachine:[A-Za-z0-9_-]{1,80}(?::[A-Za-z0-9._-]{1,80})?", "a state machine", _EXAMPLE)


class StepFunctionsTarget(WatchedTarget):
    """A run of a state machine, by its ARN (a version or an alias may follow), with any JSON as its input.

    The run is named after the execution. With `wait` the attempt lasts until the run ends, and ends as it does; that
    needs a standard workflow.
    """

    PARTY = "machine"
    DATA = frozenset({"input"})
    SERVICES = frozenset({"stepfunctions"})
    RIGHTS = (
        Right(("states:StartExecution",), ("stateMachine:{target}",)),
        Right(("states:DescribeExecution", "states:StopExecution"), ("execution:{target}",)),
    )

    kind: Literal["stepfunctions"]
    machine: Annotated[str, Field(examples=[_EXAMPLE]), AfterValidator(_machine)]
    input: JsonPayload = Field(default_factory=dict)
    wait: bool = False

    def summary(self) -> str:
        """The state machine's name."""
        return f"stepfunctions {self.machine.partition(':stateMachine:')[2]}"
