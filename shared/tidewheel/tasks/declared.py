"""Functions that say beside their code when they are to run, and how."""

from __future__ import annotations

import inspect
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any, Literal, TypedDict, Unpack

from tidewheel.tasks.registry import Function, origin, register

POOL = "fargate"
"""The pool of long-running workers that every deployment has, the local cloud too."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}", re.ASCII)
_SCHEDULE = ("cron", "timezone", "every", "anchor", "at")
Duration = timedelta | str
"""As a ``timedelta``, or as the API takes it: ``30s``, ``PT1H``."""
Instant = datetime | str
"""With a time zone, or as the API takes it: ``2026-11-20T16:47:00Z``."""


class JobFields(TypedDict, total=False):
    """The fields of a job besides its name and its target, as the API takes them; one of the first five is needed.

    Args:
        cron: A cron expression.
        timezone: Its time zone, by IANA name.
        every: An interval.
        anchor: The instant from which the interval counts.
        at: The one instant at which it runs.
    """

    cron: str
    timezone: str
    every: Duration
    anchor: Instant
    at: Instant
    priority: Literal["critical", "high", "normal", "low"]
    precision: Literal["high", "normal", "low"]
    pool: str
    jitter: Duration
    window: Duration
    timeout: Duration
    deadline: Duration
    heartbeat: Duration
    retry: Mapping[str, Any]
    overlap: Literal["allow", "skip", "queue", "replace"]
    misfire: Mapping[str, Any]
    start: Instant
    end: Instant
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Declared:
    """A job as a function declares it.

    Args:
        name: The job's name, by which it is found again.
        document: The job as ``POST /v1/jobs`` takes it; its durations and instants may be Python's own.
        function: Whose job it is.
    """

    name: str
    document: Mapping[str, Any]
    function: Callable[..., Any]


_declared: dict[str, Declared] = {}
_lock = threading.Lock()


def job(
    *, name: str = "", task: str = "", arguments: Mapping[str, Any] | None = None, **fields: Unpack[JobFields]
) -> Callable[[Function], Function]:
    """Makes a function a task, and declares a job that calls it; the function is returned unchanged.

    Nothing is created by that: ``Client.register`` does it. A function may have several jobs, each with a name.

    Args:
        name: The job's name; else the task's.
        task: The task's name; else ``<module>.<function>``.
        arguments: What the function is called with.
        fields: When it runs, and how: see ``JobFields``. The pool is ``fargate`` unless given.

    Raises:
        TypeError: The function is asynchronous or a generator, or does not take the arguments.
        ValueError: There is no schedule, or a name is malformed or belongs to another function.
    """
    schedule = {key: fields[key] for key in _SCHEDULE if key in fields}  # type: ignore[literal-required] # its keys
    if not schedule.keys() & {"cron", "every", "at"}:
        raise ValueError("a job of a function needs a schedule: give cron, every or at")
    given = dict(arguments or {})

    def declare(function: Function) -> Function:
        known = task or f"{function.__module__}.{function.__name__}"
        inspect.signature(function).bind(**given)
        register(function, known)
        _keep(
            Declared(
                name or known,
                {
                    "name": name or known,
                    "unique_name": True,
                    "schedule": schedule,
                    "target": {"kind": "python", "function": known, "arguments": given},
                    "pool": POOL,
                    **{key: value for key, value in fields.items() if key not in _SCHEDULE},
                },
                function,
            )
        )
        return function

    return declare


def _keep(one: Declared) -> None:
    if not _NAME.fullmatch(one.name):
        raise ValueError(
            f"{one.name!r} cannot name a function's job: use up to 128 of A-Z a-z 0-9 _ . : @ - and begin with a letter"
        )
    with _lock:
        before = _declared.get(one.name, one)
        if origin(before.function) != origin(one.function):
            raise ValueError(f"the job {one.name} is {origin(before.function)}'s already: give another name")
        _declared[one.name] = one


def declared(*of: ModuleType | Callable[..., Any]) -> tuple[Declared, ...]:
    """The jobs that functions of this process have declared, by name.

    Args:
        of: Those of these functions, and of these modules and packages, which must be imported; else all.

    Raises:
        ValueError: One of these has declared none.
    """
    with _lock:
        found = sorted(_declared.values(), key=lambda one: one.name)
    for wanted in of:
        if not any(_belongs(one, wanted) for one in found):
            raise ValueError(f"{wanted.__name__} declares no job: put @job above a function, and import its module")
    return tuple(one for one in found if not of or any(_belongs(one, wanted) for wanted in of))


def _belongs(one: Declared, wanted: ModuleType | Callable[..., Any]) -> bool:
    if isinstance(wanted, ModuleType):
        return f"{one.function.__module__}.".startswith(f"{wanted.__name__}.")
    return origin(one.function) == origin(wanted)
