"""A version of a workflow as runs use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidewheel.domain.workflows.definition import Step, Workflow
from tidewheel.domain.workflows.graph import Graph
from tidewheel.domain.workflows.params import given_faults
from tidewheel.domain.workflows.works import Task

WORKFLOW_KIND = "workflow"
"""The kind of target by which a job's executions are runs of a workflow."""


@dataclass(frozen=True)
class Version:
    """A version of a workflow.

    Args:
        digest: Its digest.
        workflow: The definition.
        graph: Its graph.
    """

    digest: str
    workflow: Workflow
    graph: Graph

    @classmethod
    def of(cls, digest: str, workflow: Workflow) -> Version:
        """The version of a definition that was checked."""
        return cls(digest, workflow, workflow.graph())

    def refusal(self, params: Mapping[str, Any]) -> str:
        """Why a run of it cannot begin, for people; empty if it can.

        Args:
            params: The run's parameters, a JSON object.
        """
        other = next((step for step in self.workflow.steps if not _is_call(step)), None)
        if other is not None:
            return f"step {other.name} is of the kind {other.kind}, which this release does not run yet"
        faults = given_faults(self.workflow.params, params, "params")
        return ", ".join(map(str, faults))


def _is_call(step: Step) -> bool:
    return isinstance(step.work, Task) and step.work.target.kind != WORKFLOW_KIND
