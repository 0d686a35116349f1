"""A request as the SDK's handlers of the event ``request-created`` see it, signer included, and as it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


class Malformed(Exception):
    """A request cannot be sent: a header's value holds a line's end."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where connections lead to.

    Args:
        scheme: ``http`` or ``https``.
        host: A name or a literal address, in lower case and without brackets.
        port: Its port.
    """

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """The value of the header ``Host``: with brackets for IPv6, and without the scheme's own port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


@lru_cache(maxsize=64)
def split(url: str) -> tuple[Origin, str]:
    """A URL's origin, and what is asked for there: its path and query.

    Raises:
        ValueError: It has no host, or a scheme other than these two.
    """
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError(f"{url!r} is no URL of a service")
    origin = Origin(parts.scheme, parts.hostname, parts.port or _DEFAULT_PORTS[parts.scheme])
    return origin, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


class Headers(dict[str, str]):
    """Headers under their names in lower case, whatever case they are asked for in; each has one value."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__({name.lower(): value for name, value in fields.items()})

    def __contains__(self, name: object) -> bool:
        """Whether there is such a header."""
        return isinstance(name, str) and super().__contains__(name.lower())

    def __getitem__(self, name: str) -> str:
        """A header's value."""
        return super().__getitem__(name.lower())

    def __setitem__(self, name: str, value: str) -> None:
        """Sets a header, in the place of the one that it had."""
        super().__setitem__(name.lower(), value)

    def __delitem__(self, name: str) -> None:
        """Removes a header."""
        super().__delitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        """A header's value, or the default."""
        return super().get(name.lower(), default)

    def replace_header(self, name: str, value: str) -> None:
        """Sets a header, as the SDK's own class does under this name."""
        self[name] = value


@dataclass(slots=True)
class Request:
    """What ``botocore.awsrequest.AWSRequest`` is to the SDK's handlers, as far as they look at it.

    Args:
        method: Such as ``POST``.
        url: Whole.
        headers: All but the body's length.
        body: What is sent.
        context: What handlers tell each other.
    """

    method: str
    url: str
    headers: Headers
    body: bytes
    context: dict[str, Any]
    params: Mapping[str, str] = field(default_factory=dict)
    auth_path: str | None = None
    stream_output: bool = False

    @property
    def data(self) -> bytes:
        """The body, by its other name."""
        return self.body

    def encoded(self) -> bytes:
        """The request as it goes over the connection.

        Raises:
            Malformed: A header's value would begin another line.
        """
        lines = [f"{self.method} {split(self.url)[1]} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines += [f"content-length: {len(self.body)}", "accept-encoding: identity", "", ""]
        head = "\r\n".join(lines)
        if head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
            raise Malformed("a header's value holds a line's end")
        return head.encode() + self.body
