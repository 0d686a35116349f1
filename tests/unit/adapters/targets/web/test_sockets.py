"""Real sockets on this machine: TLS and its failures, servers that misbehave, and calls that are told to end."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Self

import pytest

from tests.support.authorities import Issued, issued
from tests.support.calls import a_call, surroundings
from tests.support.connections import OK, target_on
from tidewheel.adapters.clock import SystemClock
from tidewheel.adapters.targets.http import HttpTarget
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.adapters.targets.web.guard import Resolve
from tidewheel.adapters.targets.web.sockets import SystemSockets
from tidewheel.domain.executions.execution import Answer
from tidewheel.domain.executions.states import Result, Stop
from tidewheel.domain.fleet.networks import Address
from tidewheel.domain.jobs.job import Target
from tidewheel.engine.worker.call_progress import OpenCallProgress

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

SUCCESS = Answer(Result.SUCCEEDED, 200, "ok")
LOOPBACK = (ip_network("127.0.0.0/8"),)
ROOT = issued("Root", authority=True)
LEAF = issued("a.example", ROOT)
Serve = Callable[[socket.socket], object]


class Server:
    """Accepts connections on this machine and serves each on a thread of its own.

    Args:
        serve: What it does with one.
        shown: Its certificate's holder, if it is under TLS.
        folder: For the certificate.
    """

    def __init__(self, serve: Serve, shown: Issued | None = None, folder: Path | None = None) -> None:
        self._serve = serve
        self._context: ssl.SSLContext | None = None
        if shown is not None and folder is not None:
            path = folder / "shown.pem"
            path.write_text(shown.pem + shown.key_pem)
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(path)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.accepted = 0
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(30)
        for sock in self._open:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive()
        for sock in self._open:
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._open.append(sock)
            thread = threading.Thread(target=self._one, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _one(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            if self._context is not None:
                sock = self._context.wrap_socket(sock, server_side=True)
                self._open.append(sock)
            self._serve(sock)


def request(sock: socket.socket) -> bytes:
    """The next request; empty at the connection's end."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65_536)
        if not more:
            return b""
        data += more
    return data


def always(answer: bytes) -> Serve:
    """Answers each request on a connection in the same way."""

    def serve(sock: socket.socket) -> None:
        while request(sock):
            sock.sendall(answer)

    return serve


def nothing(sock: socket.socket) -> None:
    """Accepts, and says nothing."""
    while sock.recv(65_536):
        pass


@contextlib.contextmanager
def calling(secrets: dict[str, str] | None = None, resolve: Resolve | None = None) -> Iterator[HttpTarget]:
    """A target to which every name is this machine."""
    with target_on(around(secrets), SystemSockets(), resolve or this_machine, LOOPBACK) as target:
        yield target


def around(secrets: dict[str, str] | None = None) -> Surroundings:
    return replace(surroundings(secrets), clock=SystemClock())


def this_machine(*_: object) -> list[Address]:
    return [ip_address("127.0.0.1")]


def call(target: HttpTarget, url: str, progress: OpenCallProgress | None = None, timeout_ms: int = 30_000, **spec: Any):
    full = {"method": "GET", "url": url, "headers": {}, "body": None} | spec
    return target.call(a_call(Target("http", full), "x", 0, 1, timeout_ms, progress, repeatable=True))


# --- TLS --------------------------------------------------------------------------------------------------------------


def test_a_certificate_of_the_host_by_a_trusted_ca_is_good_for_many_requests(tmp_path: Path) -> None:
    with Server(always(OK), LEAF, tmp_path) as server, calling({"corp": ROOT.pem}) as target:
        url = f"https://a.example:{server.port}/"
        assert [call(target, url, ca={"secret": "corp"}) for _ in range(3)] == [SUCCESS] * 3
        assert server.accepted == 1


@pytest.mark.parametrize(
    ("host", "ca", "problem"),
    [
        ("b.example", {"ca": {"secret": "corp"}}, "Hostname mismatch"),
        ("127.0.0.1", {"ca": {"secret": "corp"}}, "IP address mismatch"),
        ("a.example", {"ca": {"secret": "other"}}, "certificate verify failed"),
        ("a.example", {}, "certificate verify failed"),
    ],
)
def test_any_other_certificate_is_not(tmp_path: Path, host: str, ca: dict[str, Any], problem: str) -> None:
    heard: list[bytes] = []
    secrets = {"corp": ROOT.pem, "other": issued("Other", authority=True).pem}
    with Server(lambda sock: heard.append(request(sock)), LEAF, tmp_path) as server, calling(secrets) as target:
        answer = call(target, f"https://{host}:{server.port}/", headers={"X-Key": "s3cret"}, **ca)
    assert (answer.result, answer.status, answer.retryable) == (Result.FAILED, None, True)
    assert answer.reason.startswith("ConnectError: ")
    assert problem in answer.reason
    assert not any(heard)


