"""Bodies of steps that refer to data: what they refer to, what is wrong with them, and the body filled in. Pure.

Within a body a text that begins with ``$.`` is a path (``domain.workflows.data.paths``), and an object of one name that
begins with ``$`` is a function (``domain.workflows.data.functions``). Everything else stands for itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tidewheel.domain.errors import DomainError
from tidewheel.domain.jobs.secret import references_in
from tidewheel.domain.workflows.data import functions
from tidewheel.domain.workflows.data.functions import DEFAULT, FUNCTIONS, LITERAL, BadArgument, function_of
from tidewheel.domain.workflows.data.paths import BadPath, NothingThere, Path, Source, is_path, kind_of, value_at
from tidewheel.domain.workflows.faults import Fault, below

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class RunData:
    """What the bodies of a run's steps may refer to.

    Args:
        id: The run's id.
        nominal_ms: Its nominal time (ms since the epoch, UTC).
        params: Its parameters, those included that have their default.
        outputs: By step, what it answered.
        states: By step, how it ended, as executions name it.
        item: Within a map, the item.
        index: Within a map, the item's number, from 0; None outside of one.
    """

    id: str
    nominal_ms: int
    params: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)
    item: Any = None
    index: int | None = None


class Unfillable(DomainError):
    """A body cannot be filled in with the data that there is.

    Args:
        at: Where in the body.
        problem: Why, as a sentence without a full stop.
    """

    def __init__(self, at: str, problem: str) -> None:
        super().__init__(f"{at}: {problem}" if at else problem)
        self.at = at
        self.problem = problem


def filled(value: Any, data: RunData, at: str = "") -> Any:
    """A body with the data that it refers to.

    Args:
        value: The body, any JSON value without ``faults``.
        data: The data of the run.
        at: Where the body stands, for the error.

    Raises:
        Unfillable: A path leads to nothing, a function does not take what it gets, or the data holds what would be
            read as a reference to a secret: only a definition may name one.
    """
    match value:
        case str() if is_path(value):
            return _looked_up(value, data, at)
        case Mapping() if function_of(value) is not None:
            (name,) = value
            return _applied(str(name), value[name], data, below(at, name))
        case Mapping():
            return {name: filled(inner, data, below(at, name)) for name, inner in value.items()}
        case list() | tuple():
            return [filled(inner, data, below(at, index)) for index, inner in enumerate(value)]
    return value


def _looked_up(text: str, data: RunData, at: str) -> Any:
    path = Path.parse(text)
    try:
        found = _value(path, data)
    except NothingThere as error:
        raise Unfillable(at, str(error)) from error
    if any(True for _ in references_in(found)):
        raise Unfillable(at, f"{text} leads to what would be read as a reference to a secret")
    return found


def _value(path: Path, data: RunData) -> Any:
    match path.source:
        case Source.OUTPUT:
            return value_at(_of(data.outputs, path, "output"), path.parts, path.text)
        case Source.STATE:
            return _of(data.states, path, "state")
        case Source.PARAMS:
            return value_at(_of(data.params, path, "value"), path.parts, path.text)
        case Source.RUN_ID:
            return data.id
        case Source.NOMINAL:
            return f"{(_EPOCH + timedelta(milliseconds=data.nominal_ms)).isoformat(timespec='milliseconds')[:-6]}Z"
    if data.index is None:
        raise NothingThere(path.text, "this is no item of a map")
    return data.index if path.source is Source.INDEX else value_at(data.item, path.parts, path.text)


def _of(values: Mapping[str, Any], path: Path, noun: str) -> Any:
    if path.step not in values:
        raise NothingThere(path.text, f"{path.step} has no {noun}")
    return values[path.step]


def _applied(name: str, argument: Any, data: RunData, at: str) -> Any:
    if name == LITERAL:
        return argument
    if name == DEFAULT and isinstance(argument, list | tuple):
        return _default(argument, data, at)
    try:
        return functions.applied(name, filled(argument, data, at))
    except BadArgument as error:
        raise Unfillable(at, error.problem) from error


def _default(values: list[Any] | tuple[Any, ...], data: RunData, at: str) -> Any:
    for index, value in enumerate(values):
        try:
            found = filled(value, data, below(at, index))
        except Unfillable as error:
            if not isinstance(error.__cause__, NothingThere):
                raise
        else:
            if found is not None:
                return found
    return None


def paths_in(value: Any, at: str = "") -> Iterator[tuple[str, Path]]:
    """Every path in a body, with where it stands; what is no path is left out, as ``faults`` names it."""
    match value:
        case str() if is_path(value):
            try:
                yield at, Path.parse(value)
            except BadPath:
                return
        case Mapping() if function_of(value) == LITERAL:
            return
        case Mapping():
            for name, inner in value.items():
                yield from paths_in(inner, below(at, name))
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from paths_in(inner, below(at, index))


def faults(value: Any, at: str, params: Mapping[str, str]) -> Iterator[Fault]:
    """What is wrong with a body, whatever the data.

    Args:
        value: The body.
        at: Where it stands.
        params: The JSON types of the run's parameters, by name.
    """
    match value:
        case str() if is_path(value):
            try:
                Path.parse(value)
            except BadPath as error:
                yield Fault(at, error.problem, error.remedy)
        case Mapping() if (name := function_of(value)) is not None:
            yield from _faults_applied(name, value[name], below(at, name), params)
        case Mapping():
            for one, inner in value.items():
                yield from faults(inner, below(at, one), params)
        case list() | tuple():
            for index, inner in enumerate(value):
                yield from faults(inner, below(at, index), params)


def _faults_applied(name: str, argument: Any, at: str, params: Mapping[str, str]) -> Iterator[Fault]:
    if name == LITERAL:
        return
    function = FUNCTIONS.get(name)
    if function is None:
        known = ", ".join((*FUNCTIONS, LITERAL))
        yield Fault(at, "is no function", f'use one of {known}, or {{"{LITERAL}": …}} for the object itself')
        return
    yield from faults(argument, at, params)
    if not function.several:
        yield from _wrong_type(argument, at, function.takes, params)
    elif isinstance(argument, list | tuple):
        if not argument:
            yield Fault(at, "is given nothing", "give it a list of one value or more")
        for index, value in enumerate(argument):
            yield from _wrong_type(value, below(at, index), function.takes, params)
    else:
        yield from _wrong_type(argument, at, frozenset({"array"}), params)


def _wrong_type(value: Any, at: str, taken: frozenset[str], params: Mapping[str, str]) -> Iterator[Fault]:
    kind = type_of(value, params)
    if kind and kind not in taken:
        yield Fault(at, f"is of the type {kind}", f"give it one of {', '.join(sorted(taken))}")


def type_of(value: Any, params: Mapping[str, str]) -> str:
    """The JSON type of what a value of a body comes to; empty where that depends on the data.

    Args:
        value: The value.
        params: The JSON types of the run's parameters, by name.
    """
    if isinstance(value, str) and is_path(value):
        try:
            path = Path.parse(value)
        except BadPath:
            return ""
        return _type_at(path, params)
    name = function_of(value) if isinstance(value, Mapping) else None
    if name is None:
        return kind_of(value)
    if name == LITERAL:
        return kind_of(value[name])
    return FUNCTIONS[name].gives if name in FUNCTIONS else ""


def _type_at(path: Path, params: Mapping[str, str]) -> str:
    if path.source in {Source.STATE, Source.RUN_ID, Source.NOMINAL}:
        return "string"
    if path.source is Source.INDEX:
        return "number"
    return params.get(path.step, "") if path.source is Source.PARAMS and not path.parts else ""
