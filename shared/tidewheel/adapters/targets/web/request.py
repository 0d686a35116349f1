"""One request: what is sent, and what follows from it where a redirect leads."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import unquote_to_bytes

from tidewheel.adapters.targets.web.errors import InvalidUrl, RemoteProtocolError, Unsendable
from tidewheel.adapters.targets.web.inflating import CODINGS
from tidewheel.adapters.targets.web.url import Url

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GET_ANYWAY = frozenset({302, 303})
_MOVED = 301
_BODIES = frozenset({"POST", "PUT", "PATCH"})
"""The methods whose requests say that they have no body."""
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_VALUE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?|", re.ASCII)
_OWN = {"Accept": "*/*", "Accept-Encoding": CODINGS, "Connection": "keep-alive", "User-Agent": "tidewheel"}


class Headers:
    """Header fields in order. A name in another case is the same name; each goes as it was written last.

    Args:
        fields: To begin with.
    """

    def __init__(self, fields: Mapping[str, str] | None = None) -> None:
        self._fields: dict[str, tuple[str, str]] = {}
        self.update(fields or {})

    def update(self, fields: Mapping[str, str]) -> None:
        """Sets fields, each in place of one of the same name."""
        for name, value in fields.items():
            self._fields[name.lower()] = (name, value)

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._fields

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._fields.values())

    def without(self, names: Iterable[str]) -> Headers:
        """The others."""
        gone = {name.lower() for name in names}
        return Headers({name: value for key, (name, value) in self._fields.items() if key not in gone})


def is_sendable(value: str) -> bool:
    """Whether a header can have a value: visible ASCII on one line (RFC 9110, 5.5)."""
    return _VALUE.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class Request:
    """A request.

    Args:
        method: Its method.
        url: Where to.
        headers: What goes beside Host, Content-Length and what every request has, and in their place.
        body: None: it has none.
    """

    method: str
    url: Url
    headers: Headers
    body: bytes | None

    def encoded(self) -> bytes:
        """As it goes over the wire, head and body in one piece, so that they go in one packet if they fit.

        Raises:
            Unsendable: A header's name or value cannot be sent. The message does not show the value.
        """
        headers = Headers({"Host": self.url.netloc} | _OWN)
        headers.update(dict(self.headers))
        if self.url.user:
            headers.update({"Authorization": _basic(self.url.user)})
        if self.body or self.method in _BODIES:
            headers.update({"Content-Length": str(len(self.body or b""))})
        lines = [f"{self.method} {self.url.target} HTTP/1.1"]
        for name, value in headers:
            if not (_NAME.fullmatch(name) and is_sendable(value)):
                raise Unsendable(f"the header {name!r} cannot be sent")
            lines.append(f"{name}: {value}")
        return "\r\n".join((*lines, "", "")).encode("ascii") + (self.body or b"")

    def redirected(self, status: int, location: str | None) -> Request | None:
        """The request that a redirect asks for; None if the answer is no redirect.

        The method is the one that is usual, and not the one that RFC 9110, 15.4 began with: GET after 302 and 303, and
        after a 301 that answers a POST. Everything else stays, to whatever origin it leads.

        Args:
            status: Of the answer.
            location: Its ``Location``; None if it has none.

        Raises:
            RemoteProtocolError: It leads to what is no URL.
        """
        if status not in _REDIRECTS or location is None:
            return None
        try:
            url = self.url.joined(location)
        except InvalidUrl as error:
            raise RemoteProtocolError(f"Invalid URL in location header: {error}.") from error
        moved = replace(self, url=url)
        if self.method == "GET" or not self._becomes_get(status):
            return moved
        return replace(moved, method="GET", body=None)

    def _becomes_get(self, status: int) -> bool:
        return (status in _GET_ANYWAY and self.method != "HEAD") or (status == _MOVED and self.method == "POST")


def _basic(user: str) -> str:
    """The credentials of a URL that a redirect leads to; a job's URL has none."""
    name, _, password = user.partition(":")
    return f"Basic {base64.b64encode(b':'.join(map(unquote_to_bytes, (name, password)))).decode('ascii')}"
