"""Reads a small document from a URL, in bounded time and size."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

from tidewheel.domain.access.issuer import is_readable
from tidewheel.domain.limits import SECOND_MS
from tidewheel.ports import Clock, PortError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

TIMEOUT_S = 2.0
"""Of the connection, and of each wait for bytes."""
BOUND_MS = 4 * SECOND_MS
"""From the connection's beginning to the document's last byte: the authorizer has ten seconds in all."""
MAX_BYTES = 256 * 1024
_CHUNK = 16 * 1024


def fetch(url: str, clock: Clock) -> bytes:
    """The document at a URL that is ``is_readable``. No redirect is followed, and no proxy asked.

    Raises:
        PortError: It could not be read, is too large, or comes too slowly.
    """
    if not is_readable(url):
        raise PortError("tokens.fetch", url, "it is no https URL")
    parts = urlsplit(url)
    ends_ms = clock.monotonic_ms() + BOUND_MS
    connection = _connection(parts)
    try:
        path = parts.path or "/"
        connection.request("GET", f"{path}?{parts.query}" if parts.query else path, headers={"Accept": "*/*"})
        received = _Received(connection.sock, clock, ends_ms)
        with http.client.HTTPResponse(received, method="GET") as answer:  # type: ignore[arg-type] # it only reads
            answer.begin()
            if answer.status != http.client.OK:
                raise PortError("tokens.fetch", url, f"it answered {answer.status}")
            return _read(answer, url)
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise PortError("tokens.fetch", url, f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()


def _connection(parts: SplitResult) -> http.client.HTTPConnection:
    host = parts.hostname or ""
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, parts.port, timeout=TIMEOUT_S)
    return http.client.HTTPSConnection(host, parts.port, timeout=TIMEOUT_S, context=ssl.create_default_context())


def _read(answer: http.client.HTTPResponse, url: str) -> bytes:
    read = bytearray()
    while chunk := answer.read1(_CHUNK):
        read += chunk
        if len(read) > MAX_BYTES:
            raise PortError("tokens.fetch", url, f"it has more than {MAX_BYTES} bytes")
    return bytes(read)


@dataclass(frozen=True, slots=True)
class _Received:
    """What ``http.client`` reads an answer from in the place of a socket: every wait for bytes ends in time.

    A socket's own time-out begins anew with each byte, so that a head that comes byte by byte would take hours.
    """

    sock: socket.socket
    clock: Clock
    ends_ms: int

    def makefile(self, _mode: str) -> io.BufferedReader:
        """A file to read from."""
        return io.BufferedReader(_Bytes(self))


class _Bytes(io.RawIOBase):
    def __init__(self, received: _Received) -> None:
        super().__init__()
        self._received = received

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        left_ms = self._received.ends_ms - self._received.clock.monotonic_ms()
        if left_ms <= 0:
            raise TimeoutError(f"it took longer than {BOUND_MS} ms")
        self._received.sock.settimeout(min(TIMEOUT_S, left_ms / SECOND_MS))
        return self._received.sock.recv_into(buffer)
