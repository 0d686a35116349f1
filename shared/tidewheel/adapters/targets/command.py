"""The ``command`` target: a program with its arguments; exit status 0 is a success, unless it was told to end."""

from __future__ import annotations

import errno
import os
import selectors
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tidewheel.adapters.targets.answers import Tail
from tidewheel.adapters.targets.program_user import home_of
from tidewheel.adapters.targets.programs import Program, ProgramEnd, ProgramSpec, WakePipe
from tidewheel.adapters.targets.secret_resolver import SecretResolver, SecretUnavailable
from tidewheel.adapters.targets.state_file import StateFile
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, Stop
from tidewheel.domain.jobs.concealing import forms
from tidewheel.domain.jobs.secret import reference_of
from tidewheel.domain.limits import COMMAND_GRACE_MS, FOREVER_MS, SECOND_MS, STATE_LOOK_MS, STOP_MS
from tidewheel.ports import Call, Caller, Clock
from tidewheel.wire.values import parse_duration, to_ms

KIND = "command"
INHERITED = ("PATH", "HOME", "LANG", "TZ")
"""The variables that a program inherits from its worker: none of them holds credentials."""
_SHELL = "/bin/sh"
_TRANSIENT = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY, errno.EIO}

_GRACE_LIMITS = {Stop.LEASE_LOST: STOP_MS, Stop.DRAINED: COMMAND_GRACE_MS}
"""The longest grace (ms) by reason: another worker waits for the run, or this worker is to shut down."""


def make(surroundings: Surroundings) -> Caller:
    """The caller of this kind."""
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return CommandTarget(surroundings, inherited)


class CommandTarget:
    """``ports.Caller`` for the kind ``command``.

    When the call is told to end, or its time-out passes, the program's process group gets SIGTERM, and after the job's
    ``grace`` SIGKILL. The grace may be longer than ``limits.STOP_MS``, except for the reasons in ``_GRACE_LIMITS``.

    Args:
        surroundings: Of the worker.
        inherited: The variables that each program gets beside those that its job sets.
    """

    def __init__(self, surroundings: Surroundings, inherited: Mapping[str, str]) -> None:
        self._surroundings = surroundings
        self._inherited = inherited

    def call(self, call: Call) -> Answer:
        """See ``ports.Caller``."""
        try:
            with tempfile.TemporaryDirectory(
                prefix="tidewheel-",
                ignore_cleanup_errors=True,  # the program may have changed its permissions
            ) as folder:
                return self._run(call, Path(folder))
        except SecretUnavailable as error:
            return error.answer()
        except OSError as error:
            return Answer(Result.FAILED, reason=f"the worker could not start a program: {error}")

    def _run(self, call: Call, folder: Path) -> Answer:
        spec = call.target.spec
        resolver = SecretResolver(self._surroundings.secrets, call)
        given: Mapping[str, str] = {name: resolver.resolved(value) for name, value in spec["environment"].items()}
        user = self._surroundings.program_user
        own = folder if user is None else _room(folder)
        state = StateFile(own, call.progress)
        if user is not None:
            for path in (state.path, own):
                os.chown(path, user.uid, user.gid)
        environment = {
            "PATH": os.defpath,
            **self._inherited,
            **({"HOME": home_of(user, str(own))} if user else {}),
            **given,
            **_identity(call),
            "TIDEWHEEL_STATE_FILE": str(state.path),
        }
        order = ProgramSpec(_argv(spec), environment, spec["directory"], folder, user)
        with WakePipe() as wake, Program(order) as program:
            call.progress.on_stop(wake.wake)
            watch = _Supervisor(
                call, self._surroundings.clock, program, state, Tail(_secrets(spec, given), call.output_bytes)
            )
            watch.follow(wake)
        state.read()
        return watch.answer()


def _room(folder: Path) -> Path:
    """A folder for another user within one of the worker's, so that its owner cannot put a link in its place."""
    folder.chmod(0o711)
    room = folder / "run"
    room.mkdir(mode=0o700)
    return room


def _secrets(spec: Mapping[str, Any], given: Mapping[str, str]) -> Iterator[str]:
    """The secrets in a program's environment, in each form in which it may print them."""
    for name, value in spec["environment"].items():
        if (reference := reference_of(value)) is not None:
            yield from forms(given[name].removeprefix(reference.prefix))


