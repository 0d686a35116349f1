"""What a caller wrote: the query, the headers and the body of a request, each checked where it is read."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent
from pydantic_core import PydanticCustomError

from functions.api.cursors import position
from tidewheel.domain.canonical import canonical
from tidewheel.domain.errors import Invalid
from tidewheel.domain.limits import DEFAULT_PAGE, MAX_PAGE
from tidewheel.domain.recurrence.timing import reached
from tidewheel.wire.model import shown
from tidewheel.wire.operation import Operation
from tidewheel.wire.parameters import (
    CURSOR,
    IDEMPOTENCY_KEY,
    IF_MATCH,
    KEY_PATTERN,
    LIMIT,
    MATCH_PATTERN,
    MAX_KEY,
)
from tidewheel.wire.problem import FieldProblem
from tidewheel.wire.reading import read_object
from tidewheel.wire.refused import Malformed, Refused
from tidewheel.wire.values import parse_instant, to_ms

JSON_TYPE = "application/json"
_KEY = re.compile(KEY_PATTERN, re.ASCII)
_MATCH = re.compile(MATCH_PATTERN, re.ASCII)


class TooLarge(Exception):
    """The body has more bytes than its operation takes."""

    def __init__(self, size: int, most: int) -> None:
        super().__init__(f"the body has {size} bytes, and {most} are allowed")


class Unsupported(Exception):
    """The body is said to be something else than JSON.

    Args:
        kind: Its media type.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(f"the body is sent as {shown(kind)}, and only JSON is taken")


def _check_type(given: str | None) -> None:
    """Refuses a body of another type than JSON; one without a type is taken for JSON."""
    kind = (given or JSON_TYPE).partition(";")[0].strip().lower()
    if kind != JSON_TYPE and not (kind.startswith("application/") and kind.endswith("+json")):
        raise Unsupported(kind)


def header_of(event: APIGatewayProxyEvent, name: str) -> str | None:
    """The value of an event's header, whatever the case of its name; None if it is not given."""
    wanted = name.lower()
    found = (value for key, value in (event.get("headers") or {}).items() if key.lower() == wanted)
    return next(found, None)


@dataclass(frozen=True)
class Received:
    """A request of an operation, as far as its caller wrote it.

    Args:
        event: What API Gateway sent.
        operation: The operation that was asked for.
    """

    event: APIGatewayProxyEvent
    operation: Operation[Any]

    @cached_property
    def query(self) -> Mapping[str, Sequence[str]]:
        """The query parameters.

        Raises:
            Refused: Some are unknown to the operation: a misspelt filter must not list everything.
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
        """The value of a query parameter that may be given once, or None.

        Raises:
            Invalid: It is given several times.
        """
        values = self.query.get(name, ())
        if len(values) > 1:
            raise Invalid(name, "is given several times", "give it once")
        return values[0] if values else None

    def flag(self, name: str) -> bool:
        """The value of a query parameter that is true or false; false if it is not given.

        Raises:
            Invalid: It is neither.
        """
        text = self.one(name)
        if text not in {None, "true", "false"}:
            raise Invalid(name, f"{text[:20]!r} is neither true nor false", "write true or false")
        return text == "true"

    def whole(self, name: str, default: int, most: int) -> int:
        """The value of a query parameter that is a whole number from 1 to ``most``.

        Raises:
            Invalid: It is not such a number.
        """
        text = self.one(name)
        if text is None:
            return default
        if not (text.isascii() and text.isdecimal() and len(text) < len(str(most)) + 3 and 1 <= int(text) <= most):
            raise Invalid(name, f"{text[:20]!r} is out of bounds", f"use a whole number from 1 to {most}")
        return int(text)

    def instant(self, name: str) -> int | None:
        """The value of a query parameter that is a time, in ms since the epoch; None if it is not given.

        Raises:
            Invalid: It is not a time, or lies outside 1970 to 2999.
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

    def filters(self, *known: str) -> str:
        """What a list is asked for, as one text: the same for the same filters in any order, and for any page.

        Args:
            known: Parameters that are left out, since what they mean is found out otherwise.
        """
        left_out = {LIMIT.name, CURSOR.name, *known}
        return canonical({name: sorted(values) for name, values in self.query.items() if name not in left_out})

    def header(self, name: str) -> str | None:
        """The value of a header, whatever the case of its name; None if it is not given."""
        return header_of(self.event, name)

    @property
    def key(self) -> str:
        """The idempotency key, or empty.

        Raises:
            Invalid: It cannot be used as one.
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
            Invalid: It is no ETag that an answer had.
        """
        text = self.header(IF_MATCH)
        if text is not None and not _MATCH.fullmatch(text):
            raise Invalid(
                IF_MATCH, f"{text[:40]!r} is not an ETag of ours", 'send the ETag as it was read, such as "3"'
            )
        return None if text in {None, "*"} else int(text.strip('"'))

    def check_headers(self) -> None:
        """Refuses a header that the operation takes and that cannot be read, whether or not it matters this time.

        A repeat under an idempotency key does not ask for ``If-Match``.

        Raises:
            Invalid: It is no idempotency key, or not the ETag of a job.
        """
        taken = self.operation.takes("header")
        if IDEMPOTENCY_KEY in taken:
            _ = self.key
        if IF_MATCH in taken:
            _ = self.match

    def document(self, *, optional: bool = False) -> dict[str, Any]:
        """The JSON object in the body; an empty one for an empty body if ``optional``.

        Raises:
            Malformed: The body is not a JSON object.
            TooLarge: The body is too large.
            Unsupported: It is said to be something else than JSON.
        """
        return {} if optional and not self._raw else self._document

    @cached_property
    def _document(self) -> dict[str, Any]:
        """Read once: the handler takes it, and so does the digest by which a repeat of the request is known."""
        if self._raw:
            _check_type(self.header("Content-Type"))
        if len(self._raw) > self.operation.most_bytes:
            raise TooLarge(len(self._raw), self.operation.most_bytes)
        return read_object(self._raw)

    @cached_property
    def _raw(self) -> bytes:
        text: str = self.event.get("body") or ""
        if not self.event.get("isBase64Encoded"):
            return text.encode(errors="surrogatepass")
        try:
            return base64.b64decode(text, validate=True)
        except ValueError as error:
            raise Malformed("the body is not base64, though it is marked so", "send one JSON object") from error

    @property
    def is_dry_run(self) -> bool:
        """Whether it only asks what would be.

        Raises:
            Invalid: It does not say so plainly.
        """
        return "dry_run" in self.operation.takes("query") and self.flag("dry_run")

    def position(self, kind: str) -> str | None:
        """The position in a list from which the ``cursor`` parameter goes on, or None for the list's beginning.

        Raises:
            Invalid: The cursor is not one of this list.
        """
        text = self.one("cursor")
        return None if text is None else position(text, kind)
