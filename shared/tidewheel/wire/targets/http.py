"""The ``http`` target on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal

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


class HttpTarget(TargetModel):
    """An HTTP request.

    A string body is sent as it is, any other as JSON; null or none sends no body. The value of a header, and
    any value within the body, may be `{"secret": "<name>"}` with `key` and `prefix` if need be.
    """

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

    def summary(self) -> str:
        """Method and URL."""
        return f"{self.method} {self.url}"
