"""The tasks that this process has imported, by name."""

from __future__ import annotations

import importlib
import inspect
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar, overload

Function = TypeVar("Function", bound=Callable[..., Any])

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}", re.ASCII)
_SUSPENDING = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)


class CannotImport(Exception):
    """A module with tasks could not be imported; the text names it."""


_tasks: dict[str, Callable[..., Any]] = {}
_lock = threading.Lock()


@overload
def task(function: Function, /) -> Function: ...
@overload
def task(*, name: str) -> Callable[[Function], Function]: ...


def task(function: Function | None = None, /, *, name: str = "") -> Function | Callable[[Function], Function]:
    """Registers a function and returns it unchanged: ``@task``, or ``@task(name="reports.daily")``.

    Raises:
        TypeError: The function is asynchronous or a generator.
        ValueError: The name is malformed, or belongs to another function.
    """
    if function is not None:
        return register(function, f"{function.__module__}.{function.__name__}")
    return lambda given: register(given, name)


def is_name(text: str) -> bool:
    """Whether the text is a valid name of a task."""
    return _NAME.fullmatch(text) is not None


def register(function: Function, name: str) -> Function:
    """Registers a function under a name; raises what ``task`` does."""
    if not is_name(name):
        raise ValueError(f"{name!r} is not a task's name: use up to 128 of A-Z a-z 0-9 _ . : - and begin with a letter")
    if any(suspends(function) for suspends in _SUSPENDING):
        raise TypeError(f"the task {name} returns before its work is done: register a function that does it")
    with _lock:
        before = _tasks.get(name, function)
        if origin(before) != origin(function):
            raise ValueError(
                f"the task {name} is {origin(before)} already, and cannot be {origin(function)}: rename it"
            )
        _tasks[name] = function
    return function


def origin(function: Callable[..., Any]) -> str:
    """Where a function is defined; the same after its module was imported again."""
    return f"{function.__module__}.{function.__qualname__}"


def registered() -> Mapping[str, Callable[..., Any]]:
    """The tasks by name, as of now."""
    with _lock:
        return dict(_tasks)


def load(modules: Sequence[str]) -> None:
    """Imports the modules that hold tasks.

    Raises:
        CannotImport: A module could not be imported.
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:
            remedy = "name it as an import statement would, and see that it is installed or in PYTHONPATH"
            raise CannotImport(f"the task module {module!r} cannot be imported: {error!r}; {remedy}") from error
