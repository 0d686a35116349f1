"""Python functions that jobs can call: what their authors import.

A function becomes a task by a decorator, and a job names it as its target::

    from tidewheel.tasks import current, task

    @task(name="reports.daily")              # @task alone: <module>.<function>
    def daily(region: str) -> dict[str, int]:
        run = current()
        done = run.restored or []            # the checkpoint of an earlier attempt
        for page in pages(region):
            run.raise_if_stopping()
            if page.id not in done:
                send(page, idempotency_key=f"{run.execution}/{page.id}")
                done.append(page.id)
                run.checkpoint(done)
        return {"pages": len(done)}          # JSON: the run's output

    {"kind": "python", "function": "reports.daily", "arguments": {"region": "eu"}}

Workers import the modules that hold tasks when they start: ``tidewheel worker --import reports``, or the environment
variable ``TIDEWHEEL_TASK_MODULES`` (names separated by commas). What a function prints, and the traceback of what it
raises, is the log of the run. An exception is a failure, which is retried by the job's ``retry`` policy; ``Permanent``
is not retried, and ``RetryAfter`` says how soon. A thread cannot be killed: when a call is to end (time-out, cancel, a
draining worker), ``stopping`` becomes true, and a function that does not return within two seconds is abandoned. Then
its attempt has failed, its thread runs on, and its next ``beat`` or ``checkpoint`` raises ``Stopped``. In threads of
its own a function uses the ``Run`` that it got from ``current``; what they print is not logged.

This module imports the standard library only.
"""

from __future__ import annotations

import importlib
import inspect
import json
import math
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypeVar, overload

Function = TypeVar("Function", bound=Callable[..., Any])

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,127}", re.ASCII)
_SUSPENDING = (inspect.iscoroutinefunction, inspect.isgeneratorfunction, inspect.isasyncgenfunction)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Permanent(Exception):
    """Raised by a task: the failure is not retried."""


class RetryAfter(Exception):
    """Raised by a task: it is to be retried after some time.

    Args:
        seconds: The least delay (s), up to a day.
        reason: Why.
    """

    def __init__(self, seconds: float, reason: str = "") -> None:
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(f"{seconds} is no time to wait: use 0 or more seconds")
        super().__init__(reason or f"to be tried again in {seconds:g} s")
        self.seconds = seconds


class Stopped(BaseException):
    """Ends a task. It derives from ``BaseException``, so that no ``except Exception`` of the task catches it."""


class CannotImport(Exception):
    """A module with tasks could not be imported; the text names it."""


class Line(Protocol):
    """The connection of a task to its worker."""

    @property
    def stopping(self) -> bool:
        """Whether the task is to end."""

    @property
    def restored(self) -> str:
        """The last checkpoint as text, or empty."""

    def beat(self) -> None:
        """Sends a heartbeat."""

    def checkpoint(self, state: str) -> None:
        """Keeps a text; raises ``ValueError`` if it is too long."""


@dataclass(frozen=True, slots=True)
class Run:
    """The execution that calls a task.

    Args:
        execution: The execution's id, which is the same in every attempt: the idempotency key.
        attempt: The number of the attempt, from 1: the fencing token.
        nominal_time: The instant that the schedule named (UTC).
        due_time: When the execution was due (UTC).
        line: The connection to the worker.
    """

    execution: str
    attempt: int
    nominal_time: datetime
    due_time: datetime
    line: Line

    @property
    def fencing_token(self) -> int:
        """The attempt's number: a store of effects refuses a token that is lower than one it has seen."""
        return self.attempt

    @property
    def stopping(self) -> bool:
        """Whether the function is to return: its time is over, a cancel was requested, or its worker has to end."""
        return self.line.stopping

    def raise_if_stopping(self) -> None:
        """Ends the function at this point if it is to end.

        Raises:
            Stopped: The function is to end.
        """
        if self.stopping:
            raise Stopped("told to end")

    def beat(self) -> None:
        """Sends a heartbeat, for jobs with a ``heartbeat``.

        Raises:
            Stopped: The function was abandoned.
        """
        self.line.beat()

    @property
    def restored(self) -> Any:
        """The last checkpoint of this or an earlier attempt; None if there is none."""
        return parsed(self.line.restored)

    def checkpoint(self, state: Any) -> None:
        """Stores a checkpoint for the next attempt. Counts as a heartbeat.

        Args:
            state: A JSON value of up to 8 KB.

        Raises:
            TypeError: The value is not JSON.
            ValueError: The value is too long, or holds a number that JSON has not, such as NaN.
            Stopped: The function was abandoned.
        """
        self.line.checkpoint(json.dumps(state, separators=(",", ":"), allow_nan=False))


def parsed(state: str) -> Any:
    """The value of a checkpoint; None if there is none, or if another kind of target stored it, not as JSON."""
    try:
        return json.loads(state)
    except ValueError:
        return None


_current: ContextVar[Run] = ContextVar("run")


def current() -> Run:
    """The run that calls the function.

    Raises:
        LookupError: No task runs in this thread; a test sets a run with ``running``.
    """
    try:
        return _current.get()
    except LookupError:
        raise LookupError("no task runs here: call this in a task, and pass the result on to its threads") from None


@contextmanager
def running(run: Run) -> Iterator[None]:
    """Makes a run the current one, as a worker does; for tests of tasks."""
    token = _current.set(run)
    try:
        yield
    finally:
        _current.reset(token)


def instant(ms: int) -> datetime:
    """The instant (UTC) of a number of ms since the epoch."""
    return _EPOCH + timedelta(milliseconds=ms)


# --- the registry -----------------------------------------------------------------------------------------

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
        return _register(function, f"{function.__module__}.{function.__name__}")
    return lambda given: _register(given, name)


def is_name(text: str) -> bool:
    """Whether the text is a valid name of a task."""
    return _NAME.fullmatch(text) is not None


def _register(function: Function, name: str) -> Function:
    if not is_name(name):
        raise ValueError(f"{name!r} is not a task's name: use up to 128 of A-Z a-z 0-9 _ . : - and begin with a letter")
    if any(suspends(function) for suspends in _SUSPENDING):
        raise TypeError(f"the task {name} returns before its work is done: register a function that does it")
    with _lock:
        before = _tasks.get(name, function)
        if _origin(before) != _origin(function):
            raise ValueError(
                f"the task {name} is {_origin(before)} already, and cannot be {_origin(function)}: rename it"
            )
        _tasks[name] = function
    return function


def _origin(function: Callable[..., Any]) -> str:
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
