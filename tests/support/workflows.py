"""Workflows for tests: built from a few words, and kept as a deployment keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tidewheel.domain.jobs.job import Target
from tidewheel.domain.workflows.definition import FailurePolicy, Need, Step, Workflow, digest_of
from tidewheel.domain.workflows.works import Task
from tidewheel.engine.orchestration.versions import VersionCache


def no_versions() -> VersionCache:
    """The versions of a deployment that has no workflow."""
    return VersionCache(lambda _tenant, _name, _digest: None, lambda _tenant, _name: None)


def a_step(name: str, *needs: str, spec: Mapping[str, Any] | None = None, **fields: Any) -> Step:
    """A step with a target of the kind ``http`` that needs others, by name."""
    body = {"url": f"https://example.com/{name}", **(spec or {})}
    return Step(name, Task(Target("http", body)), tuple(map(Need, needs)), **fields)


def a_workflow(*steps: Step, name: str = "flow", failure: FailurePolicy = FailurePolicy.LET_RUN) -> Workflow:
    """A workflow of these steps; like one that was read, it has them in the order of their names."""
    return Workflow(name, tuple(sorted(steps, key=lambda step: step.name)), failure=failure)


@dataclass
class KeptWorkflows:
    """The versions that a test has put, for every tenant."""

    by_digest: dict[str, Workflow] = field(default_factory=dict)
    newest: dict[str, str] = field(default_factory=dict)

    def put(self, workflow: Workflow) -> str:
        """Keeps a version; returns its digest."""
        digest = digest_of({"repr": repr(workflow)})
        self.by_digest[digest] = workflow
        self.newest[workflow.name] = digest
        return digest

    def versions(self) -> VersionCache:
        """What a process knows of them that starts now."""
        return VersionCache(
            lambda _tenant, _name, digest: self.by_digest.get(digest), lambda _tenant, name: self.newest.get(name)
        )
