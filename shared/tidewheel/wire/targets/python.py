"""The ``python`` target on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from tidewheel.tasks import is_name
from tidewheel.wire.bodies.target import TargetModel
from tidewheel.wire.model import refusal, shown


def _check_function(name: str) -> str:
    if not is_name(name):
        raise refusal(
            f"{shown(name)} is not a task's name", "use the name that it is registered by, such as reports.daily"
        )
    return name


def _check_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    for name in arguments:
        if not name.isidentifier():
            raise refusal(f"{shown(name)} is not an argument's name", "use the names that the function gives them")
    return arguments


class PythonTarget(TargetModel):
    """A function that a worker has imported, registered by `tidewheel.tasks.task`, called with keyword arguments."""

    PRIVILEGED = True
    DATA = frozenset({"arguments"})
    LONG_RUNNING = True  # Lambda's workers have only what was deployed, and import no tasks

    kind: Literal["python"]
    function: Annotated[str, Field(max_length=128, examples=["reports.daily"]), AfterValidator(_check_function)]
    arguments: Annotated[dict[str, Any], AfterValidator(_check_arguments)] = Field(default_factory=dict)

    def summary(self) -> str:
        """The function."""
        return f"python {self.function}"
