"""The ``http`` target on the wire."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from tidewheel.domain.limits import MAX_REDIRECTS
from tidewheel.wire.bodies.target import (
    MAX_HEADERS,
    MAX_URL,
    SecretValue,
    TargetModel,
    check_header_values,
    check_headers,
    check_secrets,
    check_url,
)
from tidewheel.wire.model import refusal

_PORTS = {"http": 80, "https": 443}
_SAYS_NOTHING = re.compile(r"api|rest|v\d[\w.-]*", re.ASCII | re.IGNORECASE)
"""A segment of a path that an API puts before all its routes: its name, or its version."""


def _host(parts: SplitResult) -> str:
    """``host:port``; empty without a host, or with a port that is none."""
    try:
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return ""
    return f"{parts.hostname}:{port}" if parts.hostname and port else ""


def _check_ca(ca: Any) -> Any:
    """Messages do not show the value, which may be a key."""
    if isinstance(ca, str):
        raise refusal("it is a text", 'keep the bundle as a secret, and write {"secret": "<name>"}')
    if isinstance(ca, Mapping) and ca.get("prefix"):
        raise refusal("nothing stands before a bundle", "leave prefix out")
    return ca


def _prefix(path: str) -> str:
    """The path up to its first segment that tells one route from another."""
    found = ""
    for segment in filter(None, path.split("/")):
        found += f"/{segment}"
        if not _SAYS_NOTHING.fullmatch(segment):
            break
    return found


class HttpTarget(TargetModel):
    """An HTTP request.

    A string body is sent as it is, any other as JSON; null or none sends no body. The value of a header, and
    any value within the body, may be `{"secret": "<name>"}` with `key` and `prefix` if need be.
    """

    PARTY = "url"
    DATA = frozenset({"body"})
    REVEALS = frozenset({"headers", "body", "ca"})

    kind: Literal["http"]
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] = "POST"
    url: Annotated[
        str,
        Field(
            max_length=MAX_URL,
            examples=["https://example.com/hook"],
            description="In any language: it is kept as it is sent, with the host's name in the DNS, path and query "
            "percent-encoded where they are not yet.",
        ),
        AfterValidator(check_url),
    ]
    ca: Annotated[SecretValue | None, BeforeValidator(_check_ca)] = Field(
        None,
        exclude_if=lambda ca: ca is None,  # as with `circuit`
        description="A secret with the CAs, in PEM, of which one must have signed the target's certificate; the public "
        "ones do not count then.",
    )
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
    circuit: Literal["prefix", "host", "url", "off"] = Field(
        "prefix",
        exclude_if=lambda circuit: circuit == "prefix",  # a worker or an API of an earlier release knows no such field
        description="Whose failures count together with those of this job, and whom it waits for when they open the "
        "circuit. `prefix`: calls of the same host, port and first segment of the path (`api`, `rest` and versions "
        "such as `v1` are not counted as one). `host`: all calls of the host and port. `url`: calls of the same path, "
        "whatever their query. `off`: none; it is called in any case.",
    )

    @field_validator("ca", mode="after")
    @classmethod
    def _is_of_use(cls, ca: SecretValue | None, info: ValidationInfo) -> SecretValue | None:
        url = info.data.get("url", "https:")  # absent if it was refused itself
        if ca is not None and not url.lower().startswith("https:"):
            raise refusal("the URL is not https, so that no certificate is shown", "call an https URL, or leave ca out")
        return ca

    @classmethod
    def party(cls, spec: Mapping[str, Any]) -> str:
        """Host and port, and as much of the path as the job's ``circuit`` says; a query may hold a credential."""
        try:
            parts = urlsplit(super().party(spec))
        except ValueError:
            return ""
        host = _host(parts)
        match spec.get("circuit"):
            case "host":
                return host
            case "url":
                return host and host + parts.path.rstrip("/")
        return host and host + _prefix(parts.path)

    def summary(self) -> str:
        """Method and URL."""
        return f"{self.method} {self.url}"
