"""The Runtime API: what a runtime asks for its next invocation, and tells how that went.

One server on a loopback port for each environment, after "Using the Lambda runtime API" (AWS Lambda Developer Guide).
"""

from __future__ import annotations

import queue
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOST = "127.0.0.1"
_PREFIX = "/2018-06-01/runtime"
_REPORT = re.compile(rf"{_PREFIX}/invocation/([^/]+)/(response|error)")


@dataclass(frozen=True)
class Invocation:
    """What a handler is to do.

    Args:
        id: The request's id.
        payload: The event, as JSON.
        arn: The function as it was invoked.
        trace: The tracing header.
        deadline_ms: When its time is over, ms since the epoch.
    """

    id: str
    payload: bytes
    arn: str
    trace: str
    deadline_ms: int


@dataclass(frozen=True)
class Report:
    """What the runtime told.

    Args:
        id: Of the invocation; empty if the handler could not even be loaded.
        body: The answer, or the error, as JSON.
        is_error: Which of the two.
    """

    id: str
    body: bytes
    is_error: bool


@dataclass
class Exchange:
    """What passes between the executor and the runtime; ``reports`` also gets None when the process has ended."""

    invocations: queue.SimpleQueue[Invocation] = field(default_factory=queue.SimpleQueue)
    reports: queue.SimpleQueue[Report | None] = field(default_factory=queue.SimpleQueue)
    ready: threading.Event = field(default_factory=threading.Event)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # an answer in two small packets would wait 40 ms for the first one's receipt
    wbufsize = -1
    server: _Server

    def do_GET(self) -> None:
        if self.path != f"{_PREFIX}/invocation/next":
            self._answer(404)
            return
        exchange = self.server.exchange
        exchange.ready.set()
        one = exchange.invocations.get()
        headers = {
            "Lambda-Runtime-Aws-Request-Id": one.id,
            "Lambda-Runtime-Deadline-Ms": str(one.deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": one.arn,
            "Lambda-Runtime-Trace-Id": one.trace,
            "Content-Type": "application/json",
        }
        self._answer(200, headers, one.payload)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = _REPORT.fullmatch(self.path)
        if found:
            self._answer(202)
            self.server.exchange.reports.put(Report(found[1], body, found[2] == "error"))
        elif self.path == f"{_PREFIX}/init/error":
            self._answer(202)
            self.server.exchange.reports.put(Report("", body, is_error=True))
            self.server.exchange.ready.set()
        else:
            self._answer(404)

    def _answer(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the function's own log is what matters."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a runtime that was killed left its request for the next invocation open

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        super().__init__((HOST, 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a runtime that was killed breaks its connection."""


class RuntimeApi:
    """The server of one process; a new process gets a new one, so that no old request takes its invocation."""

    def __init__(self) -> None:
        self.exchange = Exchange()
        self._server = _Server(self.exchange)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """Host and port, as the runtime wants them."""
        return f"{HOST}:{self._server.server_address[1]}"

    def close(self) -> None:
        """Ends it."""
        self._server.shutdown()
        self._server.server_close()
