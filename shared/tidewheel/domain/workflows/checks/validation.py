"""Everything that is wrong with a definition's graph and data, told at once. Pure.

What single fields may hold is checked where they are read (``wire.workflows``). This looks at the whole document, in
whatever state it is: what cannot be understood is passed over here, since it is told there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import reduce
from typing import Any

from tidewheel.domain.errors import Invalid
from tidewheel.domain.workflows.checks.reachability import StepEdges, circle_faults, circles, never_faults
from tidewheel.domain.workflows.data import conditions, filling
from tidewheel.domain.workflows.data.paths import Path, Source, is_path, is_step_name
from tidewheel.domain.workflows.depends import Depends
from tidewheel.domain.workflows.faults import Fault, below, told
from tidewheel.domain.workflows.limits import MAX_STEPS
from tidewheel.domain.workflows.params import ParamType
from tidewheel.domain.workflows.rules import AnyRule, Rule

_STEPS = "steps"


@dataclass(frozen=True, slots=True)
class _Place:
    """A value of a step that may refer to data.

    Args:
        at: Where it stands.
        value: It.
        in_map: Whether it is filled in for each item of a map.
        wanted: The JSON type that it must come to; empty for any.
    """

    at: str
    value: Any
    in_map: bool = False
    wanted: str = ""


@dataclass(slots=True)
class _Reading:
    """What of the steps could be read, and the faults met on the way."""

    names: Sequence[str]
    edges: dict[str, StepEdges] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    faulty: set[str] = field(default_factory=set)


def validate(document: Mapping[str, Any], data_fields: Mapping[str, Collection[str]]) -> list[Fault]:
    """Every fault of a definition that no single field shows.

    Args:
        document: The definition as it was written, any JSON object.
        data_fields: By kind of target, the fields of its spec that may refer to data.
    """
    written = document.get(_STEPS)
    if not isinstance(written, Mapping):
        return []
    steps = {name: step for name, step in written.items() if isinstance(step, Mapping)}
    found = _too_many(written)
    reading = _Reading(list(written))
    for name, step in steps.items():
        _read_needs(reading, name, step, steps)
    found += reading.faults
    in_circles = list(circles(reading.edges))
    found += circle_faults(in_circles)
    order = _ordered(reading.edges, {name for circle in in_circles for name in circle})
    found += never_faults(reading.edges, order.names, reading.faulty)
    params = _params(document)
    for name, step in steps.items():
        found += _faults_of_data(name, step, steps, order, params, data_fields)
    return found


def _too_many(steps: Mapping[str, Any]) -> list[Fault]:
    if len(steps) <= MAX_STEPS:
        return []
    remedy = f"use {MAX_STEPS} or fewer; a map does the same for many items"
    return [Fault(_STEPS, f"there are {len(steps)} steps", remedy)]


def _read_needs(reading: _Reading, name: str, step: Mapping[str, Any], steps: Mapping[str, Any]) -> None:
    at = below(_STEPS, name)
    before = len(reading.faults)
    parents = dict(_read_parents(reading, name, step, steps))
    rule: AnyRule | None = Rule.ALL_SUCCESS
    if isinstance(text := step.get("depends"), str):
        rule = _read_depends(reading, name, text, parents)
        if rule is not None:
            parents = {one: parents.get(one, False) for one in rule.names if one in steps and one != name}
    elif (written := step.get("rule")) is not None:
        rule = Rule(written) if isinstance(written, str) and written in set(Rule) else None
    if step.get("depends") is not None and step.get("rule") is not None:
        problem = "is given beside rule, and both say when the step runs"
        reading.faults.append(Fault(below(at, "depends"), problem, "keep one of them"))
    if rule is None or len(reading.faults) > before:
        reading.faulty.add(name)
    reading.edges[name] = StepEdges(parents, rule or Rule.ALL_SUCCESS, step.get("setup") is True)


def _read_parents(
    reading: _Reading, name: str, step: Mapping[str, Any], steps: Mapping[str, Any]
) -> Iterator[tuple[str, bool]]:
    """The parents that ``needs`` names, each with whether its edge has a condition."""
    written, seen = step.get("needs"), set[str]()
    for index, need in enumerate(written if isinstance(written, list) else ()):
        at = below(below(below(_STEPS, name), "needs"), index)
        parent = need.get("step") if isinstance(need, Mapping) else need
        place = below(at, "step") if isinstance(need, Mapping) else at
        if not isinstance(parent, str) or not is_step_name(parent):
            continue
        if fault := _no_parent(parent, name, reading.names, place, seen):
            reading.faults.append(fault)
        condition = need.get("when") if isinstance(need, Mapping) else None
        if condition is not None:
            reading.faults += conditions.faults(condition, below(at, "when"))
            if _answers_nothing(steps.get(parent)):
                problem = f"{parent} is a wait, which answers nothing"
                reading.faults.append(Fault(below(at, "when"), problem, "leave the condition out"))
        if parent in steps and parent not in seen and parent != name:
            yield parent, condition is not None
        seen.add(parent)


def _no_parent(parent: str, name: str, names: Sequence[str], at: str, seen: Collection[str]) -> Fault | None:
    """Why a step cannot be waited for."""
    if parent == name:
        return Fault(at, "the step waits for itself", "leave it out")
    if parent in seen:
        return Fault(at, f"{told(parent)} is named twice", "name each step once; conditions are joined by all or any")
    return None if parent in names else Fault(at, f"there is no step {told(parent)}", _hint(parent, names))


def _hint(name: str, names: Sequence[str]) -> str:
    close = get_close_matches(name, names, n=1)
    return f"did you mean {close[0]}?" if close else "name one of the workflow's steps"


def _read_depends(reading: _Reading, name: str, text: str, parents: Mapping[str, bool]) -> Depends | None:
    at = below(below(_STEPS, name), "depends")
    try:
        found = Depends.parse(text)
    except Invalid as error:
        reading.faults.append(Fault(at, error.problem, error.remedy))
        return None
    for parent in found.names:
        if fault := _no_parent(parent, name, reading.names, at, ()):
            reading.faults.append(fault)
    for parent in parents:
        if parent not in found.names:
            problem = f"the expression does not name {parent}, which the step needs"
            reading.faults.append(Fault(at, problem, "name it there, or leave it out of needs"))
    return found


def _answers_nothing(step: object) -> bool:
    return isinstance(step, Mapping) and "wait" in step


@dataclass(frozen=True, slots=True)
class _Order:
    """Which steps come before which.

    Args:
        names: The steps that have no circle before them, each after its parents.
        bits: A bit for each step.
        before: Of each of those the bits of all steps before it. A set of names for each would take 50 MB for a chain
            of a thousand steps.
    """

    names: Sequence[str]
    bits: Mapping[str, int]
    before: Mapping[str, int]

    def comes_after(self, name: str, other: str) -> bool:
        """Whether a step comes after another one, or may, where that is not known."""
        return name not in self.before or bool(self.before[name] & self.bits.get(other, 0))


def _ordered(edges: Mapping[str, StepEdges], in_circles: Collection[str]) -> _Order:
    bits = {name: 1 << place for place, name in enumerate(edges)}
    before: dict[str, int] = {}
    ahead = [name for name in edges if name not in in_circles]
    while ahead:
        later = []
        for name in ahead:
            parents = edges[name].parents
            if all(parent in before for parent in parents):
                before[name] = reduce(lambda found, parent: found | before[parent] | bits[parent], parents, 0)
            else:
                later.append(name)
        if len(later) == len(ahead):
            break
        ahead = later
    return _Order(list(before), bits, before)


def _params(document: Mapping[str, Any]) -> Mapping[str, str]:
    """The JSON types of the parameters that could be read."""
    written = document.get("params")
    kinds: dict[str, str] = {}
    for name, param in written.items() if isinstance(written, Mapping) else ():
        kind = param.get("type", "string") if isinstance(param, Mapping) else None
        kinds[name] = ParamType(kind).kind if isinstance(kind, str) and kind in set(ParamType) else ""
    return kinds


def _faults_of_data(
    name: str,
    step: Mapping[str, Any],
    steps: Mapping[str, Any],
    order: _Order,
    params: Mapping[str, str],
    data_fields: Mapping[str, Collection[str]],
) -> Iterator[Fault]:
    """What is wrong with the references of a step."""
    at = below(_STEPS, name)
    yield from _faults_elsewhere(step, at, data_fields)
    for place in _places(step, at, data_fields):
        yield from filling.faults(place.value, place.at, params)
        kind = filling.type_of(place.value, params)
        if place.wanted and kind and kind != place.wanted:
            yield Fault(place.at, f"{told(place.value)} is of the type {kind}", f"refer to a value of {place.wanted}")
        for where, path in filling.paths_in(place.value, place.at):
            if fault := _faulty_path(path, where, steps, params, in_map=place.in_map):
                yield fault
            elif path.source in {Source.OUTPUT, Source.STATE} and not order.comes_after(name, path.step):
                problem = f"{path.text}: the step does not come after {path.step}"
                yield Fault(where, problem, f"add {path.step} to its needs")


def _faulty_path(
    path: Path,
    at: str,
    steps: Mapping[str, Any],
    params: Mapping[str, str],
    *,
    in_map: bool,
) -> Fault | None:
    match path.source:
        case Source.PARAMS if path.step not in params:
            return Fault(at, f"there is no parameter {told(path.step)}", "declare it in params")
        case Source.ITEM | Source.INDEX if not in_map:
            return Fault(at, f"{path.text} is known to the target or workflow of a map alone", "use it there")
        case Source.OUTPUT | Source.STATE if path.step not in steps:
            return Fault(at, f"{path.text}: there is no step {told(path.step)}", _hint(path.step, list(steps)))
        case Source.OUTPUT if _answers_nothing(steps[path.step]):
            return Fault(at, f"{path.step} is a wait, which answers nothing", "refer to another step")
    return None


def _places(step: Mapping[str, Any], at: str, data_fields: Mapping[str, Collection[str]]) -> Iterator[_Place]:
    """The values of a step that may refer to data."""
    yield from _places_of_call(step, at, data_fields, in_map=False)
    wait, over_all = step.get("wait"), step.get("map")
    if isinstance(wait, Mapping) and isinstance(until := wait.get("until"), str) and is_path(until):
        yield _Place(below(below(at, "wait"), "until"), until, wanted="string")
    if isinstance(over_all, Mapping):
        place = below(at, "map")
        over = over_all.get("over")
        if isinstance(over, list) or (isinstance(over, str) and is_path(over)):
            yield _Place(below(place, "over"), over, wanted="array")
        yield from _places_of_call(over_all, place, data_fields, in_map=True)


def _places_of_call(
    owner: Mapping[str, Any], at: str, data_fields: Mapping[str, Collection[str]], *, in_map: bool
) -> Iterator[_Place]:
    target, started = owner.get("target"), owner.get("workflow")
    if isinstance(target, Mapping):
        for name in _fields(target, data_fields):
            if name in target:
                yield _Place(below(below(at, "target"), name), target[name], in_map)
    if isinstance(started, Mapping) and "params" in started:
        yield _Place(below(below(at, "workflow"), "params"), started["params"], in_map)


def _fields(target: Mapping[str, Any], data_fields: Mapping[str, Collection[str]]) -> Collection[str]:
    kind = target.get("kind")
    return data_fields.get(kind, ()) if isinstance(kind, str) else ()


def _faults_elsewhere(step: Mapping[str, Any], at: str, data_fields: Mapping[str, Collection[str]]) -> Iterator[Fault]:
    """References in fields of a target that are not filled in, where they would be sent as they stand."""
    owners = [(at, step), (below(at, "map"), step.get("map"))]
    for place, owner in owners:
        target = owner.get("target") if isinstance(owner, Mapping) else None
        if not isinstance(target, Mapping):
            continue
        filled = _fields(target, data_fields)
        where = f"use one of {', '.join(sorted(filled))}" if filled else "write what is meant"
        for name, value in target.items():
            if name not in filled:
                for found, path in filling.paths_in(value, below(below(place, "target"), name)):
                    yield Fault(found, f"{path.text} would be sent as it stands: {name} takes no data", where)
