"""The steps that a workflow may have, of functions and of every other kind."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, TypedDict, Unpack, overload

from tidewheel.tasks.declared import POOL
from tidewheel.tasks.registry import register
from tidewheel.workflows.references import Reference, item
from tidewheel.workflows.workflow import Step, added, building

Duration = str | timedelta


class How(TypedDict, total=False):
    """When a step runs, and how its target is called; as in a document.

    Args:
        rule: A trigger rule, such as ``none_failed``.
        depends: Instead, an expression such as ``extract.Succeeded && load.Failed``.
        setup: Whether it is a setup step.
        description: For people.
        retry: The retry policy, such as ``{"max_attempts": 5}``.
        timeout: Of one attempt.
        heartbeat: How long a call may be silent.
        pool: Whose workers call it.
        priority: ``critical``, ``high``, ``normal`` or ``low``.
        precision: ``high``, ``normal`` or ``low``.
    """

    rule: str
    depends: str
    setup: bool
    description: str
    retry: Mapping[str, Any]
    timeout: Duration
    heartbeat: Duration
    pool: str
    priority: str
    precision: str


class MapFields(TypedDict, total=False):
    """How a map goes through its items; as in a document.

    Args:
        page: Items in a page.
        concurrency: Pages side by side.
        tolerate: Items that may fail.
        tolerate_percent: The same as a share of all.
        ordered: Whether they begin in their order.
    """

    page: int
    concurrency: int
    tolerate: int
    tolerate_percent: float
    ordered: bool


@dataclass(frozen=True, slots=True)
class Manifest:
    """The lines of an object in S3, to map over.

    Args:
        bucket: Its bucket.
        key: Its key.
        format: ``json-lines`` or ``csv``.
    """

    bucket: str
    key: str
    format: str = "json-lines"


_WHEN = ("rule", "depends", "setup", "description")
Items = Reference | Sequence[Any] | range | Manifest
"""What can be mapped over."""


def _items(over: Items) -> dict[str, Any]:
    match over:
        case Manifest(bucket, key, format):
            return {"manifest": {"bucket": bucket, "key": key, "format": format}}
        case range():
            return {"range": {"start": over.start, "stop": over.stop, "step": over.step}}
        case Reference():
            return {"over": over}
    return {"over": list(over)}


@dataclass(frozen=True, slots=True)
class StepFunction:
    """A function that is a task, and a step wherever it is called within a workflow that is being built.

    Args:
        function: The function.
        task: The name that it is registered by.
        name: The name of its steps.
        how: How it is called.
    """

    function: Callable[..., Any]
    task: str
    name: str
    how: How = field(default_factory=How)

    def __call__(self, *args: Any, **arguments: Any) -> Any:
        """A step with these arguments; outside of a workflow's block, what the function returns."""
        if building() is None:
            return self.function(*args, **arguments)
        return added(self.name, {"target": self._target(args, arguments), **self.how})

    def map(
        self, over: Items, *, name: str | None = None, arguments: Mapping[str, Any] | None = None, **fields: Any
    ) -> Step:
        """A step that calls the function for each item, which is its first argument.

        Args:
            over: The items: a list, a range, a manifest, or a reference to a list.
            name: The step's name; else the function's.
            arguments: Its other arguments.
            fields: How the map goes through its items (``MapFields``), and how the function is called (``How``).
        """
        of_map, how = _parted(fields)
        target = self._target((item,), dict(arguments or {}))
        return added(name or self.name, {"map": {**_items(over), "target": target, **of_map}, **self.how, **how})

    def named(self, name: str, **how: Unpack[How]) -> StepFunction:
        """The same function for a step of another name, and called in another way."""
        return replace(self, name=name, how=How(**{**self.how, **how}))

    def _target(self, args: Sequence[Any], arguments: Mapping[str, Any]) -> dict[str, Any]:
        bound = inspect.signature(self.function).bind(*args, **arguments)
        return {"kind": "python", "function": self.task, "arguments": dict(bound.arguments)}


def _parted(fields: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields of a map, and the others."""
    of_map = {name: value for name, value in fields.items() if name in MapFields.__annotations__}
    return of_map, {name: value for name, value in fields.items() if name not in of_map}


@overload
def step(function: Callable[..., Any], /) -> StepFunction: ...
@overload
def step(*, task: str = "", name: str = "", **how: Unpack[How]) -> Callable[[Callable[..., Any]], StepFunction]: ...


def step(
    function: Callable[..., Any] | None = None, /, *, task: str = "", name: str = "", **how: Unpack[How]
) -> StepFunction | Callable[[Callable[..., Any]], StepFunction]:
    """Registers a function as a task, and makes it one that workflows can have as a step: ``@step``, or with options.

    Unless a pool is named, it runs on ``fargate``: workers on Lambda import no functions.

    Args:
        function: The function.
        task: The name of the task; else ``<module>.<function>``.
        name: The name of its steps; else the function's.
        how: How it is called (``How``).

    Raises:
        TypeError: The function is asynchronous or a generator.
        ValueError: The name of the task is malformed, or belongs to another function.
    """

    def made(given: Callable[..., Any]) -> StepFunction:
        known = task or f"{given.__module__}.{given.__name__}"
        register(given, known)
        return StepFunction(given, known, name or given.__name__, How(**{"pool": POOL, **how}))

    return made if function is None else made(function)


def call(name: str, target: Mapping[str, Any], **how: Unpack[How]) -> Step:
    """A step that calls a target of any kind: ``call("tell", {"kind": "sqs", "queue": "done"})``."""
    return added(name, {"target": target, **how})


def approval(name: str, message: str, **fields: Any) -> Step:
    """A step in which people decide.

    Args:
        name: Its name.
        message: What is asked.
        fields: The other fields of an approval, and when the step runs (``rule`` and the like of ``How``).
    """
    when: dict[str, Any] = {field: fields.pop(field) for field in _WHEN if field in fields}
    return added(name, {"approval": {"message": message, **fields}, **when})


def wait(
    name: str,
    *,
    duration: Duration | None = None,
    until: Any = None,
    at: str | None = None,
    timezone: str | None = None,
    **when: Any,
) -> Step:
    """A step that lets time pass: a duration, up to an instant, or up to a time of day in a zone."""
    given = {"duration": duration, "until": until, "at": at, "timezone": timezone}
    return added(name, {"wait": {field: value for field, value in given.items() if value is not None}, **when})


def run(
    name: str, workflow: str, *, version: str = "latest", params: Mapping[str, Any] | None = None, **when: Any
) -> Step:
    """A step that runs another workflow, and ends as that run does."""
    return added(name, {"workflow": _workflow(workflow, version, params), **when})


def _workflow(name: str, version: str, params: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"name": name, "version": version, "params": dict(params or {})}


def each(
    name: str,
    over: Items,
    *,
    target: Mapping[str, Any] | None = None,
    workflow: str | None = None,
    version: str = "latest",
    params: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Step:
    """A step that calls a target, or runs a workflow, for each of many items.

    What is called, and the parameters, may refer to ``item`` and ``index``.

    Args:
        name: Its name.
        over: The items.
        target: What is called.
        workflow: Or the workflow that is run.
        version: Of that.
        params: Of that.
        fields: How the map goes through its items (``MapFields``), and how the target is called (``How``).
    """
    of_map, how = _parted(fields)
    done = {"target": target} if workflow is None else {"workflow": _workflow(workflow, version, params)}
    return added(name, {"map": {**_items(over), **done, **of_map}, **how})
