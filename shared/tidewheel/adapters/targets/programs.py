"""A program that a worker runs as a child of a launcher process; see ``launch``."""

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
from tidewheel.adapters.targets.program_user import ProgramUser

_LAUNCHER = Path(launch.__file__)
_FLAGS = ("-I", "-S", "-B", "-X", "utf8")  # no site packages, no environment settings: it starts in 20 ms
_NEEDED = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")  # what the launcher's Python needs of the worker's environment
_CHUNK = 65_536
_DRAINS = 64


@dataclass(frozen=True, slots=True)
class ProgramSpec:
    """What to run.

    Args:
        argv: The program and its arguments.
        environment: Its whole environment.
        directory: Where it runs, or None for where the worker does.
        folder: The folder that the launcher removes if the worker is killed.
        user: Under whom it runs; None for the worker's own user.
    """

    argv: Sequence[str]
    environment: Mapping[str, str]
    directory: str | None
    folder: Path
    user: ProgramUser | None = None

    def encoded(self) -> bytes:
        """The form that the launcher reads: the length in bytes, then JSON."""
        document = {
            "argv": list(self.argv),
            "environment": dict(self.environment),
            "directory": self.directory,
            "folder": str(self.folder),
            "user": None if self.user is None else {"uid": self.user.uid, "gid": self.user.gid},
        }
        text = json.dumps(document).encode()
        return len(text).to_bytes(launch.LENGTH_BYTES, "big") + text


@dataclass(frozen=True, slots=True)
class ProgramEnd:
    """How a program ended.

    Args:
        status: Its exit status, or minus the number of the signal that killed it; None if the launcher was killed.
        told: Whether it was told to end while it ran.
        problem: Why it could not be started, else empty.
        errno: The ``errno`` of that problem, or None.
    """

    status: int | None = None
    told: bool = True
    problem: str = ""
    errno: int | None = None


class Program:
    """One program, from its start to the end of all its descendants. Used by one thread.

    Raises:
        OSError: The launcher could not be started.
    """

    def __init__(self, order: ProgramSpec) -> None:
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
                start_new_session=True,  # so that it gets no signals of the terminal
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
        """Sends SIGTERM to the program's process group. The program is ``over`` when all its processes have ended."""
        self._tell(launch.TERM)

    def kill(self) -> None:
        """Kills the program and all its descendants."""
        self._tell(launch.KILL)

    def abandon(self) -> None:
        """Kills a launcher that does not answer, and the program's group. The exit status stays unknown."""
        self._launcher.kill()
        if (group := self._said().get("started")) is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        self.over = True

    def read_output(self) -> bytes | None:
        """The next bytes of the output; empty at its end, None if there are none yet. Does not block."""
        try:
            return os.read(self.output, _CHUNK)
        except BlockingIOError:
            return None

    def rest(self) -> list[bytes]:
        """The unread output once it is over: at most as much as a pipe holds."""
        parts: list[bytes] = []
        while len(parts) < _DRAINS and (part := self.read_output()):
            parts.append(part)
        return parts

    def read_report(self) -> None:
        """Reads the launcher's report; sets ``over`` at its end."""
        part = os.read(self.report, _CHUNK)
        self._reported += part
        if part:
            return
        if "status" not in self._said() and "problem" not in self._said():
            self.abandon()  # the launcher was killed
        self.over = True

    def ending(self) -> ProgramEnd:
        """How it ended, as far as the launcher reported it."""
        said = self._said()
        return ProgramEnd(said.get("status"), said.get("told", True), said.get("problem", ""), said.get("errno"))

    def _said(self) -> dict[str, Any]:
        said: dict[str, Any] = {}
        for line in self._reported.splitlines():
            said |= json.loads(line)
        return said

    def _tell(self, what: bytes) -> None:
        assert self._launcher.stdin is not None
        with suppress(BrokenPipeError):  # the launcher has ended, and its report says how
            left = memoryview(what)
            while left:
                left = left[self._launcher.stdin.write(left) or 0 :]


class WakePipe:
    """Wakes a thread that waits for ``fd`` to become readable. Waking does nothing once it is closed."""

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

    def wake(self) -> None:
        """Makes ``fd`` readable, from any thread. Does not block."""
        with self._lock, suppress(BlockingIOError):
            if self._open:
                os.write(self._write, b".")

    def clear(self) -> None:
        """Makes ``fd`` unreadable again."""
        with suppress(BlockingIOError):
            os.read(self.fd, _CHUNK)
