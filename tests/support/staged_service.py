"""A service on this machine that answers each request as a play says, and remembers what came."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self

Act = Callable[[socket.socket], None]
"""Answers one request on its connection; ``Leaves`` from it closes the connection."""
LOOPBACK = "127.0.0.1"


class Leaves(Exception):
    """The service closes a connection."""


def says(data: bytes) -> Act:
    """Sends bytes as they are."""
    return lambda sock: sock.sendall(data)


def answer(body: bytes = b"{}", status: str = "200 OK", **headers: str) -> bytes:
    """An answer with a length."""
    named = {"Content-Type": "application/x-amz-json-1.0", **{k.replace("_", "-"): v for k, v in headers.items()}}
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in named.items())]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def says_and_leaves(data: bytes = b"") -> Act:
    """Sends bytes, if any, and closes the connection."""

    def act(sock: socket.socket) -> None:
        sock.sendall(data)
        raise Leaves

    return act


def resets(data: bytes = b"") -> Act:
    """Sends bytes, if any, and breaks the connection off, so that the other side gets an error."""

    def act(sock: socket.socket) -> None:
        sock.sendall(data)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Leaves

    return act


def keeps_silent(sock: socket.socket) -> None:
    """Says nothing until the other side leaves."""
    with suppress(OSError):
        sock.recv(1)
    raise Leaves


@dataclass(frozen=True)
class Came:
    """A request as it came: its first line, its headers in lower case, its body, and on which connection, from 0."""

    first: str
    headers: Mapping[str, str]
    body: bytes
    connection: int


class StagedService:
    """Used in ``with``; the last act is repeated.

    Args:
        acts: One for each request, in the order in which they come.
        tls: What it shows, or None for plain HTTP.
    """

    def __init__(self, *acts: Act, tls: ssl.SSLContext | None = None) -> None:
        self._acts = list(acts)
        self._tls = tls
        self._lock = threading.Lock()
        self._listener = socket.create_server((LOOPBACK, 0), backlog=64)
        self._open: list[socket.socket] = []
        self.came: list[Came] = []
        self.connections = 0
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"{'http' if self._tls is None else 'https'}://{LOOPBACK}:{self.port}"

    @property
    def used(self) -> Sequence[int]:
        """On which connection each request came."""
        return [one.connection for one in self.came]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.shut()
        self.hang_up()

    def shut(self) -> None:
        """Takes no more connections."""
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits for one
        self._listener.close()

    def hang_up(self) -> None:
        """Closes every connection, as a server does with those that rested for long."""
        with self._lock:
            for sock in self._open:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)  # its thread closes it
            self._open.clear()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                number, self.connections = self.connections, self.connections + 1
                threading.Thread(target=self._serve, args=(sock, number), daemon=True).start()

    def _serve(self, plain: socket.socket, number: int) -> None:
        with suppress(OSError, ValueError, Leaves), plain:
            sock = plain if self._tls is None else self._tls.wrap_socket(plain, server_side=True)
            with self._lock:
                self._open.append(sock)
            with sock, sock.makefile("rb") as stream:
                while first := stream.readline():
                    self._note(first, stream, number)(sock)

    def _note(self, first: bytes, stream: object, number: int) -> Act:
        headers: dict[str, str] = {}
        while line := stream.readline().strip().decode():  # type: ignore[attr-defined]
            name, _, value = line.partition(":")
            assert name.lower() not in headers, f"{name} came twice"
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", "0")))  # type: ignore[attr-defined]
        with self._lock:
            self.came.append(Came(first.decode().strip(), headers, body, number))
            return self._acts[0] if len(self._acts) == 1 else self._acts.pop(0)