@pytest.mark.parametrize(
    "serve",
    [
        lambda sock: (sock.recv(9), sock.sendall(OK)),
        lambda sock: sock.close(),
        lambda sock: (sock.recv(9), sock.sendall(b"\x15\x03\x03\x00\x02\x02\x28")),
    ],
)
def test_who_speaks_no_tls_is_no_connection(serve: Serve) -> None:
    with Server(serve) as server, calling() as target:
        answer = call(target, f"https://a.example:{server.port}/")
    assert (answer.result, answer.retryable, answer.reason[:14]) == (Result.FAILED, True, "ConnectError: ")


def test_an_end_of_tls_without_its_farewell_is_the_connections_end(tmp_path: Path) -> None:
    def serve(sock: socket.socket) -> None:
        request(sock)
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\nok")
        socket.socket.shutdown(sock, socket.SHUT_RDWR)

    with Server(serve, LEAF, tmp_path) as server, calling({"corp": ROOT.pem}) as target:
        assert call(target, f"https://a.example:{server.port}/", ca={"secret": "corp"}) == SUCCESS


# --- servers that misbehave -------------------------------------------------------------------------------------------


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.mark.parametrize("status", [200, 500])
def test_a_reset_within_the_body_is_a_broken_connection(status: int) -> None:
    read = threading.Event()

    def serve(sock: socket.socket) -> None:
        request(sock)
        sock.sendall(b"HTTP/1.1 %d Said\r\nContent-Length: 9\r\n\r\nx" % status)
        read.wait(30)  # what a reset overtakes is lost
        reset(sock)

    progress = OpenCallProgress(SystemClock())
    progress.write = lambda _: read.set()  # type: ignore[method-assign]
    with Server(serve) as server, calling() as target:
        answer = call(target, f"http://a.example:{server.port}/", progress)
    if status == 200:
        assert answer == Answer(Result.SUCCEEDED, 200, "x")
    else:
        assert (answer.status, answer.retryable, answer.reason[:11]) == (None, True, "ReadError: ")


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with calling() as target:
        answer = call(target, f"http://a.example:{port}/")
    assert answer == Answer(
        Result.FAILED, reason=f"ConnectError: [Errno {errno.ECONNREFUSED}] {os.strerror(errno.ECONNREFUSED)}"
    )


def test_a_server_that_has_shut_its_sending_half_has_answered_nothing() -> None:
    def serve(sock: socket.socket) -> None:
        sock.shutdown(socket.SHUT_WR)
        nothing(sock)

    with Server(serve) as server, calling() as target:
        answer = call(target, f"http://a.example:{server.port}/")
    assert answer.reason == "RemoteProtocolError: Server disconnected without sending a response."


def test_a_server_that_shuts_its_sending_half_behind_the_answer_is_not_called_there_again() -> None:
    def serve(sock: socket.socket) -> None:
        request(sock)
        sock.sendall(OK)
        sock.shutdown(socket.SHUT_WR)
        nothing(sock)

    with Server(serve) as server, calling() as target:
        assert [call(target, f"http://a.example:{server.port}/") for _ in range(3)] == [SUCCESS] * 3
        assert server.accepted == 3


def test_an_answer_that_comes_before_the_body_was_sent_counts() -> None:
    """The server refuses what is too long for it, and reads none of it."""

    def serve(sock: socket.socket) -> None:
        sock.recv(1_024)
        sock.sendall(b"HTTP/1.1 413 Too Long\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
        sock.shutdown(socket.SHUT_WR)
        nothing(sock)

    with Server(serve) as server, calling() as target:
        answer = call(target, f"http://a.example:{server.port}/", method="POST", body="x" * 4_000_000)
    assert (answer.status, answer.output) == (413, "no")


@pytest.mark.parametrize("secure", [False, True])
def test_fifty_threads_share_connections_and_no_answers(tmp_path: Path, *, secure: bool) -> None:
    def serve(sock: socket.socket) -> None:
        while data := request(sock):
            asked = data.split(b" ", 2)[1]
            sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(asked), asked))

    wrong: list[Answer] = []
    shown = (LEAF, tmp_path) if secure else ()
    with Server(serve, *shown) as server, calling({"corp": ROOT.pem}) as target:
        ca = {"ca": {"secret": "corp"}} if secure else {}
        base = f"{'https' if secure else 'http'}://a.example:{server.port}"

        def work(number: int) -> None:
            for turn in range(10):
                answer = call(target, f"{base}/{number}/{turn}", **ca)
                if answer.output != f"/{number}/{turn}":
                    wrong.append(answer)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert server.accepted <= 50
    assert wrong == []


# --- the end that the time-out and others make of it ---------------------------------------------------------------


def silent(sock: socket.socket) -> None:
    request(sock)


def half_a_head(sock: socket.socket) -> None:
    request(sock)
    sock.sendall(b"HTTP/1.1 500 No\r\nX-")


def half_a_body(sock: socket.socket) -> None:
    request(sock)
    sock.sendall(b"HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\nx")


