"""A real HTTP server, where the engine's functions reach it, that notes what does: the target of the demo's jobs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from localstack.engines.base import LOOPBACK, Reach
from tidewheel.adapters.clock import SystemClock


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request of a worker (times in ms since the epoch; 0 where its header is missing).

    Args:
        tag: The path without its slash: by which a job is told from another.
        key: The idempotency key.
        nominal_ms: What the schedule named.
        due_ms: When the run had to start.
        attempt: Which attempt it is.
        arrived_ms: When its headers had been read.
        body: What was sent.
        headers: All headers, by their names in lower case.
    """

    tag: str
    key: str
    nominal_ms: int
    due_ms: int
    attempt: int
    arrived_ms: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def lateness_ms(self) -> int:
        """Arrival minus due time; negative if it came early."""
        return self.arrived_ms - self.due_ms


@dataclass(frozen=True, slots=True)
class Reply:
    """What the receiver answers, and after how long."""

    status: int = 200
    delay_ms: int = 0
    body: bytes = b"ok"


Answer = Callable[[Arrival], Reply]


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() else 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections stay open
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        arrived_ms = self.server.clock.now_ms()
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self.rfile.read(_number(headers.get("content-length")))
        arrival = Arrival(
            tag=self.path.strip("/"),
            key=headers.get("idempotency-key", ""),
            nominal_ms=_number(headers.get("tidewheel-nominal-time")),
            due_ms=_number(headers.get("tidewheel-due-time")),
            attempt=_number(headers.get("tidewheel-attempt")),
            arrived_ms=arrived_ms,
            body=body,
            headers=headers,
        )
        self._reply(self.server.note(arrival))

    def _reply(self, reply: Reply) -> None:
        if reply.delay_ms and self.server.ended.wait(reply.delay_ms / 1_000):
            self.close_connection = True
            return
        try:
            self.send_response(reply.status)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)
        except OSError:  # the caller did not wait for the answer
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the demo shows what matters."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a kept connection waits for its next request for ever
    request_queue_size = 1_024

    def __init__(self, note: Answer, clock: SystemClock, listen: str) -> None:
        self.note = note
        self.clock = clock
        self.ended = threading.Event()
        super().__init__((listen, 0), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Nothing: a worker that was ended leaves a broken connection, and its attempt is made again."""


def _fine(_: Arrival) -> Reply:
    return Reply()


class Receiver:
    """The server; used as a context.

    Args:
        answer: What to reply to an arrival.
        reach: Where the engine's functions find it.
    """

    def __init__(self, answer: Answer = _fine, reach: Reach = LOOPBACK) -> None:
        self._answer = answer
        self._reach = reach
        self._lock = threading.Lock()
        self._arrivals: list[Arrival] = []
        self._server = _Server(self._note, SystemClock(), reach.listen)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="receiver", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def url(self, tag: str) -> str:
        """What a job calls so that its requests are noted under ``tag``."""
        return f"http://{self._reach.host}:{self._server.server_address[1]}/{tag}"

    def _note(self, arrival: Arrival) -> Reply:
        with self._lock:
            self._arrivals.append(arrival)
        return self._answer(arrival)

    def arrivals(self) -> list[Arrival]:
        """All that came so far, in the order of arrival."""
        with self._lock:
            return list(self._arrivals)
