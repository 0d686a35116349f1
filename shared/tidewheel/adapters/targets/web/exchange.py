"""What went over the wire of one request: enough to know whether it was answered, and with which status.

The library beneath the HTTP target refuses an answer as a whole when a header line is malformed, and does not say
whether a connection that broke had been used before. Both decide whether the target may be called again.
"""

from __future__ import annotations

import re
import ssl
from contextvars import ContextVar
from typing import Any

import httpcore

from tidewheel.adapters.targets.web.heads import repaired

_STATUS_LINE = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})(?:[ \t][^\n]*)?\r?\n")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_LONGEST_END = 3
"""How much of what ends a head may have come before its last byte."""
_FINAL = 200
_LONGEST = 64 * 1024
"""The longest head that is repaired (bytes)."""

current: ContextVar[Exchange | None] = ContextVar("current", default=None)
"""The exchange of the task at hand, which sends one request at a time."""


class Exchange:
    """One request and what was read of its answer.

    Attributes:
        reused: Whether its connection carried another request before.
        answered: Whether a byte of an answer was read.
        status: The status of the final answer (RFC 9112, 4), whatever follows it; 0 until its line was read.
    """

    def __init__(self) -> None:
        self.reused = False
        self.answered = False
        self.status = 0
        self._head = b""
        self._at = 0  # where the head begins that is being read
        self._passes = False

    @property
    def is_unanswered_on_reused(self) -> bool:
        """Whether nothing came back on a connection that the server may have closed before the request arrived."""
        return self.reused and not self.answered

    def hear(self, data: bytes) -> bytes:
        """Takes the next bytes that were read, none at the end of the connection.

        Returns:
            Those that are handed on: none before the head is complete, which is repaired as a whole.
        """
        self.answered = self.answered or bool(data)
        if self._passes:
            return data
        end = self._end_of_head(data)
        if end is None and data and len(self._head) <= _LONGEST:
            return b""
        self._passes = True
        head, self._head = self._head, b""
        return head if end is None else repaired(head[:end]) + head[end:]

    def _end_of_head(self, data: bytes) -> int | None:
        """Where the head of the final answer ends, with more bytes of it; None as long as it does not, or is none."""
        new = len(self._head) - _LONGEST_END
        self._head += data
        while line := _STATUS_LINE.match(self._head, self._at):
            end = _END_OF_HEAD.search(self._head, max(self._at, new))
            self.status = int(line[1]) if int(line[1]) >= _FINAL else 0
            if end is None or self.status:
                return None if end is None else end.end()
            self._at = end.end()  # of an interim answer, such as 100 (RFC 9110, 15.2)
        return None


class ObservedStream(httpcore.AsyncNetworkStream):
    """A connection that tells the exchange which uses it what was read.

    Args:
        inner: The connection.
    """

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner
        self._exchange: Exchange | None = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - as in the base
        """See ``httpcore.AsyncNetworkStream``."""
        while True:
            data = await self._inner.read(max_bytes, timeout)
            heard = data if self._exchange is None else self._exchange.hear(data)
            if heard or not data:
                return heard

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as in the base
        """See ``httpcore.AsyncNetworkStream``."""
        exchange = current.get()
        if exchange is not None and exchange is not self._exchange:
            exchange.reused = self._exchange is not None
            self._exchange = exchange
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        """See ``httpcore.AsyncNetworkStream``."""
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as in the base
    ) -> httpcore.AsyncNetworkStream:
        """See ``httpcore.AsyncNetworkStream``; what is observed is what TLS carries."""
        return ObservedStream(await self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """See ``httpcore.AsyncNetworkStream``."""
        return self._inner.get_extra_info(info)
