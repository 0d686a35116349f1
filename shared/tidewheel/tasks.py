"""Python functions that jobs can call: what their authors import.

A function becomes a task by a decorator, and a job names it as its target::

    from tidewheel.tasks import current, task

    @task(name="reports.daily")              # @task alone: <module>.<function>
    def daily(region: str) -> dict[str, int]:
        run = current()
        done = run.restored or []            # what an attempt before this one kept
        for page in pages(region):
            run.raise_if_stopping()
            if page.id not in done:
                send(page, idempotency_key=f"{run.execution}/{page.id}")
                done.append(page.id)
                run.checkpoint(done)
        return {"pages": len(done)}          # JSON: the run's output

    {"kind": "python", "function": "reports.daily", "arguments": {"region": "eu"}}

Workers import the modules that hold tasks when they start: ``tidewheel worker --import reports``, or the environment
variable ``TIDEWHEEL_TASK_MODULES`` (names parted by commas). What a function prints is the run's log, and so is the
traceback of what it raises. Any exception is a failure that is tried again as the job's ``retry`` says; ``Permanent``
is not, ``RetryAfter`` says how soon. A thread cannot be killed: a function that is to end (time-out, cancellation, a
worker that drains) finds ``stopping`` true, and one that does not return within two seconds is abandoned: its attempt
has failed, its thread goes on, and its next ``beat`` or ``checkpoint`` raises ``Stopped``. In threads of its own a
function uses the ``Run`` that ``current`` gave it; what they print is not in the log.

This module stands on the standard library alone.
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
    """Raised by a task: trying again would not help."""


class RetryAfter(Exception):
    """Raised by a task: it is to be tried again, and no sooner than after some time.

    Args:
        seconds: How long to wait at least, up to a day.
        reason: Why.
    """

    def __init__(self, seconds: float, reason: str = "") -> None:
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ValueError(f"{seconds} is no time to wait: use 0 or more seconds")
        super().__init__(reason or f"to be tried again in {seconds:g} s")
        self.seconds = seconds


class Stopped(BaseException):
    """Ends a task that is to end; no ``except Exception`` of its own holds it up."""


class CannotImport(Exception):
    """A module with tasks could not be imported; the text names it."""


class Line(Protocol):
    """What connects a task with its worker."""

    @property
    def stopping(self) -> bool:
        """Whether the task is to end."""

    @property
    def restored(self) -> str:
        """The last checkpoint as text, or empty."""

    def beat(self) -> None:
        """Gives a sign of life."""

    def checkpoint(self, state: str) -> None:
        """Keeps a text; raises ``ValueError`` if it is too long."""


@dataclass(frozen=True, slots=True)
class Run:
    """What a task gets to know of its run.

    Args:
        execution: The execution's id, the same in every attempt: an idempotency key.
        attempt: The attempt's number, which is the fencing token: a higher one outranks a lower.
        nominal_time: The instant that the schedule names (UTC).
        due_time: When the run had to start (UTC).
        line: The line to the worker.
    """

    execution: str
    attempt: int
    nominal_time: datetime
    due_time: datetime
    line: Line

    @property
    def fencing_token(self) -> int:
        """The attempt's number: whoever stores an effect refuses a token that is lower than one it has seen."""
        return self.attempt

    @property
    def stopping(self) -> bool:
        """Whether the function is to return: its time is over, or someone wants it to end."""
        return self.line.stopping

    def raise_if_stopping(self) -> None:
        """Ends the function, where it stands, if it is to end.

        Raises:
            Stopped: It is.
        """
        if self.stopping:
            raise Stopped("told to end")

    def beat(self) -> None:
        """Says that it is alive, for jobs with a ``heartbeat``.

        Raises:
            Stopped: It was abandoned.
        """
        self.line.beat()

    @property
    def restored(self) -> Any:
        """The last checkpoint, of this attempt or one before; None if there is none."""
        return parsed(self.line.restored)

    def checkpoint(self, state: Any) -> None:
        """Keeps where the work stands for the next attempt. Counts as a beat.

        Args:
            state: What JSON can say, up to 8 KB of it.

        Raises:
            TypeError: JSON cannot say it.
            ValueError: It is too long, or holds a number that JSON does not know.
            Stopped: The function was abandoned.
        """
        self.line.checkpoint(json.dumps(state, separators=(",", ":"), allow_nan=False))


def parsed(state: str) -> Any:
    """A checkpoint's value; None if there is none, or if it is no JSON: then another kind of target left it."""
    try:
        return json.loads(state)
    except ValueError:
        return None


_current: ContextVar[Run] = ContextVar("run")


def current() -> Run:
    """The run that calls the function.

    Raises:
        LookupError: There is none; a test makes one by ``running``.
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
    """The instant, UTC, of ms since the epoch."""
    return _EPOCH + timedelta(milliseconds=ms)


# --- the registry -----------------------------------------------------------------------------------------

_tasks: dict[str, Callable[..., Any]] = {}
_lock = threading.Lock()


@overload
def task(function: Function, /) -> Function: ...
@overload
def task(*, name: str) -> Callable[[Function], Function]: ...


def task(function: Function | None = None, /, *, name: str = "") -> Function | Callable[[Function], Function]:
    """Registers a function, which stays what it was: ``@task``, or ``@task(name="reports.daily")``.

    Raises:
        TypeError: It cannot be called on a thread: it is asynchronous or a generator.
        ValueError: The name cannot be one, or is another function's.
    """
    if function is not None:
        return _register(function, f"{function.__module__}.{function.__name__}")
    return lambda given: _register(given, name)


def is_name(text: str) -> bool:
    """Whether a task may be called so."""
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
        CannotImport: One could not be imported.
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except Exception as error:
            remedy = "name it as an import statement would, and see that it is installed or in PYTHONPATH"
            raise CannotImport(f"the task module {module!r} cannot be imported: {error!r}; {remedy}") from error
