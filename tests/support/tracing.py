"""Which functions of the product a piece of work passes, on all its threads, and what it asks of AWS meanwhile."""

from __future__ import annotations

import inspect
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

from botocore.client import BaseClient

OWN = ("tidewheel", "functions")
"""The packages whose functions are noted."""
_AWS_CALL = inspect.unwrap(BaseClient._make_api_call).__code__
_THREAD_RUN = threading.Thread.run.__code__
_GENERATED = "<string>"
_NO_FUNCTIONS = {"<module>", "<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"}


@dataclass(frozen=True, slots=True)
class Step:
    """A function that was entered, or a call to AWS.

    Args:
        module: Dotted name; empty for a call to AWS.
        name: Qualified name of the function; for a call to AWS ``service.Operation``.
        depth: How many functions of the product were under way on the same thread.
        code: What was entered; None for a call to AWS.
    """

    module: str
    name: str
    depth: int
    code: CodeType | None = None


class Tracer:
    """Notes steps while it is recording; used with ``with tracer.installed()`` around everything.

    It must be installed before the work's threads are started, which is why it can be silent. A thread that was
    started to run a function of the product itself counts in the recording in which it was started alone: if it
    outlives that it is a loop in the background, and what it passes later is chance. Threads of executors always count.
    """

    def __init__(self) -> None:
        self._steps: list[Step] | None = None
        self._thread = threading.local()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Has this thread, and all that are started from now on, looked at."""
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    @contextmanager
    def recording(self) -> Iterator[list[Step]]:
        """Gives the list that steps are added to, in the order in which they happen."""
        self._steps = steps = []
        try:
            yield steps
        finally:
            self._steps = None

    @contextmanager
    def unnoticed(self) -> Iterator[None]:
        """Leaves out what this thread does meanwhile."""
        self._thread.belongs_to = None
        try:
            yield
        finally:
            del self._thread.belongs_to

    def _profile(self, frame: FrameType, event: str, _argument: Any) -> None:
        if event not in {"call", "return"}:
            return
        code = frame.f_code
        if code is _AWS_CALL:
            self._asked(frame, event)
        elif _is_own(frame):
            self._passed(frame, event)

    def _asked(self, frame: FrameType, event: str) -> None:
        if event == "call":
            service = frame.f_locals["self"].meta.service_model.service_name
            self._note(Step("", f"{service}.{frame.f_locals['operation_name']}", self._depth))

    def _passed(self, frame: FrameType, event: str) -> None:
        if event == "return":
            self._depth -= 1
            return
        if frame.f_back is not None and frame.f_back.f_code is _THREAD_RUN:
            self._thread.belongs_to = self._steps
        self._note(Step(frame.f_globals["__name__"], frame.f_code.co_qualname, self._depth, frame.f_code))
        self._depth += 1

    def _note(self, step: Step) -> None:
        steps = self._steps
        if steps is not None and getattr(self._thread, "belongs_to", steps) is steps:
            steps.append(step)

    @property
    def _depth(self) -> int:
        return getattr(self._thread, "depth", 0)

    @_depth.setter
    def _depth(self, depth: int) -> None:
        self._thread.depth = depth


def _is_own(frame: FrameType) -> bool:
    """Whether it is a function that somebody wrote here; what ``dataclass`` generates is not."""
    code = frame.f_code
    package = frame.f_globals.get("__name__", "").partition(".")[0]
    return package in OWN and code.co_name not in _NO_FUNCTIONS and code.co_filename != _GENERATED
