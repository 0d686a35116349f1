"""A workflow that is being built, and its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar, Token
from typing import Any, Self

from tidewheel.workflows.references import Reference, owners, written

_building: ContextVar[Workflow | None] = ContextVar("building", default=None)


class Step:
    """A step of a workflow that is being built: ``a >> b`` has b wait for a, ``a >> [b, c]`` both of them.

    Args:
        workflow: The workflow that it is added to.
        name: Its name.
        fields: What it does and how, as in a document; it needs every step whose data they refer to.

    Raises:
        ValueError: The workflow has a step of this name, or the data is another workflow's.
    """

    def __init__(self, workflow: Workflow, name: str, fields: Mapping[str, Any]) -> None:
        if name in workflow.steps:
            raise ValueError(f"the workflow {workflow.name} has a step {name} already: give each a name of its own")
        self.workflow = workflow
        self.name = name
        self._fields = {field: value for field, value in fields.items() if value is not None}
        self._needs: dict[str, Mapping[str, Any] | None] = {}
        for owner in owners(self._fields):
            self.need(owner)
        workflow.steps[name] = self

    @property
    def output(self) -> Reference:
        """What it answers."""
        return Reference(f"$.steps.{self.name}.output", self)

    @property
    def state(self) -> Reference:
        """How it ended."""
        return Reference(f"$.steps.{self.name}.state", self)

    def need(self, other: Step, when: Mapping[str, Any] | None = None) -> None:
        """Has it wait for another step, whose output must meet a condition; a condition stays once it is given.

        Raises:
            ValueError: The other one is of another workflow, or another condition was given.
        """
        if other.workflow is not self.workflow:
            raise ValueError(f"{other.name} is a step of {other.workflow.name}, not of {self.workflow.name}")
        before = self._needs.get(other.name)
        if before is not None and when is not None and before != when:
            raise ValueError(f"{self.name} needs {other.name} under another condition: join them by & or |")
        self._needs[other.name] = before if when is None else when

    def __rshift__(self, other: Step | Sequence[Step]) -> Step | Sequence[Step]:
        for one in other if isinstance(other, Sequence) else [other]:
            one.need(self)
        return other

    def __rrshift__(self, others: Sequence[Step]) -> Step:
        for one in others:
            self.need(one)
        return self

    def document(self) -> dict[str, Any]:
        """The step as a document has it."""
        needs = [name if when is None else {"step": name, "when": when} for name, when in self._needs.items()]
        return {**written(self._fields), **({"needs": written(needs)} if needs else {})}


class Workflow:
    """A workflow that is being built; steps that are made in its ``with`` block are its own.

    Args:
        name: Its name.
        params: The parameters of its runs by name, as in a document: ``{"region": {"default": "eu"}}``.
        description: For people.
        failure: ``let_run`` or ``fail_fast``.
        tags: Labels.
    """

    def __init__(
        self,
        name: str,
        *,
        params: Mapping[str, Mapping[str, Any]] | None = None,
        description: str = "",
        failure: str = "let_run",
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        self.steps: dict[str, Step] = {}
        self._head = {
            "description": description,
            "failure": failure,
            "params": {name: dict(one) for name, one in (params or {}).items()},
            "tags": dict(tags or {}),
        }
        self._token: Token[Workflow | None] | None = None

    @property
    def params(self) -> Reference:
        """The parameters of a run: ``nightly.params.region``."""
        return Reference("$.run.params")

    def __enter__(self) -> Self:
        self._token = _building.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        if self._token is not None:
            _building.reset(self._token)

    def document(self) -> dict[str, Any]:
        """The definition, as a file has it."""
        steps = {name: step.document() for name, step in self.steps.items()}
        return {"name": self.name, **{field: one for field, one in self._head.items() if one}, "steps": steps}


def building() -> Workflow | None:
    """The workflow whose ``with`` block this is in; None outside of one."""
    return _building.get()


def added(name: str, fields: Mapping[str, Any]) -> Step:
    """A new step of the workflow that is being built.

    Raises:
        RuntimeError: None is.
    """
    workflow = building()
    if workflow is None:
        raise RuntimeError(f"the step {name} belongs to no workflow: make it in the block of `with Workflow(…)`")
    return Step(workflow, name, fields)
