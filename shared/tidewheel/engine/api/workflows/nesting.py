"""Workflows that run workflows: whether those are there, and how deep they lie in each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tidewheel.domain.workflows.definition import Workflow
from tidewheel.domain.workflows.faults import Fault, below
from tidewheel.domain.workflows.limits import MAX_NESTED_WORKFLOWS, MAX_WORKFLOW_DEPTH
from tidewheel.domain.workflows.params import given_faults
from tidewheel.domain.workflows.records import WorkflowVersion
from tidewheel.domain.workflows.works import LATEST, Map, SubWorkflow
from tidewheel.ports import WorkflowStore

_Key = tuple[str, str]
"""The name of a workflow and a version, or ``LATEST``."""


@dataclass(frozen=True, slots=True)
class Nesting:
    """Looks at the workflows that a definition runs, as they stand now; a run looks again.

    Args:
        store: Where they are.
        read: Reads a stored version's definition.
    """

    store: WorkflowStore
    read: Callable[[WorkflowVersion], Workflow]

    def faults(self, tenant: str, workflow: Workflow) -> Iterator[Fault]:
        """What is wrong with the workflows that a definition runs."""
        look = _Look(self, tenant, workflow)
        for step in workflow.steps:
            if step.sub_workflow is None:
                continue
            at = below("steps", step.name)
            at = below(below(at, "map") if isinstance(step.work, Map) else at, "workflow")
            yield from look.faults_of(step.sub_workflow, at)


@dataclass(slots=True)
class _Look:
    """One look at what a definition runs.

    Args:
        nesting: Reads.
        tenant: Whose it is.
        workflow: The definition, which stands for the latest version of its name.
    """

    nesting: Nesting
    tenant: str
    workflow: Workflow
    _read: dict[_Key, Workflow | None] = field(default_factory=dict)
    _longest: dict[_Key, tuple[str, ...]] = field(default_factory=dict)

    def faults_of(self, sub: SubWorkflow, at: str) -> Iterator[Fault]:
        """What is wrong with one of them, at its place."""
        try:
            found = self._definition(sub)
            if found is None:
                yield self._missing(sub, at)
                return
            names = (self.workflow.name, *self._below(sub, [(self.workflow.name, LATEST)]))
        except _Unbounded as told:
            yield Fault(at, str(told), told.remedy)
            return
        yield from given_faults(found.params, sub.params, below(at, "params"), filled_in=True)
        if len(names) > MAX_WORKFLOW_DEPTH:
            problem = f"workflows lie deeper than {MAX_WORKFLOW_DEPTH} in each other: {' -> '.join(names)}"
            yield Fault(at, problem, "let one of them do its steps itself")

    def _missing(self, sub: SubWorkflow, at: str) -> Fault:
        if sub.version == LATEST or self._definition(SubWorkflow(sub.workflow)) is None:
            return Fault(below(at, "name"), f"there is no workflow {sub.workflow!r}", "put that one first")
        problem = f"{sub.workflow!r} has no version {sub.version}"
        return Fault(below(at, "version"), problem, f"use one that its versions show, or {LATEST}")

    def _below(self, sub: SubWorkflow, above: list[_Key]) -> tuple[str, ...]:
        """The names along the longest way down from one, its own first; ``above`` are those that run it.

        Raises:
            _Unbounded: There is no end to it.
        """
        key = (sub.workflow, sub.version)
        if key in above:
            names = " -> ".join(name for name, _ in (*above, key))
            raise _Unbounded(f"workflows run each other for ever: {names}", "take one of them out")
        if key not in self._longest:
            found = self._definition(sub)
            inner = [one for _, one in found.sub_workflows] if found else []
            ways = [self._below(one, [*above, key]) for one in inner]
            self._longest[key] = (sub.workflow, *max(ways, key=len, default=()))
        return self._longest[key]

    def _definition(self, sub: SubWorkflow) -> Workflow | None:
        """The definition that one stands for; None if there is none."""
        key = (sub.workflow, sub.version)
        if key == (self.workflow.name, LATEST):
            return self.workflow
        if key not in self._read:
            if len(self._read) >= MAX_NESTED_WORKFLOWS:
                problem = f"more than {MAX_NESTED_WORKFLOWS} workflows lie below this one"
                raise _Unbounded(problem, "run fewer, or a map of one")
            self._read[key] = self._stored(sub)
        return self._read[key]

    def _stored(self, sub: SubWorkflow) -> Workflow | None:
        store = self.nesting.store
        record = store.get(self.tenant, sub.workflow)
        if record is None or record.deleted:
            return None
        digest = record.digest if sub.version == LATEST else sub.version
        version = store.version(self.tenant, sub.workflow, digest)
        return None if version is None else self.nesting.read(version)


class _Unbounded(Exception):
    """There is no end to the workflows below one, or it is too far away.

    Args:
        problem: Why, as a sentence without a full stop.
        remedy: What to do.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(problem)
        self.remedy = remedy