def half_a_chunk(sock: socket.socket) -> None:
    request(sock)
    sock.sendall(b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nx")


def redirecting(sock: socket.socket) -> None:
    request(sock)
    sock.sendall(b"HTTP/1.1 302 Found\r\nLocation: /silent\r\nContent-Length: 0\r\n\r\n")
    request(sock)


STAGES: dict[str, tuple[Serve, dict[str, Any]]] = {
    "TLS": (lambda sock: sock.recv(65_536), {"scheme": "https"}),
    "sending": (lambda sock: sock.recv(1), {"method": "POST", "body": "x" * 20_000_000}),
    "head": (silent, {}),
    "rest of the head": (half_a_head, {}),
    "body": (half_a_body, {}),
    "chunk": (half_a_chunk, {}),
    "after a redirect": (redirecting, {"redirects": 1}),
    "sending under TLS": (lambda sock: sock.recv(1), {"secure": True, "method": "POST", "body": "x" * 20_000_000}),
    "head under TLS": (silent, {"secure": True}),
    "body under TLS": (half_a_body, {"secure": True}),
}
"""How far a server goes, after which it says nothing any more; and what it is called for."""


@pytest.mark.parametrize("stop", [True, False], ids=["stopped", "timed out"])
@pytest.mark.parametrize("stage", STAGES)
def test_a_call_ends_at_every_stage(tmp_path: Path, stage: str, *, stop: bool) -> None:
    serve, spec = STAGES[stage]
    spec = dict(spec)
    secure = spec.pop("secure", False)
    scheme = spec.pop("scheme", "https" if secure else "http")
    progress, over = OpenCallProgress(SystemClock()), threading.Event()

    def going_so_far(sock: socket.socket) -> None:
        serve(sock)
        if stop:
            progress.stop(Stop.CANCELLED)
        over.wait(30)

    shown = (LEAF, tmp_path) if secure else ()
    with Server(going_so_far, *shown) as server, calling({"corp": ROOT.pem}) as target:
        ca = {"ca": {"secret": "corp"}} if scheme == "https" else {}
        timeout_ms = 30_000 if stop else 300
        answer = call(target, f"{scheme}://a.example:{server.port}/", progress, timeout_ms, **spec, **ca)
        over.set()
    if stop:
        assert answer == Answer(Result.FAILED, reason="the call was told to end")
    else:
        assert answer == Answer(Result.TIMED_OUT, reason="no answer within 300 ms")


@pytest.mark.parametrize("stop", [True, False], ids=["stopped", "timed out"])
def test_a_call_ends_while_its_host_is_looked_up(*, stop: bool) -> None:
    progress, over = OpenCallProgress(SystemClock()), threading.Event()

    def silent_name_server(*_: object) -> list[Any]:
        if stop:
            progress.stop(Stop.DRAINED)
        over.wait(30)
        return []

    with calling(resolve=silent_name_server) as target:
        answer = call(target, "http://a.example/", progress, 30_000 if stop else 100)
        over.set()
    assert answer.result is (Result.FAILED if stop else Result.TIMED_OUT)
    assert answer.status is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a full queue refuses")
@pytest.mark.parametrize("stop", [True, False], ids=["stopped", "timed out"])
def test_a_call_ends_while_it_connects(*, stop: bool) -> None:
    """Nobody accepts: the queue of those that wait for it is full, and the system lets others knock in vain."""
    progress = OpenCallProgress(SystemClock())
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        target = stack.enter_context(calling())
        if stop:
            threading.Timer(0.05, progress.stop, (Stop.CANCELLED,)).start()
        url = f"http://a.example:{listener.getsockname()[1]}/"
        answer = call(target, url, progress, 30_000 if stop else 100)
    assert answer.result is (Result.FAILED if stop else Result.TIMED_OUT)
    assert answer.status is None
    if stop:
        assert answer.reason == "the call was told to end"


def test_a_stop_of_a_call_that_is_over_does_not_end_the_next_on_its_connection() -> None:
    progress = OpenCallProgress(SystemClock())

    def serve(sock: socket.socket) -> None:
        request(sock)
        sock.sendall(OK)
        request(sock)
        progress.stop(Stop.CANCELLED)
        sock.sendall(OK)
        nothing(sock)

    with Server(serve) as server, calling() as target:
        url = f"http://a.example:{server.port}/"
        assert [call(target, url, progress), call(target, url)] == [SUCCESS] * 2
        assert server.accepted == 1


def test_no_other_program_inherits_a_connection() -> None:
    inheritable: list[bool] = []

    class Seen(SystemSockets):
        def connect(self, *arguments: Any) -> socket.socket:
            sock = super().connect(*arguments)
            inheritable.append(sock.get_inheritable())
            return sock

    with Server(always(OK)) as server, target_on(around(), Seen(), this_machine, LOOPBACK) as target:
        assert call(target, f"http://a.example:{server.port}/") == SUCCESS
    assert inheritable == [False]
