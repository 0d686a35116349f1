"""The API's error answers: problem details (RFC 9457)."""

from __future__ import annotations

from pydantic import Field

from tidewheel.wire.model import Model
from tidewheel.wire.values import Instant

MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:tidewheel:problem:"
"""What the ``type`` of a problem begins with; its kind follows."""


class FieldProblem(Model):
    """What is wrong with one field of a request, and what to do about it."""

    field: str = Field(description="Path in the body, or the name of a header or query parameter.")
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.field}: {self.problem}; {self.remedy}"


class ReachedLimit(Model):
    """The limit that a request would go beyond."""

    name: str = Field(description="As `GET /v1/usage` names it.", examples=["requests_per_second"])
    used: float = Field(description="How much is used; of a size, an interval or a cost: what the request asks for.")
    allowed: float
    reset_at: Instant | None = Field(
        default=None, description="When it is whole again; absent if time changes nothing."
    )


class Problem(Model):
    """A problem document."""

    type: str = Field(examples=[f"{TYPE_PREFIX}invalid"])
    title: str
    status: int
    detail: str
    instance: str = Field(description="Names the request: `urn:tidewheel:request:<request id>`.")
    errors: tuple[FieldProblem, ...] = ()
    limit: ReachedLimit | None = Field(default=None, description="Of the kind `limited`: the limit that was reached.")


KINDS: dict[str, tuple[int, str]] = {
    "malformed": (400, "The body cannot be read"),
    "unauthenticated": (401, "Nobody is signed in"),
    "forbidden": (403, "This is not allowed"),
    "not-found": (404, "There is no such thing"),
    "method-not-allowed": (405, "The method is not allowed here"),
    "conflict": (409, "The request conflicts with the current state"),
    "outdated": (412, "It has been edited since"),
    "too-large": (413, "The body is too large"),
    "unsupported": (415, "The body is of a type that is not taken"),
    "invalid": (422, "The request was refused"),
    "limited": (429, "A limit of the tenant is reached"),
    "internal": (500, "Something went wrong"),
    "unavailable": (503, "The service is busy"),
    "overloaded": (503, "The service takes on no more work at present"),
    "read-only": (503, "The service makes no changes at present"),
}
"""Every kind of problem: its HTTP status and title. Its name ends its ``type``."""


def problem(
    kind: str,
    detail: str,
    request: str,
    errors: tuple[FieldProblem, ...] = (),
    limit: ReachedLimit | None = None,
) -> Problem:
    """A problem document.

    Args:
        kind: One of ``KINDS``.
        detail: What happened, in a sentence.
        request: The request's id.
        errors: The offending fields.
        limit: The limit that was reached, if it is that.
    """
    status, title = KINDS[kind]
    return Problem(
        type=TYPE_PREFIX + kind,
        title=title,
        status=status,
        detail=detail,
        instance=f"urn:tidewheel:request:{request}",
        errors=errors,
        limit=limit,
    )
