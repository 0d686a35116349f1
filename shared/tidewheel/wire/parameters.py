"""Parameters of operations, and those that several operations share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tidewheel.domain.limits import DEFAULT_PAGE, MAX_PAGE

MAX_KEY = 255
IDEMPOTENCY_KEY = "Idempotency-Key"
IF_MATCH = "If-Match"

Location = Literal["path", "query", "header"]
"""The part of a request that a parameter stands in."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A path, query or header parameter.

    Args:
        name: Its name.
        where: The part of a request that it stands in.
        description: For the OpenAPI document.
        schema: Its JSON Schema.
    """

    name: str
    where: Location
    description: str
    schema: dict[str, Any]


def whole_number(low: int, high: int, default: int) -> dict[str, Any]:
    """The JSON Schema of a whole number in [low, high]."""
    return {"type": "integer", "minimum": low, "maximum": high, "default": default}


TEXT: dict[str, Any] = {"type": "string"}
CIRCUIT_ID_PATTERN = r"(?:[A-Za-z0-9._-]|~[0-9A-F]{2})+"
"""Of an id that stands in a path as it is: ``~`` and two digits take the place of percent-encoding."""
TIME: dict[str, Any] = {"type": "string", "format": "date-time"}

JOB_ID = Parameter(
    "id",
    "path",
    "The job: its id, the first four characters of it or more, or its name; after `name:`, a name alone. "
    "Where several jobs may be meant, 409 names them.",
    TEXT,
)
EXECUTION_ID = Parameter(
    "id", "path", "The execution: its id, or the beginning of it with the whole id of its job.", TEXT
)
CIRCUIT_ID = Parameter("id", "path", "The circuit's id.", {**TEXT, "pattern": f"^{CIRCUIT_ID_PATTERN}$"})
LIMIT = Parameter("limit", "query", "Items in a page, at most.", whole_number(1, MAX_PAGE, DEFAULT_PAGE))
CURSOR = Parameter("cursor", "query", "Where the last page ended: its `cursor`.", TEXT)
KEY = Parameter(
    IDEMPOTENCY_KEY,
    "header",
    "Makes a repeat safe: the same key and body answer what the first request made, as it stands now.",
    {"type": "string", "minLength": 1, "maxLength": MAX_KEY},
)
MATCH = Parameter(
    IF_MATCH,
    "header",
    "The ETag that was read; the edit is refused if the job was edited since. `*` or none edits the newest.",
    {"type": "string", "examples": ['"3"']},
)

ETAG = ("ETag", "The generation, in quotes.")
LOCATION = ("Location", "Where it can be read, relative to the request's URL.")
