"""URLs as they are sent: parsed once, each part percent-encoded where it is not yet (RFC 3986)."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import urljoin

from tidewheel.adapters.targets.web.errors import InvalidUrl, Unsendable

PORTS = {"http": 80, "https": 443}
_PARSED_KEPT = 256
_PARTS = re.compile(
    r"(?:([a-zA-Z][a-zA-Z0-9+.-]*):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#.*)?", re.DOTALL
)  # RFC 3986, appendix B
_AUTHORITY = re.compile(r"(?:(.*)@)?(\[.*\]|[^:@]*)(?::(.*))?")
_FOUR_NUMBERS = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_PORT = re.compile(r"[0-9]{1,5}", re.ASCII)
_LAST_PORT = 65_535
_NOT_IN_PATH = re.compile(r"[^!$-;=@-_a-z|~]+")
_NOT_IN_QUERY = re.compile(r"[^!$-;=?-~]+")
_NOT_IN_HOST = re.compile(r"[^!-.0-9;=A-Z\\_`a-~]+")
_NOT_IN_USER = re.compile(r"[^!$-.0-:A-Z_a-z~]+")


class Origin(NamedTuple):
    """Whom a connection leads to: scheme, host and port."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Url:
    """An absolute URL, or a reference to one.

    Args:
        scheme: In lower case; empty in a reference.
        user: What stands before ``@``, if anything.
        host: An address without brackets, or a name in ASCII and lower case.
        port: None for the scheme's own.
        path: Percent-encoded.
        query: Percent-encoded; None without ``?``.
    """

    scheme: str
    user: str
    host: str
    port: int | None
    path: str
    query: str | None

    @property
    def netloc(self) -> str:
        """Host and port, as the header ``Host`` has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    @property
    def origin(self) -> Origin:
        """Whom to connect to."""
        return Origin(self.scheme, self.host, PORTS[self.scheme] if self.port is None else self.port)

    @property
    def target(self) -> str:
        """Path and query, as the first line of a request has them."""
        return (self.path or "/") + ("" if self.query is None else f"?{self.query}")

    def __str__(self) -> str:
        scheme, user = self.scheme and f"{self.scheme}:", self.user and f"{self.user}@"
        authority = f"//{user}{self.netloc}" if self.host or self.user or self.port is not None else ""
        return f"{scheme}{authority}{self.path}" + ("" if self.query is None else f"?{self.query}")

    def joined(self, location: str) -> Url:
        """The URL that a reference means which was found at this one.

        Raises:
            InvalidUrl: It is none.
        """
        found = _parsed(location)
        if found.scheme and not found.host:
            found = _parsed(str(replace(found, host=self.host)))
        return found if found.scheme else _parsed(urljoin(str(self), str(found)))


def sendable(url: Url) -> Url:
    """A URL that can be called.

    Raises:
        Unsendable: It has no host, or is neither http nor https.
    """
    if url.scheme not in PORTS or not url.host:
        raise Unsendable(f"{url} is no http or https URL with a host")
    return url


@lru_cache(_PARSED_KEPT)
def parsed(text: str) -> Url:
    """The URL that a job calls.

    Raises:
        Unsendable: It cannot be called.
    """
    return sendable(_parsed(text))


def _parsed(text: str) -> Url:
    if any(character.isascii() and not character.isprintable() for character in text):
        raise InvalidUrl("it holds a control character")
    found = _PARTS.fullmatch(text)
    assert found is not None
    scheme, authority, path, query = found.groups()
    scheme = (scheme or "").lower()
    parts = _AUTHORITY.fullmatch(authority or "")
    if parts is None:
        raise InvalidUrl(f"{authority!r} is no host")
    user, host, port = parts.groups()
    if authority is None and (path.startswith(":") or (scheme and not path.startswith("/") and path)):
        raise InvalidUrl("it has no host")
    return Url(
        scheme,
        _encoded(user or "", _NOT_IN_USER),
        _host(host),
        _port(port, scheme),
        _encoded(_without_dots(path) if scheme or authority else path, _NOT_IN_PATH),
        None if query is None else _encoded(query, _NOT_IN_QUERY),
    )


def _host(host: str) -> str:
    try:
        if _FOUR_NUMBERS.fullmatch(host):
            return str(ipaddress.IPv4Address(host))
        if host.startswith("["):
            ipaddress.IPv6Address(host[1:-1])
            return host[1:-1]
    except ValueError as error:
        raise InvalidUrl(f"{host!r} is no address") from error
    return _encoded(host.lower(), _NOT_IN_HOST) if host.isascii() else _in_dns(host)


def _in_dns(host: str) -> str:
    import idna  # noqa: PLC0415 - its tables take some ms, and few hosts need them

    try:
        return idna.encode(host.lower()).decode("ascii")
    except idna.IDNAError as error:
        raise InvalidUrl(f"{host!r} cannot be a host's name") from error


def _port(text: str | None, scheme: str) -> int | None:
    if not text:
        return None
    if not _PORT.fullmatch(text) or int(text) > _LAST_PORT:
        raise InvalidUrl(f"{text!r} is no port")
    return None if int(text) == PORTS.get(scheme) else int(text)


def _encoded(text: str, beyond: re.Pattern[str]) -> str:
    """A text with its other characters percent-encoded as UTF-8."""
    return beyond.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), text)


def _without_dots(path: str) -> str:
    """A path without the segments ``.`` and ``..`` (RFC 3986, 5.2.4)."""
    segments = path.split("/")
    if "." not in segments and ".." not in segments:
        return path
    kept: list[str] = []
    for segment in segments:
        if segment == ".." and kept not in ([], [""]):
            kept.pop()
        elif segment not in {".", ".."}:
            kept.append(segment)
    return "/".join(kept)
