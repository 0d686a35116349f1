"""A server on the loopback address that says what it is told, byte for byte, to each who connects."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

HOST = "127.0.0.1"
_HEAD = b"\r\n\r\n"
_CHUNK = 65_536


@dataclass
class Spoken:
    """The server.

    Args:
        says: What it says to one request, piece by piece; the connection ends after the last one.
        port: Where it listens.
        requests: What it was asked, in order.
    """

    says: Callable[[], Iterable[bytes]]
    port: int = 0
    requests: list[bytes] = field(default_factory=list)

    def url(self, path: str, scheme: str = "http") -> str:
        """The URL of a path on it."""
        return f"{scheme}://{HOST}:{self.port}{path}"

    def answer(self, connection: socket.socket) -> None:
        """Hears a request and answers it; whoever asked may have gone meanwhile."""
        heard = b""
        with connection, suppress(OSError):
            while _HEAD not in heard:
                piece = connection.recv(_CHUNK)
                if not piece:
                    return
                heard += piece
            self.requests.append(heard)
            for said in self.says():
                connection.sendall(said)


@contextmanager
def speaking(says: Callable[[], Iterable[bytes]], tls: ssl.SSLContext | None = None) -> Iterator[Spoken]:
    """The server, while the block lasts.

    Args:
        says: What it says to one request.
        tls: With which certificate; None for a server without TLS.
    """
    with socket.create_server((HOST, 0)) as listening:
        server = Spoken(says, listening.getsockname()[1])

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:  # the block is over
                    return
                with suppress(ssl.SSLError):  # whoever connected does not trust the certificate
                    server.answer(tls.wrap_socket(connection, server_side=True) if tls else connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listening.shutdown(socket.SHUT_RDWR)
    thread.join()
