"""A program that runs beside the worker, behind its launcher; see ``launch``."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tidewheel.adapters.targets import launch

_LAUNCHER = Path(launch.__file__)
_FLAGS = ("-I", "-S", "-B", "-X", "utf8")  # none of the worker's packages and settings: it starts in 20 ms
_NEEDED = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")  # of the worker's environment, by the launcher's own Python
_CHUNK = 65_536
_DRAINS = 64


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run.

    Args:
        argv: The program and its arguments.
        environment: All of its environment.
        directory: Where it runs, or None for where the worker does.
        folder: What is to be removed if the worker vanishes.
    """

    argv: Sequence[str]
    environment: Mapping[str, str]
    directory: str | None
    folder: Path

    def encoded(self) -> bytes:
        """As the launcher reads it."""
        document = {
            "argv": list(self.argv),
            "environment": dict(self.environment),
            "directory": self.directory,
            "folder": str(self.folder),
        }
        text = json.dumps(document).encode()
        return len(text).to_bytes(launch.LENGTH_BYTES, "big") + text


@dataclass(frozen=True, slots=True)
class Ending:
    """How a program ended.

    Args:
        status: Its exit status; below zero the signal that killed it; None if the launcher vanished before it knew.
        told: Whether it was told to end while it ran.
        problem: Why it could not be started, else empty.
        errno: The system's number of that problem.
    """

    status: int | None = None
    told: bool = True
    problem: str = ""
    errno: int | None = None


class Program:
    """One program, from its start to the end of all that comes of it. Used by one thread.

    Raises:
        OSError: The launcher could not be started.
    """

    def __init__(self, order: Order) -> None:
        self.report, write = os.pipe()
        try:
            self._launcher = subprocess.Popen(  # noqa: S603 - argv is the launcher's
                [sys.executable, *_FLAGS, str(_LAUNCHER), str(write)],
                bufsize=0,
                env={name: os.environ[name] for name in _NEEDED if name in os.environ},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(write,),
                start_new_session=True,  # no signal of a terminal's reaches it
            )
        except BaseException:
            os.close(self.report)
            raise
        finally:
            os.close(write)
        assert self._launcher.stdout is not None
        self.output = self._launcher.stdout.fileno()
        os.set_blocking(self.output, False)
        self.over = False
        self._reported = b""
        self._tell(order.encoded())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.over:
            self.abandon()
        self._launcher.__exit__(kind, error, trace)
        os.close(self.report)

    def terminate(self) -> None:
        """Sends SIGTERM to the program's group; what is left of it keeps the call open until it has ended."""
        self._tell(launch.TERM)

    def kill(self) -> None:
        """Ends the program and all that came of it at once."""
        self._tell(launch.KILL)

    def abandon(self) -> None:
        """Ends launcher, program and group by hand, where the launcher did not do it. Its status stays unknown."""
        self._launcher.kill()
        if (group := self._said().get("started")) is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        self.over = True

    def read_output(self) -> bytes | None:
        """What the program has written since, as far as it is there; empty at the end, None if nothing is there."""
        try:
            return os.read(self.output, _CHUNK)
        except BlockingIOError:
            return None

    def rest(self) -> list[bytes]:
        """What is left of its output once it is over; a pipe holds no more than this reads."""
        parts: list[bytes] = []
        while len(parts) < _DRAINS and (part := self.read_output()):
            parts.append(part)
        return parts

    def read_report(self) -> None:
        """Takes what the launcher says; ``over`` once it has said all."""
        part = os.read(self.report, _CHUNK)
        self._reported += part
        if part:
            return
        if "status" not in self._said() and "problem" not in self._said():
            self.abandon()  # someone killed the launcher
        self.over = True

    def ending(self) -> Ending:
        """How it ended, as far as is known."""
        said = self._said()
        return Ending(said.get("status"), said.get("told", True), said.get("problem", ""), said.get("errno"))

    def _said(self) -> dict[str, Any]:
        said: dict[str, Any] = {}
        for line in self._reported.splitlines():
            said |= json.loads(line)
        return said

    def _tell(self, what: bytes) -> None:
        assert self._launcher.stdin is not None
        with suppress(BrokenPipeError):  # it has ended, and its report says how
            left = memoryview(what)
            while left:
                left = left[self._launcher.stdin.write(left) or 0 :]


class Bell:
    """Wakes a thread that waits for ``fd``, from another one; rung after it was closed, it is silent."""

    def __init__(self) -> None:
        self.fd, self._write = os.pipe()
        for end in (self.fd, self._write):
            os.set_blocking(end, False)
        self._lock = threading.Lock()
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._open = False
            os.close(self.fd)
            os.close(self._write)

    def ring(self) -> None:
        """Makes ``fd`` readable; does not block."""
        with self._lock, suppress(BlockingIOError):
            if self._open:
                os.write(self._write, b".")

    def clear(self) -> None:
        """Takes what was rung so far."""
        with suppress(BlockingIOError):
            os.read(self.fd, _CHUNK)
