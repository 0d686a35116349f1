"""The ``python`` target: a function that was registered as a task (``tidewheel.tasks``), on a thread of its own."""

from __future__ import annotations

import inspect
import json
import threading
import traceback
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from tidewheel import tasks
from tidewheel.adapters.targets.answers import Tail, excerpt
from tidewheel.adapters.targets.printing import install, printing_to
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.executions.decisions.facts import Lack
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, Stop
from tidewheel.domain.jobs.job import Target
from tidewheel.domain.limits import SECOND_MS, STOP_MS
from tidewheel.ports import Call, Caller, CallProgress, Clock

KIND = "python"
_LOOK_MS = 250
_SHOWN = 5


def make(surroundings: Surroundings) -> Caller:
    """The caller of this kind."""
    return PythonTarget(surroundings.clock)


class PythonTarget:
    """``ports.SelectiveCaller`` for the kind ``python``.

    A function that is told to end has ``limits.STOP_MS`` to return. After that the call returns without it, since a
    thread cannot be killed: such threads are counted, and can no longer write logs, heartbeats or checkpoints.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._abandoned: list[threading.Thread] = []
        self._lock = threading.Lock()

    def lack(self, target: Target) -> Lack | None:
        """See ``ports.SelectiveCaller``: a worker has the tasks of the modules that it has imported."""
        name, known = str(target.spec["function"]), tasks.registered()
        return None if name in known else Lack(f"the task {name!r}", _remedy(name, known))

    def call(self, call: Call) -> Answer:
        """See ``ports.Caller``."""
        spec = call.target.spec
        name, arguments = str(spec["function"]), spec["arguments"]
        known = tasks.registered()
        if problem := _argument_problem(known[name], arguments):
            return Answer(Result.FAILED, reason=f"{name} cannot be called: {problem}", retryable=False)
        install()
        work = _Work(call, self._clock, lambda: known[name](**arguments))
        try:
            work.perform()
        except RuntimeError as error:
            return Answer(Result.FAILED, reason=f"the worker has no thread for it: {error}")
        return work.answer() if work.done else self._abandon(work)

    def _abandon(self, work: _Work) -> Answer:
        with self._lock:
            self._abandoned = [thread for thread in (*self._abandoned, work.thread) if thread.is_alive()]
            count = len(self._abandoned)
        return work.abandoned(count)


def _remedy(name: str, known: Mapping[str, object]) -> str:
    some = get_close_matches(name, known, _SHOWN, 0) or sorted(known)[:_SHOWN]
    registered = f"registered are {', '.join(some)}" if some else "none is registered"
    more = f" and {len(known) - len(some)} more" if len(known) > len(some) else ""
    return f"{registered}{more}; import its module with --import or TIDEWHEEL_TASK_MODULES"


def _argument_problem(function: Callable[..., Any], arguments: Mapping[str, Any]) -> str:
    try:
        inspect.signature(function).bind(**arguments)
    except TypeError as error:
        return str(error)
    except ValueError:  # a built-in function without a signature
        return ""
    return ""


class _Line:
    """``tasks.Line`` over the call's progress. It is cut when the call returns without its function."""

    def __init__(self, progress: CallProgress) -> None:
        self._progress = progress
        self.over = False
        self.cut = False

    @property
    def stopping(self) -> bool:
        return self.over or self.cut or self._progress.stopping is not None

    @property
    def restored(self) -> str:
        return self._progress.restored

    def beat(self) -> None:
        self._check()
        self._progress.beat()

    def checkpoint(self, state: str) -> None:
        self._check()
        self._progress.checkpoint(state)

    def _check(self) -> None:
        if self.cut:
            raise tasks.Stopped("the worker waits no longer for this function")


