"""What JSON answers say, by the SDK's description of their shapes; the same as the SDK's own parser makes of them.

That one looks for every member that a structure could have, at every attribute of every item. Here each shape becomes
a function once, which looks at what is there.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, Any

from botocore.utils import parse_timestamp

if TYPE_CHECKING:
    from botocore.model import Shape

Reader = Callable[[Any], Any]
Members = Mapping[str, tuple[str, Reader | None]]
"""By the name in JSON: the name for callers, and what reads the value; None for what is taken as it is."""


class Readers:
    """What reads the documents of one service: a reader for each shape, made when it is needed first."""

    def __init__(self) -> None:
        self._making = Lock()
        self._known: dict[str, Reader | None] = {}
        self._whole: dict[str, Reader | None] = {}
        """Those that other threads may use: while one is made, its members are still missing."""

    def of(self, shape: Shape) -> Reader | None:
        """The reader of a shape; None if its documents are taken as they are.

        A reader raises ``AttributeError``, ``TypeError`` or ``ValueError`` for what is not of its shape.
        """
        if shape.name not in self._whole:
            with self._making:
                self._whole[shape.name] = self._reader(shape)
        return self._whole[shape.name]

    def _reader(self, shape: Any) -> Reader | None:
        if shape.name not in self._known:
            self._known[shape.name] = self._made(shape)
        return self._known[shape.name]

    def _made(self, shape: Any) -> Reader | None:
        match shape.type_name:
            case "structure" if not shape.is_document_type:
                return self._structure(shape)
            case "list":
                return _list(self._reader(shape.member))
            case "map":
                return _map(self._reader(shape.value))
            case "blob":
                return base64.b64decode
            case "timestamp":
                return parse_timestamp
        return None

    def _structure(self, shape: Any) -> Reader:
        members: dict[str, tuple[str, Reader | None]] = {}
        reader = _structure(members)
        self._known[shape.name] = reader  # before its members, which may hold it again
        for name, member in shape.members.items():
            members[member.serialization.get("name", name)] = name, self._reader(member)
        return reader


def _structure(members: Members) -> Reader:
    def read(value: Any) -> Any:
        if value is None:
            return None
        found = {}
        for key, held in value.items():
            if held is not None and key in members:
                name, reader = members[key]
                found[name] = held if reader is None else reader(held)
        return found

    return read


def _list(reader: Reader | None) -> Reader | None:
    if reader is None:
        return None
    return lambda value: [None if item is None else reader(item) for item in value]


def _map(reader: Reader | None) -> Reader | None:
    if reader is None:
        return None
    return lambda value: {key: reader(item) for key, item in value.items()}
