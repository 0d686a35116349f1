"""What stands for data of a run while a workflow is built: references, functions of them, and conditions."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tidewheel.workflows.workflow import Step

_PLAIN = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_SECOND = timedelta(seconds=1)


class Reference:
    """Stands for data of a run. Attributes and indices go into it: ``found.output.pages[0].id``.

    A field whose name is one of the methods is reached by its name in brackets: ``found.output["contains"]``. Compared
    with a constant, the output of a step is a ``Condition``.
    """

    def __init__(self, path: str, owner: Step | None = None) -> None:
        self._path = path
        self._owner = owner

    def __getattr__(self, name: str) -> Reference:
        if name.startswith("__"):  # Python's own, which copying and pickling ask for
            raise AttributeError(name)
        return self[name]

    def __getitem__(self, part: str | int) -> Reference:
        if isinstance(part, int):
            return Reference(f"{self._path}[{part}]", self._owner)
        written = f".{part}" if _PLAIN.fullmatch(part) else f"[{json.dumps(part)}]"
        return Reference(f"{self._path}{written}", self._owner)

    def __iter__(self) -> Iterator[Any]:
        raise TypeError(f"{self._path} is known when the workflow runs: map over it, or use its parts")

    def __bool__(self) -> bool:
        raise TypeError(f"{self._path} is known when the workflow runs: put a condition on an edge by >>")

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> Condition:  # type: ignore[override] # a condition, not a truth
        return self._compared("equals", other)

    def __ne__(self, other: object) -> Condition:  # type: ignore[override]
        return ~self._compared("equals", other)

    def __lt__(self, other: object) -> Condition:
        return self._compared("less_than", other)

    def __le__(self, other: object) -> Condition:
        return self._compared("at_most", other)

    def __gt__(self, other: object) -> Condition:
        return self._compared("more_than", other)

    def __ge__(self, other: object) -> Condition:
        return self._compared("at_least", other)

    def one_of(self, values: Sequence[Any]) -> Condition:
        """Whether it is one of several values."""
        return self._compared("one_of", list(values))

    def contains(self, part: Any) -> Condition:
        """Whether a text or a list contains a part."""
        return self._compared("contains", part)

    def begins_with(self, part: str) -> Condition:
        """Whether a text begins so."""
        return self._compared("begins_with", part)

    def ends_with(self, part: str) -> Condition:
        """Whether a text ends so."""
        return self._compared("ends_with", part)

    def is_a(self, kind: str) -> Condition:
        """Whether it is of a JSON type, such as ``number``."""
        return self._compared("is_a", kind)

    def exists(self, wanted: bool = True) -> Condition:  # noqa: FBT001, FBT002 - reads as a question
        """Whether there is anything."""
        return self._compared("exists", wanted)

    def _compared(self, name: str, operand: object) -> Condition:
        if isinstance(operand, Reference):
            raise TypeError(f"{self._path} can be compared with a constant, not with {written(operand)}")
        beginning = "" if self._owner is None else f"$.steps.{self._owner.name}.output"
        if self._owner is None or not self._path.startswith(beginning):
            raise TypeError(f"{self._path} is no output of a step: a condition stands on an edge, and is about that")
        return Condition(self._owner, {"path": f"$.output{self._path.removeprefix(beginning)}", name: operand})


class Condition:
    """What the output of a step must be like; ``condition >> step`` puts it on the edge to a step.

    Joined by ``&``, ``|`` and ``~``, if they are about one step.
    """

    def __init__(self, owner: Step, document: Mapping[str, Any]) -> None:
        self.owner = owner
        self.document = dict(document)

    def __and__(self, other: Condition) -> Condition:
        return self._joined("all", other)

    def __or__(self, other: Condition) -> Condition:
        return self._joined("any", other)

    def __invert__(self) -> Condition:
        return Condition(self.owner, {"not": self.document})

    def __bool__(self) -> bool:
        raise TypeError("a condition is met or not when the workflow runs: join conditions by &, | and ~")

    def __rshift__(self, other: Step | Sequence[Step]) -> Step | Sequence[Step]:
        for one in other if isinstance(other, Sequence) else [other]:
            one.need(self.owner, self.document)
        return other

    def _joined(self, name: str, other: Condition) -> Condition:
        if other.owner is not self.owner:
            raise TypeError(f"a condition is about one step, not about {self.owner.name} and {other.owner.name}")
        return Condition(self.owner, {name: [self.document, other.document]})


item = Reference("$.item")
"""Within a map: the item."""
index = Reference("$.index")
"""Within a map: the item's number, from 0."""
run_id = Reference("$.run.id")
"""The run's id."""
nominal = Reference("$.run.nominal")
"""The run's nominal time, as RFC 3339."""


def text(*parts: Any) -> dict[str, Any]:
    """Texts and numbers as one text."""
    return {"$text": list(parts)}


def length(value: Any) -> dict[str, Any]:
    """How long a text or a list is, or how many fields an object has."""
    return {"$length": value}


def default(*values: Any) -> dict[str, Any]:
    """The first of several values that is there and not null."""
    return {"$default": list(values)}


def total(*values: Any) -> dict[str, Any]:
    """The sum of numbers; of one reference, of the list that it stands for."""
    return {"$sum": values[0] if len(values) == 1 else list(values)}


def merge(*objects: Any) -> dict[str, Any]:
    """Objects as one; later ones win."""
    return {"$merge": list(objects)}


def to_json(value: Any) -> dict[str, Any]:
    """A value as JSON text."""
    return {"$json": value}


def parsed(value: Any) -> dict[str, Any]:
    """The value of a JSON text."""
    return {"$parse": value}


def literal(value: Any) -> dict[str, Any]:
    """A value as it is, though it looks like a path or a function."""
    return {"$literal": value}


def written(value: Any) -> Any:
    """A value as JSON has it: references as their paths, durations as ISO 8601."""
    match value:
        case Reference():
            return value._path  # noqa: SLF001 - its other names are fields of the data
        case timedelta():
            seconds, rest = divmod(value, _SECOND)
            ms = rest // timedelta(milliseconds=1)
            return f"PT{seconds}.{ms:03d}S" if ms else f"PT{seconds}S"
        case Mapping():
            return {str(name): written(inner) for name, inner in value.items()}
        case list() | tuple():
            return [written(inner) for inner in value]
    return value


def owners(value: Any) -> Iterator[Step]:
    """The steps whose data a value refers to."""
    match value:
        case Reference():
            if value._owner is not None:  # noqa: SLF001 - likewise
                yield value._owner  # noqa: SLF001
        case Mapping():
            for inner in value.values():
                yield from owners(inner)
        case list() | tuple():
            for inner in value:
                yield from owners(inner)
