"""From an operation and the values of its parameters to the parts of an HTTP request."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tidewheel.client.errors import Unsendable
from tidewheel.wire.operation import Operation
from tidewheel.wire.parameters import Location

Value = str | int | Sequence[str]
Values = Mapping[str, Value | None]
"""The values of parameters by name; None for one that is left out."""

_HEADER = re.compile(r"[!-~]([ -~]*[!-~])?")


@dataclass(frozen=True, slots=True)
class Parts:
    """What the parameters' values come to: the path with them filled in, the query and the headers."""

    path: str
    query: Mapping[str, Value]
    headers: Mapping[str, str]


def parts_of(operation: Operation[Any], values: Values) -> Parts:
    """Puts each value into the part of the request that the operation declares for it.

    Raises:
        TypeError: The operation has no parameter of a name, or a path parameter has no value.
        Unsendable: A value cannot stand where it belongs.
    """
    given = {name: value for name, value in values.items() if value is not None}
    if unknown := given.keys() - {parameter.name for parameter in operation.parameters}:
        raise TypeError(f"the operation {operation.id} has no parameter {', '.join(sorted(unknown))}")
    if missing := operation.takes("path") - given.keys():
        raise TypeError(f"the operation {operation.id} needs a value for {', '.join(sorted(missing))}")

    def of(place: Location) -> dict[str, Value]:
        names = operation.takes(place)
        return {name: value for name, value in given.items() if name in names}

    path = operation.path.format(**{name: _segment(name, str(value)) for name, value in of("path").items()})
    query = of("query")
    for name, value in query.items():
        _unicode(name, value if isinstance(value, str) else "".join(value) if isinstance(value, Sequence) else "")
    return Parts(path, query, {name: header_text(name, str(value)) for name, value in of("header").items()})


def body_of(document: Mapping[str, Any] | None) -> bytes | None:
    """The body of a request: JSON in UTF-8.

    Raises:
        Unsendable: A number in it is not finite, or a text is no Unicode.
    """
    if document is None:
        return None
    try:
        return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except UnicodeEncodeError as error:
        raise Unsendable("body", "a text in it is not Unicode", "give texts in UTF-8") from error
    except ValueError as error:
        raise Unsendable("body", "NaN and Infinity are not JSON", "use finite numbers, or null") from error


def _segment(name: str, value: str) -> str:
    if value in {"", ".", ".."}:  # another path would be asked for
        raise Unsendable(name, f"{value!r} names nothing", f"give the {name}")
    return quote(_unicode(name, value), safe="")


def _unicode(name: str, value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise Unsendable(name, "is not Unicode", "give it in UTF-8") from error
    return value


def header_text(name: str, value: str) -> str:
    """A header's value, if it can be one.

    Raises:
        Unsendable: It cannot.
    """
    if not _HEADER.fullmatch(value):
        raise Unsendable(name, "has characters that a header cannot hold", "use visible ASCII characters")
    return value
