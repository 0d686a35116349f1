"""The ``http`` target on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

from tidewheel.domain.limits import MAX_REDIRECTS
from tidewheel.wire.target import (
    MAX_HEADERS,
    MAX_URL,
    SecretValue,
    TargetModel,
    check_header_values,
    check_headers,
    check_secrets,
    check_url,
)

_PORTS = {"http": 80, "https": 443}


def _host(url: str) -> str:
    """``host:port`` of a URL; empty for a text that is none."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return ""
    return f"{parts.hostname}:{port}" if parts.hostname and port else ""


class HttpTarget(TargetModel):
    """An HTTP request.

    A string body is sent as it is, any other as JSON; null or none sends no body. The value of a header, and
    any value within the body, may be `{"secret": "<name>"}` with `key` and `prefix` if need be.
    """

    PARTY = "url"

    kind: Literal["http"]
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] = "POST"
    url: Annotated[str, Field(max_length=MAX_URL, examples=["https://example.com/hook"]), AfterValidator(check_url)]
    headers: Annotated[
        dict[str, str | SecretValue],
        Field(max_length=MAX_HEADERS),
        BeforeValidator(check_header_values),
        AfterValidator(check_headers),
    ] = Field(default_factory=dict)
    body: Annotated[Any, AfterValidator(check_secrets)] = None
    redirects: Annotated[
        int,
        Field(
            ge=0,
            le=MAX_REDIRECTS,
            description="How many redirects are followed. Credentials never follow to another origin.",
        ),
    ] = 0

    @classmethod
    def party(cls, spec: Mapping[str, Any]) -> str:
        """The URL's host and port: whatever is behind them fails together."""
        return _host(super().party(spec))

    def summary(self) -> str:
        """Method and URL."""
        return f"{self.method} {self.url}"
