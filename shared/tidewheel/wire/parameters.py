"""Parameters of operations, and those that several operations share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tidewheel.domain.ids import DEFAULT_TENANT, EXECUTION_BEGINNING_PATTERN, TENANT
from tidewheel.domain.limits import DEFAULT_PAGE, MAX_PAGE
from tidewheel.wire.model import LINE_PATTERN

MAX_KEY = 255
MAX_NAME = 128
MAX_REFERENCE = len("name:") + MAX_NAME
"""Characters of a job's name, and of what stands for a job in a path."""
IDEMPOTENCY_KEY = "Idempotency-Key"
IF_MATCH = "If-Match"
TENANT_HEADER = "Tidewheel-Tenant"
"""In which tenant a platform admin acts, if not in its own."""
KEY_PATTERN = rf"[!-~]{{1,{MAX_KEY}}}"
"""Of an idempotency key: visible ASCII."""
MATCH_PATTERN = r'\*|"[0-9]{1,12}"'
"""Of ``If-Match``: the ETag of a job, or any."""

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


def text_like(pattern: str) -> dict[str, Any]:
    """The JSON Schema of a text that matches a pattern as a whole."""
    return {"type": "string", "pattern": f"^(?:{pattern})$"}


TEXT: dict[str, Any] = {"type": "string"}
CIRCUIT_ID_PATTERN = r"(?:[A-Za-z0-9._-]|~[0-9A-F]{2})+"
"""Of an id that stands in a path as it is: ``~`` and two digits take the place of percent-encoding."""
TIME: dict[str, Any] = {"type": "string", "format": "date-time"}

JOB_ID = Parameter(
    "id",
    "path",
    "The job: its id, the first four characters of it or more, or its name; after `name:`, a name alone. "
    "Where several jobs may be meant, 409 names them.",
    text_like(LINE_PATTERN) | {"minLength": 1, "maxLength": MAX_REFERENCE},
)
EXECUTION_ID = Parameter(
    "id",
    "path",
    "The execution: its id, or the beginning of it with the whole id of its job.",
    text_like(EXECUTION_BEGINNING_PATTERN),
)
CIRCUIT_ID = Parameter("id", "path", "The circuit's id.", text_like(CIRCUIT_ID_PATTERN))
LIMIT = Parameter("limit", "query", "Items in a page, at most.", whole_number(1, MAX_PAGE, DEFAULT_PAGE))
CURSOR = Parameter("cursor", "query", "Where the last page ended: its `cursor`.", TEXT)
KEY = Parameter(
    IDEMPOTENCY_KEY,
    "header",
    "Makes a repeat safe: the same key and body have no further effect, and answer what the first request made, as it "
    "stands now. Another body under the same key is refused with 409 and both digests. A key counts for one operation "
    "on one thing, is remembered for a day, and for ever where it created a job.",
    text_like(KEY_PATTERN) | {"minLength": 1, "maxLength": MAX_KEY},
)
DRY_RUN = Parameter(
    "dry_run",
    "query",
    "Answer what would be, and write nothing: the job as it would be stored, with a `preview` of its instants, its "
    "runs in a month and their cost. With the idempotency key of the later request its id is the same, too.",
    {"type": "boolean", "default": False},
)
MATCH = Parameter(
    IF_MATCH,
    "header",
    "The ETag that was read; the edit is refused if the job was edited since. `*` or none edits the newest.",
    text_like(MATCH_PATTERN) | {"examples": ['"3"']},
)

ACTING_TENANT = Parameter(
    TENANT_HEADER,
    "header",
    "The tenant in which a platform admin acts, if not in its own; 404 if there is none of that id.",
    text_like(TENANT) | {"examples": [DEFAULT_TENANT]},
)

ETAG = ("ETag", "The generation, in quotes.")
LOCATION = ("Location", "Where it can be read, relative to the request's URL.")
