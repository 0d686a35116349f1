"""What an attempt calls, on the wire; the JSON form is also what a job's record keeps as its target's spec."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field

from tidewheel.wire.model import Model, refusal, shown

MAX_URL = 2_048
MAX_HEADERS = 50
MAX_HEADER_VALUE = 4_096
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}", re.ASCII)
_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?|", re.ASCII)
_FRAMING = frozenset({"connection", "content-length", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})
_URL_REMEDY = "use an absolute http or https URL, such as https://example.com/hook"
_NAME = r"[A-Za-z0-9_-]{1,64}"
_LAMBDA = re.compile(
    rf"(?:arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d{{12}}:function:)?{_NAME}(?::(?:\$LATEST|[A-Za-z0-9_-]{{1,128}}))?",
    re.ASCII,
)


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # read for its check alone
    except ValueError:
        return None
    return parts


def _check_url(url: str) -> str:
    parts = _split(url)
    clean = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    if parts is None or not clean or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise refusal(f"{shown(url)} is not a URL that can be called", _URL_REMEDY)
    if "@" in parts.netloc:
        raise refusal("the URL holds a user or password", "send credentials in a header")
    if parts.fragment:
        raise refusal("the URL has a fragment, which is never sent", "leave out what follows #")
    return url


def _check_headers(headers: dict[str, str]) -> dict[str, str]:
    """Values stay out of the messages: they may be secrets."""
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


def _check_function(function: str) -> str:
    if not _LAMBDA.fullmatch(function):
        raise refusal(
            f"{shown(function)} is not a Lambda function", "use its name or its ARN, with a qualifier or none"
        )
    return function


class HttpTarget(Model):
    """An HTTP request.

    A string body is sent as it is, any other as JSON; null or none sends no body.
    """

    kind: Literal["http"]
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] = "POST"
    url: Annotated[str, Field(max_length=MAX_URL, examples=["https://example.com/hook"]), AfterValidator(_check_url)]
    headers: Annotated[dict[str, str], Field(max_length=MAX_HEADERS), AfterValidator(_check_headers)] = Field(
        default_factory=dict
    )
    body: Any = None


class LambdaTarget(Model):
    """An invocation of a Lambda function, by name or ARN; any JSON is the `payload` of its event."""

    kind: Literal["lambda"]
    function: Annotated[str, Field(max_length=256, examples=["my-function"]), AfterValidator(_check_function)]
    payload: Any = None


TargetBody = Annotated[HttpTarget | LambdaTarget, Field(discriminator="kind")]
"""One of the targets, told apart by ``kind``."""
