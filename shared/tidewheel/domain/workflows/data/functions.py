"""The functions that a body may apply to data: a closed set, no code. Pure.

No message shows a value, which may be a secret.

A function is an object with one name that begins with ``$``, such as ``{"$length": "$.steps.extract.output.rows"}``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidewheel.domain.errors import DomainError
from tidewheel.domain.workflows.data.paths import kind_of

LITERAL = "$literal"
"""Stands for what it holds, as it is: for texts and objects that would be read as paths or functions."""
DEFAULT = "$default"
"""The first of several values that is there and not null. The one function that may meet a path to nothing."""
_ANY = frozenset({"null", "boolean", "number", "string", "object", "array"})


class BadArgument(DomainError):
    """A function is given what it does not take.

    Args:
        problem: What is wrong, as a sentence without a full stop.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Function:
    """A function.

    Args:
        takes: The JSON types of a value that it takes.
        gives: The JSON type of its result; empty if that depends on the data.
        apply: Computes it, of one value, or of a list of them if it takes several.
        several: Whether it takes a list of values, or something that gives a list.
    """

    takes: frozenset[str]
    gives: str
    apply: Callable[[Any], Any]
    several: bool = False


def _text(values: Sequence[Any]) -> str:
    return "".join(value if isinstance(value, str) else _json(value) for value in values)


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _parse(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except ValueError as error:
        raise BadArgument("what $parse is given is no JSON") from error


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _merge(objects: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {name: value for one in objects for name, value in one.items()}


def _first(values: Sequence[Any]) -> Any:
    return next((value for value in values if value is not None), None)


FUNCTIONS: Mapping[str, Function] = {
    "$text": Function(frozenset({"string", "number", "boolean"}), "string", _text, several=True),
    "$length": Function(frozenset({"string", "array", "object"}), "number", len),
    DEFAULT: Function(_ANY, "", _first, several=True),
    "$sum": Function(frozenset({"number"}), "number", sum, several=True),
    "$merge": Function(frozenset({"object"}), "object", _merge, several=True),
    "$json": Function(_ANY, "string", _json),
    "$parse": Function(frozenset({"string"}), "", _parse),
}
"""Every function by its name, ``LITERAL`` apart."""


def function_of(value: Mapping[str, Any]) -> str | None:
    """The name of the function that an object applies, known or not; None for an object that is data."""
    if len(value) != 1:
        return None
    (name,) = value
    return name if name.startswith("$") else None


def check(name: str, value: Any) -> None:
    """Refuses a value that a function does not take.

    Raises:
        BadArgument: Of that type.
    """
    taken = FUNCTIONS[name].takes
    if kind_of(value) not in taken:
        wanted = ", ".join(sorted(taken))
        raise BadArgument(f"{name} is given a value of the type {kind_of(value)}, and takes {wanted}")


def applied(name: str, argument: Any) -> Any:
    """What a function comes to.

    Args:
        name: The function.
        argument: Its value; a list of them if it takes several.

    Raises:
        BadArgument: It does not take that.
    """
    function = FUNCTIONS[name]
    if not function.several:
        check(name, argument)
        return function.apply(argument)
    if not isinstance(argument, list | tuple):
        raise BadArgument(f"{name} is given a value of the type {kind_of(argument)}, and takes a list")
    for value in argument:
        check(name, value)
    return function.apply(argument)
