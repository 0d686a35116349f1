"""What a task knows of the run that calls it, and what it may raise."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

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
