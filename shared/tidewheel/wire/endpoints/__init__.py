"""The operations of the HTTP API, declared in one module for each resource.

To add an operation, declare it in a module here, and bind a handler to it in ``functions/api/routes``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tidewheel.domain.discovery import values_of
from tidewheel.wire.operation import Operation


def distinct(operations: Iterable[Operation[Any]]) -> tuple[Operation[Any], ...]:
    """The operations, if each has an id and a route of its own.

    Raises:
        TypeError: Two have the same; the message names it.
    """
    found = tuple(dict.fromkeys(operations))
    names = [name for one in found for name in (one.id, f"{one.method} {one.path}")]
    for name in names:
        if names.count(name) > 1:
            raise TypeError(f"two operations are declared as {name}")
    return found


OPERATIONS = distinct(values_of(__name__, Operation))
"""All operations."""


def operations_at(path: str) -> tuple[Operation[Any], ...]:
    """The operations of a request's path. One that is written out comes before those with parameters (OpenAPI 3.1)."""
    exact = tuple(operation for operation in OPERATIONS if operation.path == path)
    return exact or tuple(operation for operation in OPERATIONS if operation.matches(path))
