"""What an engine is, how one is chosen, and the note that says which one runs."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from localstack import processes
from localstack.errors import LocalCloudError
from localstack.settings import DEFAULT_PORT, PORT_VARIABLE

HOST = "127.0.0.1"
_LOG_LINES = 15
SIGN_IN_BY_FUNCTION = "sign_in=function"
"""The setting of the CDK app for an engine whose gateway asks no authorizer."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How an engine's functions reach a program on this machine.

    Args:
        listen: The address that the program listens on.
        host: What stands for it in the URLs that the functions call.
    """

    listen: str = HOST
    host: str = HOST


LOOPBACK = Reach()
"""Of functions that are processes of this machine."""


class Engine(Protocol):
    """An AWS on this machine. All of it is bound to the loopback address."""

    @property
    def name(self) -> str:
        """The word that ``ENGINE`` chooses it by."""

    @property
    def endpoint(self) -> str:
        """The URL that AWS clients are pointed at."""

    @property
    def reach(self) -> Reach:
        """How its functions reach this machine; asked while it runs."""

    @property
    def context(self) -> Sequence[str]:
        """Settings of the CDK app for this engine, as ``key=value``; asked while it runs."""

    def require(self) -> None:
        """Checks that what the engine needs is installed.

        Raises:
            LocalCloudError: A tool is missing; the message says how to get it.
        """

    def start(self) -> int:
        """Starts it, waits until it answers, and returns its process id, or 0 when it has none.

        Raises:
            LocalCloudError: It did not come up in time.
        """

    def running(self, pid: int) -> bool:
        """Whether what ``start`` once returned still runs."""

    def stop(self, pid: int) -> None:
        """Stops it with everything it started, and does nothing when it does not run."""


@dataclass(frozen=True)
class Running:
    """The note about an engine that was started."""

    engine: str
    port: int
    pid: int


def read_note(path: Path) -> Running | None:
    """The note, or None when there is none that can be read."""
    try:
        document = json.loads(path.read_text())
        return Running(str(document["engine"]), int(document["port"]), int(document["pid"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write_note(path: Path, note: Running) -> None:
    """Writes the note."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(note)) + "\n")


def choose_name(environ: Mapping[str, str], known: Mapping[str, object]) -> str:
    """The engine that ``ENGINE`` names, or MiniStack.

    Raises:
        LocalCloudError: There is no such engine.
    """
    name = environ.get("ENGINE", "").strip() or "ministack"
    if name not in known:
        raise LocalCloudError(f"ENGINE={name} is no engine: choose one of {', '.join(sorted(known))}.")
    return name


def port_in_use(port: int) -> bool:
    """Whether something listens on the port of the loopback address."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((HOST, port)) == 0


def refuse_foreign_port(port: int, *, in_use: bool) -> None:
    """Stops before an engine is started where something else listens.

    Raises:
        LocalCloudError: The port is taken.
    """
    if in_use:
        other = DEFAULT_PORT + 100 if port == DEFAULT_PORT else port + 1
        raise LocalCloudError(
            f"Port {port} is in use by another program: stop that, or choose another port, "
            f"as in {PORT_VARIABLE}={other} make up"
        )


def tail(log: Path, lines: int = _LOG_LINES) -> str:
    """The end of a log."""
    with suppress(OSError):
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    return ""


def answers(port: int, path: str) -> bool:
    """Asks once whether an engine answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=1.0)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def await_answer(name: str, child: subprocess.Popen[bytes], port: int, path: str, within_s: float, log: Path) -> None:
    """Waits until an engine answers.

    Raises:
        LocalCloudError: It ended, or did not answer in time.
    """
    deadline = time.perf_counter() + within_s
    while child.poll() is None and time.perf_counter() < deadline:
        if answers(port, path):
            return
        with suppress(subprocess.TimeoutExpired):
            child.wait(processes.LOOK_SECONDS)
    action = "ended at once" if child.poll() is not None else f"gave no answer in {within_s:.0f} s"
    raise LocalCloudError(f"{name} {action}: see {log}", tail(log))
