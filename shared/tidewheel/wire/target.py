"""What the kinds of target on the wire have in common: their base, and checks of URLs and headers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar
from urllib.parse import SplitResult, urlsplit

from pydantic import Field

from tidewheel.domain.jobs.secret import NAME as SECRET_NAME
from tidewheel.domain.jobs.secret import reference_of, references_in
from tidewheel.wire.model import Model, refusal, shown

MAX_URL = 2_048
MAX_HEADERS = 50
MAX_HEADER_VALUE = 4_096
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}", re.ASCII)
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?|", re.ASCII)
_FRAMING = frozenset({"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})
_NAME_REMEDY = "use 1 to 128 letters, digits and _ . @ + = -, without a slash"
_URL_REMEDY = "use an absolute http or https URL, such as https://example.com/hook"


class SecretValue(Model):
    """A text that is kept in the deployment's secrets and known to the call alone."""

    secret: Annotated[str, Field(pattern=f"^{SECRET_NAME.pattern}$", description="The secret's name.")]
    key: Annotated[str, Field(max_length=256, description="A field of the secret, if that is a JSON object.")] = ""
    prefix: Annotated[str, Field(max_length=256, description="What stands before it, such as `Bearer `.")] = ""


class TargetModel(Model):
    """The base of the models in ``wire.targets``: ``kind`` tells them apart, as a ``Literal`` of one text."""

    LONG_RUNNING: ClassVar[bool] = False
    """Whether only long-running workers can call it: those of any pool but ``lambda``."""

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


def check_secrets(value: Any) -> Any:
    """A JSON value, if all that it refers to may be the name of a secret."""
    for reference in references_in(value):
        if not SECRET_NAME.fullmatch(reference.name):
            raise refusal(f"{shown(reference.name)} is no name of a secret", _NAME_REMEDY)
    return value


def check_header_values(headers: Any) -> Any:
    """Headers whose every value is a text or refers to a secret; what else is wrong with them is found later."""
    if isinstance(headers, Mapping):
        for name, value in headers.items():
            if not isinstance(value, str | SecretValue) and reference_of(value) is None:
                raise refusal(f"the value of {name} is no text", 'write a text, or {"secret": "<name>"}')
            check_secrets(value)
    return headers


def check_headers(headers: dict[str, str | SecretValue]) -> dict[str, str | SecretValue]:
    """The headers, if they can be sent. Values stay out of the messages: they may be secrets."""
    if len({name.lower() for name in headers}) < len(headers):
        raise refusal("a header is given twice in different case", "name each header once")
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise refusal(f"{shown(name)} is not a header's name", "use letters, digits and -")
        if name.lower() in _FRAMING:
            raise refusal(f"{name} belongs to the connection", f"leave {name} out: it is set when the call is made")
        text = value.prefix.rstrip(" ") if isinstance(value, SecretValue) else value
        if len(text) > MAX_HEADER_VALUE or not _HEADER_VALUE.fullmatch(text):
            remedy = f"use up to {MAX_HEADER_VALUE} visible ASCII characters on one line, without spaces around them"
            raise refusal(f"the value of {name} cannot be sent", remedy)
    return headers