class _Work:
    """One call of a function."""

    def __init__(self, call: Call, clock: Clock, function: Callable[[], Any]) -> None:
        self._call = call
        self._clock = clock
        self._function = function
        self._line = _Line(call.progress)
        self._tail = Tail(())
        self._wake = threading.Event()
        self._result: Any = None
        self._error: BaseException | None = None
        self._late = False
        self.done = False
        self.thread = threading.Thread(target=self._work, name=f"task {call.execution}", daemon=True)

    def perform(self) -> None:
        """Starts the function and waits until it returns, or until its time to end has passed."""
        self._call.progress.on_stop(self._wake.set)
        until_ms = self._clock.monotonic_ms() + self._call.timeout_ms
        self.thread.start()
        while not self.done and self._call.progress.stopping is None and self._wait(until_ms):
            pass
        self._late = not self.done and self._call.progress.stopping is None
        self._line.over = True
        until_ms = self._clock.monotonic_ms() + STOP_MS
        while not self.done and self._wait(until_ms):
            pass
        self._line.cut = not self.done

    def _wait(self, until_ms: int) -> bool:
        """Waits until something happens, 250 ms at most. Returns whether time was left."""
        left_ms = until_ms - self._clock.monotonic_ms()
        if left_ms <= 0:
            return False
        self._wake.wait(min(left_ms, _LOOK_MS) / SECOND_MS)
        self._wake.clear()
        return True

    def _work(self) -> None:
        call = self._call
        run = tasks.Run(
            call.execution, call.attempt, tasks.instant(call.nominal_ms), tasks.instant(call.due_ms), self._line
        )
        try:
            with printing_to(self._print), tasks.running(run):
                self._result = self._function()
        except BaseException as error:  # noqa: BLE001 - whatever a function raises is its answer
            self._error = error
        self.done = True
        self._wake.set()

    def _print(self, data: bytes) -> bool:
        if self._line.cut:
            return False
        self._call.progress.write(data)
        self._tail.add(data)
        return True

    def answer(self) -> Answer:
        """The answer of a function that has ended."""
        error = self._error
        if error is None:
            return Answer(Result.SUCCEEDED, output=self._output() or self._tail.text())
        if isinstance(error, tasks.Stopped):
            return self._stopped()
        self._print(
            "".join(traceback.format_exception(error.with_traceback(_from_the_function(error)))).encode(
                errors="replace"
            )
        )
        output, reason = self._tail.text(), f"{type(error).__name__}: {error}"
        match error:
            case tasks.Permanent():
                return Answer(Result.FAILED, output=output, reason=reason, retryable=False)
            case tasks.RetryAfter(seconds=seconds):
                return Answer(Result.FAILED, output=output, reason=reason, retry_after_ms=round(seconds * SECOND_MS))
        return Answer(Result.FAILED, output=output, reason=reason)

    def abandoned(self, count: int) -> Answer:
        """The answer for a function that has not returned.

        Args:
            count: How many such threads this worker has.
        """
        reason = (
            f"it did not return within {STOP_MS} ms of being told; its thread goes on ({count} such in this worker)"
        )
        self._call.progress.write(f"\n[{reason}]\n".encode())
        return self._unfinished(reason)

    def _stopped(self) -> Answer:
        return self._unfinished("it ended when it was told to")

    def _unfinished(self, reason: str) -> Answer:
        stop = self._call.progress.stopping
        if stop is None and not self._late:
            return Answer(
                Result.FAILED, output=self._tail.text(), reason="it raised Stopped, and nobody had told it to"
            )
        if self._late or stop is Stop.TIMED_OUT:
            reason = f"no end within {self._call.timeout_ms} ms; {reason}"
            return Answer(Result.TIMED_OUT, output=self._tail.text(), reason=reason)
        return Answer(Result.FAILED, output=self._tail.text(), reason=f"told to end ({stop}); {reason}")

    def _output(self) -> str:
        """The function's value as JSON, cut to what the record keeps; a longer one goes to the log as a whole."""
        if self._result is None:
            return ""
        try:
            text = json.dumps(self._result, ensure_ascii=False).encode(errors="replace")
        except (TypeError, ValueError, RecursionError) as error:  # the work is done: a failure would repeat it
            self._print(f"\n[the value of the function was dropped: {error}]\n".encode(errors="replace"))
            return ""
        shown = excerpt(text, self._call.output_bytes)
        if shown.encode() != text:
            self._print(text + b"\n")
        return shown


def _from_the_function(error: BaseException) -> Any:
    """The traceback without the frames of this module."""
    return error.__traceback__ and error.__traceback__.tb_next and error.__traceback__.tb_next.tb_next
