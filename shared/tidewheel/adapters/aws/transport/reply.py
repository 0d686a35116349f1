"""HTTP/1.1 answers, read from a connection: a status, headers, and a body of a known length, in chunks, or to the end.

Only what services send is understood (RFC 9112). Whatever else comes is ``Garbled``: a request is sent again rather
than its answer guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_PIECE = 65_536
_MOST_HEAD_BYTES = 65_536
_MOST_BODY_BYTES = 64 * 1024 * 1024  # DynamoDB answers 16 MB of items at most
_STATUS = re.compile(r"HTTP/1\.([01]) ([1-9]\d\d)(?: .*)?")
_NAME = re.compile(r"[0-9A-Za-z_-]+")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?")
_LENGTH = re.compile(r"\d{1,12}", re.ASCII)
_WITHOUT_BODY = (204, 304)
_FIRST_FINAL = 200


class Ended(Exception):
    """The other side closed the connection before an answer's first byte."""


class Garbled(Exception):
    """What came is no answer of HTTP/1.1, or not the whole of one."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back.

    Args:
        status_code: Of HTTP.
        headers: By name in lower case; what came several times is joined by commas.
        content: The body.
        last: No other request may be sent on this connection.
    """

    status_code: int
    headers: dict[str, str]
    content: bytes
    last: bool = False


class _Incoming:
    """The bytes of a connection, each time as many as are wanted."""

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._receive = receive
        self.buffer = bytearray()
        self.started = False

    def more(self) -> bool:
        """Adds what comes next; False at the end."""
        try:
            piece = self._receive(_PIECE)
        except ConnectionError as error:
            if not self.started:
                raise Ended from error
            raise
        if not piece and not self.started:
            raise Ended
        self.started = True
        self.buffer += piece
        return bool(piece)

    def until(self, mark: bytes, most: int) -> bytes:
        """Everything before the mark, which goes with it."""
        looked = 0
        while (at := self.buffer.find(mark, looked)) < 0:
            looked = max(0, len(self.buffer) - len(mark) + 1)
            if len(self.buffer) > most:
                raise Garbled(f"no end within {most} bytes")
            if not self.more():
                raise Garbled("the connection ended within an answer")
        return self._take(at, len(mark))

    def exactly(self, length: int) -> bytes:
        """So many bytes."""
        while len(self.buffer) < length:
            if not self.more():
                raise Garbled(f"the connection ended {length - len(self.buffer)} bytes before the answer's end")
        return self._take(length)

    def rest(self) -> bytes:
        """All bytes up to the connection's end."""
        while self.more():
            _bounded(len(self.buffer))
        return self._take(len(self.buffer))

    def _take(self, length: int, besides: int = 0) -> bytes:
        taken = bytes(self.buffer[:length])
        del self.buffer[: length + besides]
        return taken


def read(receive: Callable[[int], bytes]) -> Reply:
    """Reads one answer.

    Args:
        receive: Gives the next bytes, at most so many; none at the connection's end.

    Raises:
        Ended: There was not a single byte.
        Garbled: It is no answer, or not a whole one.
        OSError: From ``receive``, after the first byte or for want of time.
    """
    incoming = _Incoming(receive)
    while True:
        newer, status, headers = _head(incoming.until(b"\r\n\r\n", _MOST_HEAD_BYTES))
        if status >= _FIRST_FINAL:
            break
    tokens = {token.strip() for token in headers.get("connection", "").lower().split(",")}
    content, whole = _body(incoming, status, headers)
    last = not whole or not newer or "close" in tokens or bool(incoming.buffer)
    return Reply(status, headers, content, last)


def _head(head: bytes) -> tuple[bool, int, dict[str, str]]:
    """Whether it is HTTP/1.1 rather than 1.0, the status, and the headers."""
    first, *lines = head.decode("latin-1").split("\r\n")
    found = _STATUS.fullmatch(first)
    if found is None:
        raise Garbled(f"no status line: {first[:80]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name):
            raise Garbled(f"no header: {line[:80]!r}")
        key, value = name.lower(), value.strip(" \t")
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return found[1] == "1", int(found[2]), headers


def _body(incoming: _Incoming, status: int, headers: dict[str, str]) -> tuple[bytes, bool]:
    """The body, and whether its end shows otherwise than by the connection's."""
    if status in _WITHOUT_BODY:
        return b"", True
    coding = headers.get("transfer-encoding")
    if coding is not None:
        if coding.lower() != "chunked" or "content-length" in headers:
            raise Garbled(f"no way to tell the body's end: transfer-encoding {coding[:80]!r}")
        return _chunks(incoming), True
    length = headers.get("content-length")
    if length is None:
        return incoming.rest(), False
    if not _LENGTH.fullmatch(length):
        raise Garbled(f"no length: {length[:80]!r}")
    return incoming.exactly(_bounded(int(length))), True


def _chunks(incoming: _Incoming) -> bytes:
    body = bytearray()
    while True:
        line = incoming.until(b"\r\n", _MOST_HEAD_BYTES)
        found = _CHUNK.fullmatch(line)
        if found is None:
            raise Garbled(f"no chunk: {line[:80]!r}")
        size = int(found[1], 16)
        if not size:
            break
        _bounded(len(body) + size)
        body += incoming.exactly(size)
        if incoming.exactly(2) != b"\r\n":
            raise Garbled("a chunk is longer than it says")
    while incoming.until(b"\r\n", _MOST_HEAD_BYTES):
        pass  # trailers, which no service sends
    return bytes(body)


def _bounded(length: int) -> int:
    if length > _MOST_BODY_BYTES:
        raise Garbled(f"an answer of {length} bytes or more")
    return length