def _argv(spec: Mapping[str, Any]) -> Sequence[str]:
    """The program and its arguments; a shell only where the job asks for one."""
    return (_SHELL, "-c", spec["command"]) if spec["shell"] else tuple(spec["command"])


def _identity(call: Call) -> Mapping[str, str]:
    """The variables that identify the run to the program; a job cannot override them."""
    return {
        "TIDEWHEEL_EXECUTION": call.execution,
        "TIDEWHEEL_ATTEMPT": str(call.attempt),
        "TIDEWHEEL_FENCING_TOKEN": str(call.attempt),
        "TIDEWHEEL_NOMINAL_TIME": str(call.nominal_ms),
        "TIDEWHEEL_DUE_TIME": str(call.due_ms),
    }


class _Supervisor:
    """Reads one program's output and ends the program when it must, on the thread of the call."""

    def __init__(self, call: Call, clock: Clock, program: Program, state: StateFile, tail: Tail) -> None:
        self._call = call
        self._clock = clock
        self._program = program
        self._state = state
        self._tail = tail
        self._grace_ms = to_ms(parse_duration(call.target.spec["grace"]))
        now = clock.monotonic_ms()
        self._until_ms = now + call.timeout_ms
        self._look_ms = now + STATE_LOOK_MS
        self._told: Stop | None = None
        self._kill_ms = self._abandon_ms = FOREVER_MS
        self._abandoned = False

    def follow(self, wake: WakePipe) -> None:
        """Returns when the program and all its descendants have ended."""
        with selectors.DefaultSelector() as selector:
            for descriptor, act in (
                (self._program.output, lambda: self._take(selector)),
                (self._program.report, self._program.read_report),
                (wake.fd, wake.clear),
            ):
                selector.register(descriptor, selectors.EVENT_READ, act)
            while not self._program.over:
                for key, _ in selector.select(self._pause_ms() / SECOND_MS):
                    key.data()
                self._judge(self._clock.monotonic_ms())
        for piece in self._program.rest():
            self._keep(piece)

    def _take(self, selector: selectors.BaseSelector) -> None:
        piece = self._program.read_output()
        if piece:
            self._keep(piece)
        elif piece is not None:
            selector.unregister(self._program.output)

    def _keep(self, piece: bytes) -> None:
        self._call.progress.write(piece)
        self._tail.add(piece)

    def _pause_ms(self) -> int:
        next_ms = min(self._look_ms, self._until_ms if self._told is None else self._kill_ms, self._abandon_ms)
        return max(0, min(STATE_LOOK_MS, next_ms - self._clock.monotonic_ms()))

    def _judge(self, now: int) -> None:
        if now >= self._look_ms:
            self._look_ms = now + STATE_LOOK_MS
            self._state.look()
        stop = self._call.progress.stopping or (Stop.TIMED_OUT if now >= self._until_ms else None)
        if stop is not None and self._told is None:
            self._told = stop
            self._kill_ms = now + min(self._grace_ms, _GRACE_LIMITS.get(stop, FOREVER_MS))
            self._program.terminate()
        if now >= self._kill_ms:
            self._kill_ms, self._abandon_ms = FOREVER_MS, now + STOP_MS
            self._program.kill()
        if now >= self._abandon_ms:
            self._abandoned = True
            self._program.abandon()

    def answer(self) -> Answer:
        """The answer, once ``follow`` has returned."""
        output, end = self._tail.text(), self._program.ending()
        if end.problem:
            reason = f"the program cannot be started: {end.problem}"
            return Answer(Result.FAILED, reason=reason, retryable=end.errno in _TRANSIENT)
        how = _how(end)
        if self._abandoned:
            how = "it could not be ended: the system does not let go of it"
        if end.status == 0 and not end.told:
            return Answer(Result.SUCCEEDED, 0, output)
        if self._told is Stop.TIMED_OUT:
            return Answer(Result.TIMED_OUT, output=output, reason=f"no end within {self._call.timeout_ms} ms; {how}")
        if self._told is not None:
            return Answer(Result.FAILED, output=output, reason=f"told to end ({self._told}); {how}")
        exited = end.status is not None and end.status > 0
        return Answer(Result.FAILED, end.status if exited else None, output, how)


def _how(end: ProgramEnd) -> str:
    if end.status is None:
        return "its launcher was killed"
    return f"exit status {end.status}" if end.status >= 0 else f"killed by {_name(-end.status)}"


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
