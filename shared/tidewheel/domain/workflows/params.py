"""Parameters of a run, and fields of an approval's form: their types, defaults, and the check of given values. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tidewheel.domain.workflows.data.functions import function_of
from tidewheel.domain.workflows.data.paths import is_path, kind_of
from tidewheel.domain.workflows.faults import Fault, below

PARAM_NAME = r"[A-Za-z][A-Za-z0-9_-]{0,63}"
"""The pattern of a parameter's name."""


class ParamType(StrEnum):
    """As JSON Schema names them."""

    STRING = "string"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    OBJECT = "object"
    ARRAY = "array"

    @property
    def kind(self) -> str:
        """The JSON type: a whole number is a number."""
        return "number" if self is ParamType.INTEGER else self.value

    def takes(self, value: Any) -> bool:
        """Whether a JSON value is of the type; a number such as 1.0 is whole."""
        if kind_of(value) != self.kind:
            return False
        return self is not ParamType.INTEGER or value == int(value)


@dataclass(frozen=True, slots=True)
class Param:
    """A parameter, or a field of a form.

    Args:
        type: Its type.
        default: What it is where it is not given, a JSON value of that type; None if there is no default.
        required: Whether it must be given.
        description: For people.
    """

    type: ParamType = ParamType.STRING
    default: Any = None
    required: bool = False
    description: str = ""


def given_faults(
    params: Mapping[str, Param], values: Mapping[str, Any], at: str, *, filled_in: bool = False
) -> Iterator[Fault]:
    """What is wrong with values that are given for parameters.

    Args:
        params: The parameters by name.
        values: The values by name.
        at: Where they stand.
        filled_in: Whether the values are filled in later: what refers to data then has its type then.
    """
    for name, value in values.items():
        if name not in params:
            known = f"use one of {', '.join(sorted(params))}" if params else "leave it out: there are none"
            yield Fault(below(at, name), "is no parameter", known)
        elif not (filled_in and _refers(value)) and not params[name].type.takes(value):
            yield Fault(below(at, name), f"is no {params[name].type}", f"give a {params[name].type}")
    for name, param in params.items():
        if param.required and name not in values:
            yield Fault(below(at, name), "is missing", f"give a {param.type}")


def with_defaults(params: Mapping[str, Param], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of all parameters: those given, else the defaults; null for one that has neither."""
    return {name: values.get(name, param.default) for name, param in params.items()}


def _refers(value: Any) -> bool:
    """Whether a value of a body is data, or what a function makes of it."""
    return is_path(value) if isinstance(value, str) else isinstance(value, Mapping) and function_of(value) is not None
