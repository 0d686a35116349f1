"""Paths to the data of a run, as bodies of steps refer to it: ``$.steps.extract.output.rows``. Pure.

================================  ====================================================================
``$.steps.NAME.output``           what a step answered, and by further parts what is within it
``$.steps.NAME.state``            how it ended, such as ``succeeded``
``$.run.params.NAME``             a parameter of the run, and by further parts what is within it
``$.run.id``, ``$.run.nominal``   the run's id, and its nominal time (RFC 3339, UTC)
``$.item``, ``$.index``           within a map: the item, and its number from 0
``$.output``                      in a condition alone: what the step answered whose edge it is
================================  ====================================================================

A part is ``.name``, ``["any text"]`` or, of a list, ``[number]`` from 0 on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tidewheel.domain.errors import DomainError
from tidewheel.domain.workflows.faults import told

STEP_NAME = r"[A-Za-z][A-Za-z0-9_-]{0,63}"
"""The pattern of a step's name."""
_BEGINNING = "$."
_PART = re.compile(r'\.([A-Za-z0-9_-]+)|\[(0|[1-9]\d{0,8})\]|\[("(?:[^"\\]|\\.)*")\]', re.ASCII)
_STEP = re.compile(STEP_NAME, re.ASCII)
_FORMS = "$.steps.<name>.output, $.steps.<name>.state, $.run.params.<name>, $.run.id, $.run.nominal, $.item or $.index"

Part = str | int
"""The name of a field, or an index."""


class Source(StrEnum):
    """Where a path begins."""

    OUTPUT = "output"
    STATE = "state"
    PARAMS = "params"
    RUN_ID = "run id"
    NOMINAL = "nominal"
    ITEM = "item"
    INDEX = "index"
    EDGE = "edge"
    """The output of the parent whose edge a condition stands on."""


class BadPath(DomainError):
    """A text that begins as a path does, and is none. It is not shown: it may be a secret.

    Args:
        problem: What is wrong, as a sentence without a full stop.
        remedy: What to write instead, as a sentence without a full stop.
    """

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy


class NothingThere(DomainError):
    """A path leads to nothing in the data of a run.

    Args:
        path: The path.
        problem: Where it ends, as a sentence without a full stop.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Path:
    """A path.

    Args:
        text: As it was written.
        source: Where it begins.
        step: The step, of ``OUTPUT`` and ``STATE``; the parameter, of ``PARAMS``; else empty.
        parts: What follows.
    """

    text: str
    source: Source
    step: str = ""
    parts: tuple[Part, ...] = ()

    @classmethod
    def parse(cls, text: str, *, on_edge: bool = False) -> Path:
        """Reads a path.

        Args:
            text: The text.
            on_edge: Whether it stands in a condition, where ``$.output`` is all there is.

        Raises:
            BadPath: It is none.
        """
        parts = _parts(text)
        if on_edge:
            if parts[0] != "output":
                raise BadPath("is no path to what the step answered", "begin with $.output")
            return cls(text, Source.EDGE, "", parts[1:])
        if found := _source(parts):
            return cls(text, *found)
        raise BadPath("leads to no data of a run", f'use {_FORMS}, or {{"$literal": …}} for the text')


def _source(parts: tuple[Part, ...]) -> tuple[Source, str, tuple[Part, ...]] | None:
    """Where the parts of a path begin, of which step or parameter, and what is left of them; None for nowhere."""
    match parts:
        case ("steps", str(step), "output", *rest) if _STEP.fullmatch(step):
            return Source.OUTPUT, step, tuple(rest)
        case ("steps", str(step), "state") if _STEP.fullmatch(step):
            return Source.STATE, step, ()
        case ("run", "params", str(name), *rest):
            return Source.PARAMS, name, tuple(rest)
        case ("run", "id" | "nominal"):
            return Source.RUN_ID if parts[1] == "id" else Source.NOMINAL, "", ()
        case ("item", *rest):
            return Source.ITEM, "", tuple(rest)
    return (Source.INDEX, "", ()) if parts == ("index",) else None


def is_step_name(text: str) -> bool:
    """Whether the text has the form of a step's name."""
    return _STEP.fullmatch(text) is not None


def is_path(text: str) -> bool:
    """Whether a text stands for data: whether it begins as paths do."""
    return text.startswith(_BEGINNING)


def _parts(text: str) -> tuple[Part, ...]:
    found: list[Part] = []
    position = 1
    while position < len(text):
        part = _PART.match(text, position)
        if part is None:
            break
        name, index, quoted = part.groups()
        found.append(name if name is not None else int(index) if index is not None else _unquoted(quoted))
        position = part.end()
    if not is_path(text) or position < len(text) or not found:
        remedy = 'write .name, ["any text"] or [number] after each other, or {"$literal": …} for the text itself'
        raise BadPath("begins as a path does, and is none", remedy)
    return tuple(found)


def _unquoted(quoted: str) -> str:
    try:
        return str(json.loads(quoted))
    except ValueError as error:
        raise BadPath("is no path: what it quotes is no JSON text", "escape it as JSON does") from error


def value_at(value: Any, parts: Sequence[Part], path: str) -> Any:
    """What the parts of a path lead to within a JSON value.

    Args:
        value: The value.
        parts: The parts.
        path: The whole path, for the error.

    Raises:
        NothingThere: They lead to nothing.
    """
    for part in parts:
        if isinstance(part, str) and isinstance(value, Mapping):
            if part not in value:
                raise NothingThere(path, f"there is no field {told(part)}")
            value = value[part]
        elif isinstance(part, int) and isinstance(value, list | tuple):
            if part >= len(value):
                raise NothingThere(path, f"the list has {len(value)} items, and none has the index {part}")
            value = value[part]
        else:
            wanted = "an object with a field" if isinstance(part, str) else "a list with an item"
            raise NothingThere(path, f"{kind_of(value)} is not {wanted} {told(part)}")
    return value


def kind_of(value: Any) -> str:
    """The JSON type of a value, as JSON Schema names it; whole numbers are of the type ``number``."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case Mapping():
            return "object"
    return "array"
