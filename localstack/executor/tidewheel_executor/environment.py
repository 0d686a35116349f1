"""One execution environment: a process with AWS's runtime interface client, invoked again and again."""

from __future__ import annotations

import json
import os
import queue
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tidewheel_executor import child
from tidewheel_executor.runtime_api import Invocation, Report, RuntimeApi

_MOST_LOG = 4 * 1024 * 1024
_END_SECONDS = 5.0
_LOOK_SECONDS = 1.0


class InitFailed(Exception):
    """The handler could not be loaded; ``payload`` says why, as JSON."""

    def __init__(self, payload: bytes) -> None:
        super().__init__(payload.decode(errors="replace"))
        self.payload = payload


@dataclass(frozen=True)
class Outcome:
    """How an invocation went: the answer or the error as JSON, and what was logged meanwhile."""

    payload: bytes
    is_error: bool
    logs: str


@dataclass(frozen=True)
class Function:
    """What an environment runs.

    Args:
        code: The folder of its code.
        layers: The folders of its layers, which are searched after it.
        handler: ``module.function``.
        variables: Its environment: nothing of ours is added but what a runtime needs.
        timeout_s: How long one invocation may take.
        memory_mb: As its report says; nothing limits it here.
    """

    code: Path
    layers: tuple[Path, ...]
    handler: str
    variables: Mapping[str, str]
    timeout_s: float
    memory_mb: int = 128


class _Process:
    """The child, its Runtime API and its output. It ends as a whole."""

    def __init__(self, function: Function, python: str) -> None:
        self.api = RuntimeApi()
        self._lock = threading.Lock()
        self._output = bytearray()
        read_end, self._lifeline = os.pipe()
        paths = [function.code, *(layer / "python" for layer in function.layers)]
        environ = {
            **function.variables,
            "AWS_LAMBDA_RUNTIME_API": self.api.address,
            "LAMBDA_TASK_ROOT": str(function.code),
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "PYTHONUNBUFFERED": "1",
            "PATH": os.environ.get("PATH", os.defpath),
        }
        self.child = subprocess.Popen(
            [python, "-P", str(child.__file__), str(read_end), function.handler, str(function.code)],
            env=environ,
            cwd=function.code,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(read_end,),
        )
        os.close(read_end)
        assert self.child.stdout is not None
        self._pipe = self.child.stdout.fileno()
        os.set_blocking(self._pipe, False)
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        """Reads what it says until it has ended, and tells who waits for it."""
        while self.child.poll() is None:
            select.select([self._pipe], [], [], _LOOK_SECONDS)
            if not self.drain():
                self.child.wait()  # it has closed its output, which it does when it ends
        self.api.exchange.reports.put(None)
        self.api.exchange.ready.set()

    def drain(self) -> bool:
        """Takes in what it has said so far: all that was written before a report has been received is there.

        Returns:
            Whether more may come.
        """
        with self._lock:
            while True:
                try:
                    data = os.read(self._pipe, 65_536)
                except BlockingIOError:
                    return True
                if not data:
                    return False
                self._output += data[: max(0, _MOST_LOG - len(self._output))]

    def take_output(self) -> str:
        """What it has said since it was last asked."""
        self.drain()
        with self._lock:
            text = self._output.decode(errors="replace")
            self._output.clear()
        return text

    def end(self) -> None:
        """Kills it with its own children."""
        with suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            self.child.wait(_END_SECONDS)
        with suppress(OSError):
            os.close(self._lifeline)
        self.api.close()


class Environment:
    """Starts the process, invokes it, and starts it anew where it crashed or took too long.

    Args:
        function: What it runs.
        python: The interpreter, which has ``awslambdaric``.
        now_s: The wall clock, s since the epoch: a handler is told when its time is over.
    """

    def __init__(
        self,
        function: Function,
        python: str = sys.executable,
        now_s: Callable[[], float] = time.time,  # noqa: TID251 - the engine's process knows no Clock
    ) -> None:
        self._function = function
        self._python = python
        self._now_s = now_s
        self._process: _Process | None = None

    @property
    def pid(self) -> int | None:
        """The process that runs now, if one does."""
        return self._process.child.pid if self._process else None

    def start(self) -> None:
        """Starts the process and waits until its handler is loaded.

        Raises:
            InitFailed: It could not be.
        """
        process = self._process = _Process(self._function, self._python)
        process.api.exchange.ready.wait()
        with suppress(queue.Empty):
            report = process.api.exchange.reports.get_nowait()
            self._drop()
            raise InitFailed(report.body if report else _exit_error("", process.child.returncode))

    def invoke(self, request_id: str, payload: bytes, arn: str = "", trace: str = "") -> Outcome:
        """Has the handler do one thing."""
        if self._process is None:
            try:
                self.start()
            except InitFailed as error:
                return Outcome(error.payload, is_error=True, logs="")
        process = self._process
        assert process is not None
        began, timeout_s = time.perf_counter(), self._function.timeout_s
        deadline_ms = int((self._now_s() + timeout_s) * 1_000)
        process.api.exchange.invocations.put(Invocation(request_id, payload, arn, trace, deadline_ms))
        try:
            report = process.api.exchange.reports.get(timeout=timeout_s)
        except queue.Empty:
            report = Report(request_id, _timeout_error(request_id, timeout_s, self._now_s()), is_error=True)
            self._drop()
        if report is None:
            report = Report(request_id, _exit_error(request_id, process.child.returncode), is_error=True)
            self._drop()
        took_ms = (time.perf_counter() - began) * 1_000
        return Outcome(report.body, report.is_error, self._log(request_id, process.take_output(), took_ms))

    def stop(self) -> None:
        """Ends the process; whoever waits for it learns that it has gone."""
        self._drop()

    def _drop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end()

    def _log(self, request_id: str, said: str, took_ms: float) -> str:
        gap = "" if not said or said.endswith("\n") else "\n"
        return (
            f"START RequestId: {request_id} Version: $LATEST\n{said}{gap}END RequestId: {request_id}\n"
            f"REPORT RequestId: {request_id}\tDuration: {took_ms:.2f} ms\tMemory Size: {self._function.memory_mb} MB\n"
        )


def _timeout_error(request_id: str, timeout_s: float, now_s: float) -> bytes:
    now = datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
    return json.dumps({"errorMessage": f"{now}Z {request_id} Task timed out after {timeout_s:.2f} seconds"}).encode()


def _exit_error(request_id: str, status: int | None) -> bytes:
    how = f"signal: {signal.Signals(-status).name}" if status is not None and status < 0 else f"exit status {status}"
    message = f"RequestId: {request_id} Error: Runtime exited with error: {how}"
    return json.dumps({"errorType": "Runtime.ExitError", "errorMessage": message}).encode()
