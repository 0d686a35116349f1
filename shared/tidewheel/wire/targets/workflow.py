"""The ``workflow`` target on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from tidewheel.domain.workflows.definition import DIGEST, WORKFLOW_NAME
from tidewheel.wire.bodies.target import TargetModel


class WorkflowTarget(TargetModel):
    """A run of a workflow. The workflow's steps are called; the run ends as its last steps say."""

    IS_CALL = False

    kind: Literal["workflow"]
    workflow: Annotated[str, Field(pattern=f"^{WORKFLOW_NAME}$", description="Its name.")]
    version: Annotated[str, Field(pattern=f"^(?:latest|{DIGEST})$")] = Field(
        "latest", description="Which version, by its digest; `latest` is the newest when a run begins."
    )
    params: dict[str, Any] = Field(default_factory=dict, description="The parameters of each run.")

    def summary(self) -> str:
        """The workflow's name."""
        return f"workflow {self.workflow}"
