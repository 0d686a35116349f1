"""The ``http`` target on the wire."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from tidewheel.wire.target import MAX_HEADERS, MAX_URL, TargetModel, check_headers, check_url


class HttpTarget(TargetModel):
    """An HTTP request.

    A string body is sent as it is, any other as JSON; null or none sends no body.
    """

    kind: Literal["http"]
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] = "POST"
    url: Annotated[str, Field(max_length=MAX_URL, examples=["https://example.com/hook"]), AfterValidator(check_url)]
    headers: Annotated[dict[str, str], Field(max_length=MAX_HEADERS), AfterValidator(check_headers)] = Field(
        default_factory=dict
    )
    body: Any = None

    def summary(self) -> str:
        """Method and URL."""
        return f"{self.method} {self.url}"
