"""From an operation and the values of its parameters to the parts of an HTTP request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tidewheel.wire.operation import Operation
from tidewheel.wire.parameters import Location

Value = str | int | Sequence[str]
Values = Mapping[str, Value | None]
"""The values of parameters by name; None for one that is left out."""


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
    """
    given = {name: value for name, value in values.items() if value is not None}
    if unknown := given.keys() - {parameter.name for parameter in operation.parameters}:
        raise TypeError(f"the operation {operation.id} has no parameter {', '.join(sorted(unknown))}")
    if missing := operation.takes("path") - given.keys():
        raise TypeError(f"the operation {operation.id} needs a value for {', '.join(sorted(missing))}")

    def of(place: Location) -> dict[str, Value]:
        names = operation.takes(place)
        return {name: value for name, value in given.items() if name in names}

    path = operation.path.format(**{name: quote(str(value), safe="") for name, value in of("path").items()})
    return Parts(path, of("query"), {name: str(value) for name, value in of("header").items()})
