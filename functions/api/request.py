"""What the routes read of a proxy event; everything that a caller wrote is checked here."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic_core import PydanticCustomError

from tidewheel.domain.errors import Invalid, NotFound, Unreadable
from tidewheel.domain.ids import DEFAULT_TENANT, ExecutionId, is_job_id
from tidewheel.domain.limits import DEFAULT_PAGE, MAX_JOB_BYTES, MAX_PAGE
from tidewheel.domain.recurrence.timing import reached
from tidewheel.engine.api.jobs import JobService
from tidewheel.wire.operations import IDEMPOTENCY_KEY, IF_MATCH, MAX_KEY, Operation
from tidewheel.wire.problem import FieldProblem
from tidewheel.wire.reading import read_object
from tidewheel.wire.refused import Malformed, Refused
from tidewheel.wire.values import parse_instant, to_ms

_KEY = re.compile(rf"[\x21-\x7e]{{1,{MAX_KEY}}}", re.ASCII)
_ETAG = re.compile(r'"(\d{1,12})"', re.ASCII)


class TooLarge(Exception):
    """A body of more bytes than ``limits.MAX_JOB_BYTES``."""

    def __init__(self, size: int) -> None:
        super().__init__(f"the body has {size} bytes, and {MAX_JOB_BYTES} are allowed")


def tenant_of(_event: APIGatewayProxyEvent) -> str:
    """The tenant that a request acts for: one, until requests say who makes them."""
    return DEFAULT_TENANT


@dataclass(frozen=True)
class Request:
    """One request of an operation.

    Args:
        event: What API Gateway sent.
        operation: Which one it is.
        path: The values of the path's parameters.
        flow: Gives the flow; asked only by routes that need it.
    """

    event: APIGatewayProxyEvent
    operation: Operation
    path: Mapping[str, str]
    flow: Callable[[], JobService]

    @property
    def job_service(self) -> JobService:
        """The flow."""
        return self.flow()

    @property
    def tenant(self) -> str:
        """Whose things it is about."""
        return tenant_of(self.event)

    @property
    def job(self) -> str:
        """The job's id.

        Raises:
            NotFound: The path's id is that of no job.
        """
        if not is_job_id(self.path["id"]):
            raise NotFound("job", self.tenant, self.path["id"])
        return self.path["id"]

    @property
    def execution(self) -> str:
        """The execution's id.

        Raises:
            NotFound: The path's id is that of no execution.
        """
        try:
            return str(ExecutionId.parse(self.path["id"]))
        except Unreadable as error:
            raise NotFound("execution", self.tenant, self.path["id"]) from error

    @cached_property
    def query(self) -> Mapping[str, Sequence[str]]:
        """The query's parameters.

        Raises:
            Refused: Some are not the operation's: a misspelt filter must not list everything.
        """
        given = self.event.resolved_query_string_parameters
        known = self.operation.takes("query")
        remedy = f"use one of {', '.join(sorted(known))}" if known else "leave it out"
        unknown = [
            FieldProblem(field=name, problem="is not a known parameter", remedy=remedy) for name in given.keys() - known
        ]
        if unknown:
            raise Refused(tuple(sorted(unknown, key=lambda one: one.field)))
        return given

    def one(self, name: str) -> str | None:
        """A query parameter that may be given once.

        Raises:
            Invalid: It is given several times.
        """
        values = self.query.get(name, ())
        if len(values) > 1:
            raise Invalid(name, "is given several times", "give it once")
        return values[0] if values else None

    def whole(self, name: str, default: int, most: int) -> int:
        """A query parameter that is a whole number of 1 or more.

        Raises:
            Invalid: It is none, or more than the most.
        """
        text = self.one(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdecimal() and len(text) < len(str(most)) + 3 and 1 <= int(text) <= most):
            raise Invalid(name, f"{text[:20]!r} is out of bounds", f"use a whole number from 1 to {most}")
        return int(text)

    def instant(self, name: str) -> int | None:
        """A query parameter that is a time, in ms since the epoch.

        Raises:
            Invalid: It is none, or lies outside 1970 to 2999.
        """
        text = self.one(name)
        if text is None:
            return None
        try:
            return reached(to_ms(parse_instant(text)), field=name)
        except PydanticCustomError as error:
            words = error.context or {}
            raise Invalid(name, words["problem"], words["remedy"]) from error

    @property
    def limit(self) -> int:
        """How many items a page may have."""
        return self.whole("limit", DEFAULT_PAGE, MAX_PAGE)

    def header(self, name: str) -> str | None:
        """A header, whatever the case of its name."""
        wanted = name.lower()
        found = (value for key, value in (self.event.get("headers") or {}).items() if key.lower() == wanted)
        return next(found, None)

    @property
    def key(self) -> str:
        """The idempotency key, or empty.

        Raises:
            Invalid: It cannot be one.
        """
        key = self.header(IDEMPOTENCY_KEY)
        if key is not None and not _KEY.fullmatch(key):
            remedy = f"use 1 to {MAX_KEY} visible ASCII characters, such as a UUID"
            raise Invalid(IDEMPOTENCY_KEY, "cannot be used as a key", remedy)
        return key or ""

    @property
    def match(self) -> int | None:
        """The generation that ``If-Match`` names, or None for whichever is newest.

        Raises:
            Invalid: It is no ETag of a job.
        """
        text = self.header(IF_MATCH)
        if text is None or text.strip() == "*":
            return None
        found = _ETAG.fullmatch(text.strip())
        if found is None:
            raise Invalid(
                IF_MATCH, f"{text[:40]!r} is not the ETag of a job", 'send the ETag as it was read, such as "3"'
            )
        return int(found[1])

    def document(self, *, optional: bool = False) -> dict[str, Any]:
        """The JSON object in the body; an empty one for no body, if that is optional.

        Raises:
            Malformed: There is none.
            TooLarge: The body is.
        """
        raw = self._raw()
        if len(raw) > MAX_JOB_BYTES:
            raise TooLarge(len(raw))
        return read_object(raw) if raw or not optional else {}

    def _raw(self) -> bytes:
        text: str = self.event.get("body") or ""
        if not self.event.get("isBase64Encoded"):
            return text.encode(errors="surrogatepass")
        try:
            return base64.b64decode(text, validate=True)
        except ValueError as error:
            raise Malformed("the body is not base64, though it is marked so", "send one JSON object") from error

    def position(self, kind: str) -> str | None:
        """Where the cursor says to go on in a list, or None for its beginning.

        Raises:
            Invalid: The cursor is not one of this list.
        """
        text = self.one("cursor")
        return None if text is None else position(text, kind)


def cursor(kind: str, position: str | None) -> str | None:
    """An opaque cursor for a position in a list of a kind."""
    if position is None:
        return None
    return base64.urlsafe_b64encode(json.dumps([kind, position]).encode()).decode().rstrip("=")


def position(text: str, kind: str) -> str:
    """The position that a cursor of a kind of list stands for.

    Raises:
        Invalid: It is not one of this list.
    """
    try:
        match json.loads(base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))):
            case [str(found), str(place)] if found == kind and text == cursor(kind, place):
                return place
    except (ValueError, RecursionError) as error:
        raise foreign_cursor() from error
    raise foreign_cursor()


def foreign_cursor() -> Invalid:
    """What a cursor is refused with that this list never gave."""
    return Invalid("cursor", "is not one of this list", "use the cursor of this list's last page, as it was")
