"""What the kinds of target on the wire have in common: their base, and checks of URLs and headers."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit

from tidewheel.wire.model import Model, refusal, shown

MAX_URL = 2_048
MAX_HEADERS = 50
MAX_HEADER_VALUE = 4_096
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}", re.ASCII)
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?|", re.ASCII)
_FRAMING = frozenset({"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})
_URL_REMEDY = "use an absolute http or https URL, such as https://example.com/hook"


class TargetModel(Model):
    """The base of the models in ``wire.targets``: ``kind`` tells them apart, as a ``Literal`` of one text."""

    kind: str

    def summary(self) -> str:
        """The target in a few words, for lists."""
        return self.kind


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # read for its check alone
    except ValueError:
        return None
    return parts


def check_url(url: str) -> str:
    """The URL, if it can be called."""
    parts = _split(url)
    clean = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    if parts is None or not clean or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise refusal(f"{shown(url)} is not a URL that can be called", _URL_REMEDY)
    if "@" in parts.netloc:
        raise refusal("the URL holds a user or password", "send credentials in a header")
    if parts.fragment:
        raise refusal("the URL has a fragment, which is never sent", "leave out what follows #")
    return url


def check_headers(headers: dict[str, str]) -> dict[str, str]:
    """The headers, if they can be sent. Values stay out of the messages: they may be secrets."""
    if len({name.lower() for name in headers}) < len(headers):
        raise refusal("a header is given twice in different case", "name each header once")
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise refusal(f"{shown(name)} is not a header's name", "use letters, digits and -")
        if name.lower() in _FRAMING:
            raise refusal(f"{name} belongs to the connection", f"leave {name} out: it is set when the call is made")
        if len(value) > MAX_HEADER_VALUE or not _HEADER_VALUE.fullmatch(value):
            remedy = f"use up to {MAX_HEADER_VALUE} visible ASCII characters on one line, without spaces around them"
            raise refusal(f"the value of {name} cannot be sent", remedy)
    return headers
