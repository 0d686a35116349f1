"""The other side of HTTP targets, whoever they call: hears requests, answers as told, over pairs of sockets."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from tests.support.connections import PUBLIC, Line, Said
from tidewheel.adapters.targets.web.countdown import Countdown
from tidewheel.domain.fleet.networks import Address

_BODYLESS = {204, 304}


@dataclass(frozen=True)
class Heard:
    """A request as it came.

    Args:
        method: Its method.
        url: Where it went: scheme of the connection, ``Host``, and path with query.
        headers: All values of each header, by name in lower case.
        content: Its body.
        raw: Everything.
    """

    method: str
    url: str
    headers: Mapping[str, list[str]]
    content: bytes
    raw: bytes


def heard(raw: bytes, scheme: str) -> Heard:
    """What a request says."""
    head, _, content = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode("ascii").split("\r\n")
    method, target, _ = first.split(" ")
    headers: dict[str, list[str]] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        headers.setdefault(name.lower(), []).append(value)
    (host,) = headers["host"]
    return Heard(method, f"{scheme}://{host}{target}", headers, content, raw)


def reply(status: int, body: bytes | str = b"", headers: Mapping[str, str] | None = None) -> list[Said]:
    """A whole answer; one that cannot have a body is without."""
    content = b"" if status in _BODYLESS else body.encode() if isinstance(body, str) else body
    length = {} if status in _BODYLESS else {"Content-Length": str(len(content))}
    return [head(status, length | dict(headers or {})) + content]


def streamed(status: int, pieces: Iterable[Said], headers: Mapping[str, str] | None = None) -> Iterable[Said]:
    """An answer whose body ends with its connection, piece by piece."""
    yield head(status, {"Connection": "close"} | dict(headers or {}))
    yield from pieces
    yield b""


def head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


@dataclass
class WebReceiver:
    """``Sockets`` and names that all lead here.

    Args:
        answer: What is said to a request. It may wait, on the connection's own thread.
    """

    answer: Callable[[Heard], Iterable[Said]] = lambda _: reply(200, "ok")
    requests: list[Heard] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    @property
    def request(self) -> Heard:
        (request,) = self.requests
        return request

    def connect(self, address: Address, port: int, countdown: Countdown, most_ms: int) -> socket.socket:
        line = Line(lambda _, raw: self._answered(line, raw))
        self.lines.append(line)
        return line.theirs

    def secure(self, sock: socket.socket, context: ssl.SSLContext, host: str, countdown: Countdown) -> socket.socket:
        next(line for line in self.lines if line.theirs is sock).contexts.append(context)
        return sock

    def resolve(self, host: str, port: int) -> Sequence[Address]:
        return [ip_address(PUBLIC)]

    def join(self) -> None:
        """Waits until all connections are closed, as they are once their target is."""
        for line in self.lines:
            line.join()

    def _answered(self, line: Line, raw: bytes) -> Iterable[Said]:
        request = heard(raw, "https" if line.contexts else "http")
        self.requests.append(request)
        said = list(self.answer(request)) if request.method == "HEAD" else self.answer(request)
        if isinstance(said, list) and request.method == "HEAD" and isinstance(said[0], bytes):
            return [said[0].partition(b"\r\n\r\n")[0] + b"\r\n\r\n"]
        return said
