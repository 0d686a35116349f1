"""Conditions on edges: comparisons of what a step answered with constants. A closed set, no code. Pure.

A condition is one comparison, such as ``{"path": "$.output.rows", "more_than": 0}``, or conditions joined by ``all``,
``any`` and ``not``. Where a path leads to nothing, or to a value of another type than the comparison is for, the
comparison is not met; so ``not`` of it is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from tidewheel.domain.errors import Invalid
from tidewheel.domain.workflows.data.paths import BadPath, NothingThere, Path, kind_of, value_at
from tidewheel.domain.workflows.faults import Fault, below, told

_JOINED = ("all", "any", "not")


def same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal. Numbers are by value, so 1 and 1.0 are; true is no number."""
    if kind_of(one) != kind_of(other):
        return False
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def _ordered(one: Any, other: Any) -> bool:
    return kind_of(one) == kind_of(other) and kind_of(one) in {"number", "string"}


def _holds(whole: Any, part: Any) -> bool:
    if isinstance(whole, str):
        return isinstance(part, str) and part in whole
    return isinstance(whole, list | tuple) and any(same(item, part) for item in whole)


def _both_texts(one: Any, other: Any) -> bool:
    return isinstance(one, str) and isinstance(other, str)


@dataclass(frozen=True, slots=True)
class _Comparison:
    """One kind of comparison.

    Args:
        operand: The JSON types of what may be compared with.
        test: Whether a value meets it, given the operand.
    """

    operand: frozenset[str]
    test: Callable[[Any, Any], bool]


_ANY = frozenset({"null", "boolean", "number", "string", "object", "array"})
_TEXT = frozenset({"string"})
_ORDERED = frozenset({"number", "string"})

COMPARISONS: Mapping[str, _Comparison] = {
    "equals": _Comparison(_ANY, same),
    "less_than": _Comparison(_ORDERED, lambda value, than: _ordered(value, than) and value < than),
    "at_most": _Comparison(_ORDERED, lambda value, than: _ordered(value, than) and value <= than),
    "more_than": _Comparison(_ORDERED, lambda value, than: _ordered(value, than) and value > than),
    "at_least": _Comparison(_ORDERED, lambda value, than: _ordered(value, than) and value >= than),
    "one_of": _Comparison(frozenset({"array"}), lambda value, several: any(same(value, one) for one in several)),
    "contains": _Comparison(_ANY, _holds),
    "begins_with": _Comparison(_TEXT, lambda value, part: _both_texts(value, part) and value.startswith(part)),
    "ends_with": _Comparison(_TEXT, lambda value, part: _both_texts(value, part) and value.endswith(part)),
    "is_a": _Comparison(_TEXT, lambda value, kind: kind_of(value) == kind),
    "exists": _Comparison(frozenset({"boolean"}), lambda _value, wanted: bool(wanted)),
}
"""Every comparison by its name. Texts are ordered by code point. ``contains`` is of a text or of a list."""


class Condition(ABC):
    """Whether an edge counts, given what its parent answered."""

    __slots__ = ()

    @abstractmethod
    def met(self, output: Any) -> bool:
        """Whether an output, any JSON value, meets it."""

    @abstractmethod
    def document(self) -> dict[str, Any]:
        """It as it is written; ``parse`` reads it."""

    @staticmethod
    def parse(document: Any, at: str = "when") -> Condition:
        """Reads a condition.

        Args:
            document: As it is written.
            at: Where it stands, for the error.

        Raises:
            Invalid: On the first of its ``faults``.
        """
        for fault in faults(document, at):
            raise Invalid(fault.path, fault.problem, fault.remedy)
        return _read(document)


@dataclass(frozen=True, slots=True)
class Compares(Condition):
    """One comparison.

    Args:
        path: Of what.
        name: Which comparison.
        operand: With what, a JSON value.
    """

    path: Path
    name: str
    operand: Any

    def met(self, output: Any) -> bool:
        """See ``Condition``."""
        try:
            value = value_at(output, self.path.parts, self.path.text)
        except NothingThere:
            return self.name == "exists" and not self.operand
        return COMPARISONS[self.name].test(value, self.operand)

    def document(self) -> dict[str, Any]:
        """See ``Condition``."""
        return {"path": self.path.text, self.name: self.operand}


