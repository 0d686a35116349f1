"""Reads one answer off a connection: its head, then its body in parts, as they come.

A reader of its own, and not ``http.client``'s: that one takes a head that was cut off for a whole one, a length that is
none for no length, an interim answer other than 100 for the answer, and a chunk's size of ``-1`` for a size; it waits
for chunks after a 204, and does not say whether anything is left behind an answer. What counts here is to know exactly
where an answer ends: whatever comes after it must not be taken for the answer to another job's request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tidewheel.adapters.targets.web.connection import Connection
from tidewheel.adapters.targets.web.countdown import Countdown
from tidewheel.adapters.targets.web.errors import RemoteProtocolError
from tidewheel.adapters.targets.web.exchange import Exchange
from tidewheel.adapters.targets.web.heads import read_head

_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r\n")
_LONGEST_LINE = 8 * 1024
"""The longest line with a chunk's size, and the most that follows the last chunk (bytes)."""
_LINE_END = b"\r\n"


class Answering:
    """An answer that is being read.

    Args:
        connection: Where it comes from; a request was sent on it.
        exchange: What is kept of it, whatever happens.
        method: The request's.
        countdown: The call's time.

    Attributes:
        status: The answer's.
        fields: Its header fields, by name in lower case.

    Raises:
        ReadError: The connection broke before the head's end.
        RemoteProtocolError: No HTTP came, or not a whole head, or one that does not say where the body ends.
        Stopped: The call was told to end.
        TimedOut: The call's time is up.
    """

    def __init__(self, connection: Connection, exchange: Exchange, method: str, countdown: Countdown) -> None:
        self._connection = connection
        self._exchange = exchange
        self._countdown = countdown
        self._buffer, self._at = b"", 0
        self._read_heads()
        head = read_head(exchange.head, exchange.status, method)
        self.status, self.fields = exchange.status, head.fields
        self._head = head
        self._complete = head.length == 0

    @property
    def is_complete(self) -> bool:
        """Whether it was read to its end, nothing came after it, and the connection stays open."""
        return self._complete and self._head.persistent and self._at == len(self._buffer)

    def parts(self) -> Iterator[bytes]:
        """The body as it comes.

        Raises:
            ReadError: The connection broke before its end.
            RemoteProtocolError: The connection ended before, or a chunk is none.
            Stopped: The call was told to end.
            TimedOut: The call's time is up.
        """
        if self._complete:
            return
        if self._head.chunked:
            yield from self._chunks()
        elif self._head.length is not None:
            yield from self._exactly(self._head.length)
        else:
            while part := self._some():
                yield part
        self._complete = True

    def _read_heads(self) -> None:
        handed = b""
        while not self._exchange.is_over:
            data = self._connection.receive(self._countdown)
            handed = self._exchange.hear(data)
            if not data and not self._exchange.answered:
                raise RemoteProtocolError("Server disconnected without sending a response.")
        if not self._exchange.head:
            raise RemoteProtocolError(f"no head of an answer: {handed[:60]!r}")
        self._buffer = handed[len(self._exchange.head) :]

    def _some(self, most: int | None = None) -> bytes:
        """The next bytes, so many at most; none at the end of the connection."""
        if self._at == len(self._buffer):
            self._buffer, self._at = self._connection.receive(self._countdown), 0
        found = self._buffer[self._at :] if most is None else self._buffer[self._at : self._at + most]
        self._at += len(found)
        return found

    def _exactly(self, count: int) -> Iterator[bytes]:
        while count:
            part = self._some(count)
            if not part:
                raise RemoteProtocolError(f"the connection ended {count} bytes before the end of the body")
            count -= len(part)
            yield part

    def _chunks(self) -> Iterator[bytes]:
        """The chunks' contents (RFC 9112, 7.1)."""
        while True:
            line = self._line()
            found = _CHUNK.fullmatch(line)
            if found is None:
                raise RemoteProtocolError(f"no size of a chunk: {line[:60]!r}")
            size = int(found[1], 16)
            if not size:
                break
            yield from self._exactly(size)
            if self._line() != _LINE_END:
                raise RemoteProtocolError("a chunk is longer than it says")
        length = 0
        while (line := self._line()) != _LINE_END:  # trailer fields, which nobody needs
            length += len(line)
            if length > _LONGEST_LINE:
                raise RemoteProtocolError("too much follows the last chunk")

    def _line(self) -> bytes:
        """The next line, with its end."""
        while (end := self._buffer.find(_LINE_END, self._at)) < 0:
            rest = self._buffer[self._at :]
            more = self._connection.receive(self._countdown)
            if not more:
                raise RemoteProtocolError("the connection ended before the last chunk")
            if len(rest) > _LONGEST_LINE:
                raise RemoteProtocolError("a line between chunks is too long")
            self._buffer, self._at = rest + more, 0
        line = self._buffer[self._at : end + len(_LINE_END)]
        self._at = end + len(_LINE_END)
        return line