@dataclass(frozen=True, slots=True)
class AllOf(Condition):
    """Every one of several must be met."""

    parts: tuple[Condition, ...]

    def met(self, output: Any) -> bool:
        """See ``Condition``."""
        return all(part.met(output) for part in self.parts)

    def document(self) -> dict[str, Any]:
        """See ``Condition``."""
        return {"all": [part.document() for part in self.parts]}


@dataclass(frozen=True, slots=True)
class AnyOf(Condition):
    """One of several must be met."""

    parts: tuple[Condition, ...]

    def met(self, output: Any) -> bool:
        """See ``Condition``."""
        return any(part.met(output) for part in self.parts)

    def document(self) -> dict[str, Any]:
        """See ``Condition``."""
        return {"any": [part.document() for part in self.parts]}


@dataclass(frozen=True, slots=True)
class Not(Condition):
    """Another one must not be met."""

    part: Condition

    def met(self, output: Any) -> bool:
        """See ``Condition``."""
        return not self.part.met(output)

    def document(self) -> dict[str, Any]:
        """See ``Condition``."""
        return {"not": self.part.document()}


def faults(document: Any, at: str) -> Iterator[Fault]:
    """Everything that is wrong with a condition.

    Args:
        document: As it is written.
        at: Where it stands.
    """
    if not isinstance(document, Mapping):
        remedy = 'write an object, such as {"path": "$.output.rows", "more_than": 0}'
        yield Fault(at, f"{told(document)} is no condition", remedy)
        return
    joined = [name for name in document if name in _JOINED]
    if joined:
        yield from _faults_joined(document, joined, at)
    else:
        yield from _faults_compared(document, at)


def _faults_joined(document: Mapping[str, Any], joined: Sequence[str], at: str) -> Iterator[Fault]:
    if len(document) > 1:
        others = ", ".join(name for name in document if name != joined[0])
        yield Fault(at, f"{joined[0]} stands beside {others}", "give each condition an object of its own")
    for name in joined:
        value, place = document[name], below(at, name)
        if name == "not":
            yield from faults(value, place)
        elif not isinstance(value, list) or not value:
            yield Fault(place, f"{told(value)} is no list of conditions", "write a list with one condition or more")
        else:
            for index, part in enumerate(value):
                yield from faults(part, below(place, index))


def _faults_compared(document: Mapping[str, Any], at: str) -> Iterator[Fault]:
    yield from _faults_path(document, at)
    names = [name for name in document if name in COMPARISONS]
    for name in document:
        if name != "path" and name not in COMPARISONS:
            yield Fault(below(at, name), "is no comparison", f"use one of {', '.join((*COMPARISONS, *_JOINED))}")
    if len(names) != 1:
        given = " and ".join(names) or "nothing"
        remedy = f"give one of {', '.join(COMPARISONS)}; several are joined by all or any"
        yield Fault(at, f"the value is compared by {given}", remedy)
    for name in names:
        yield from _faults_operand(name, document[name], below(at, name))


def _faults_path(document: Mapping[str, Any], at: str) -> Iterator[Fault]:
    text = document.get("path")
    if not isinstance(text, str):
        yield Fault(below(at, "path"), "is missing" if text is None else "is no text", "write a path such as $.output")
        return
    try:
        Path.parse(text, on_edge=True)
    except BadPath as error:
        yield Fault(below(at, "path"), error.problem, error.remedy)


def _faults_operand(name: str, operand: Any, at: str) -> Iterator[Fault]:
    taken = COMPARISONS[name].operand
    if kind_of(operand) not in taken:
        yield Fault(
            at, f"{told(operand)} is of the type {kind_of(operand)}", f"write one of {', '.join(sorted(taken))}"
        )
    elif name == "one_of" and not operand:
        yield Fault(at, "names nothing, so that it is never met", "name one value or more")
    elif name == "is_a" and operand not in _ANY:
        yield Fault(at, f"{told(operand)} is no type", f"use one of {', '.join(sorted(_ANY))}")


def _read(document: Mapping[str, Any]) -> Condition:
    """A condition without faults."""
    if "all" in document:
        return AllOf(tuple(map(_read, document["all"])))
    if "any" in document:
        return AnyOf(tuple(map(_read, document["any"])))
    if "not" in document:
        return Not(_read(document["not"]))
    (name,) = document.keys() - {"path"}
    return Compares(Path.parse(cast("str", document["path"]), on_edge=True), name, document[name])
