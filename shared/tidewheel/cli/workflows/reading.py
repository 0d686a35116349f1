"""Reads files of workflows: YAML, JSON and JSON lines. Whatever is wrong is told with file, line, field and remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidewheel.cli.files.reading import FilePosition, Mistake, Mistaken, Positions, documents_of, steps_of, texts_of
from tidewheel.cli.files.yaml_text import Unreadable
from tidewheel.wire.refused import Refused
from tidewheel.wire.workflows.body import WorkflowBody
from tidewheel.wire.workflows.reading import read_workflow

_SHAPES = "write one workflow with a name and steps, or a list of them"


@dataclass(frozen=True, slots=True)
class FiledWorkflow:
    """A workflow as a file has it.

    Args:
        body: Its definition.
        place: Where it stands.
    """

    body: WorkflowBody
    place: FilePosition


def read_workflows(paths: Sequence[str], stdin: str = "") -> list[FiledWorkflow]:
    """Reads files, and what folders hold of them; ``-`` is stdin. What others run comes before them.

    Raises:
        Mistaken: One cannot be read, a workflow has faults, or two have one name.
    """
    mistakes: list[Mistake] = []
    found: dict[str, FiledWorkflow] = {}
    for file, text, kind in texts_of(paths, stdin, mistakes.append):
        try:
            for offset, document in documents_of(text, kind):
                places = Positions(file, offset, document)
                for path, value in _workflows(document.value):
                    _read(value, path, places, found, mistakes)
        except Unreadable as error:
            mistakes.append(Mistake(FilePosition(file, error.line), "", error.problem, error.remedy))
    if mistakes:
        raise Mistaken(mistakes)
    return list(_inner_first(found))


def _workflows(value: Any) -> Iterator[tuple[tuple[int, ...], Any]]:
    if isinstance(value, list):
        yield from (((index,), one) for index, one in enumerate(value))
    else:
        yield (), value


def _read(
    value: Any,
    path: tuple[int, ...],
    places: Positions,
    found: dict[str, FiledWorkflow],
    mistakes: list[Mistake],
) -> None:
    place = places.of(path)
    if not isinstance(value, Mapping):
        mistakes.append(Mistake(place, "", "it holds no workflow", _SHAPES))
        return
    try:
        body = read_workflow(value)
    except Refused as error:
        mistakes += [
            Mistake(places.of((*path, *steps_of(one.field))), one.field, one.problem, one.remedy)
            for one in error.errors
        ]
        return
    if body.name in found:
        other = found[body.name].place
        mistakes.append(Mistake(place, "name", f"{other} has a workflow {body.name!r}", "give each a name of its own"))
        return
    found[body.name] = FiledWorkflow(body, place)


def _inner_first(found: Mapping[str, FiledWorkflow]) -> Iterator[FiledWorkflow]:
    """The workflows, each after those of the files that it runs; a circle, which the API refuses, as it comes."""
    done: set[str] = set()

    def walk(name: str, above: frozenset[str]) -> Iterator[FiledWorkflow]:
        for inner in _runs(found[name].body):
            if inner in found and inner not in done | above:
                yield from walk(inner, above | {name})
        if name not in done:
            done.add(name)
            yield found[name]

    for name in found:
        if name not in done:
            yield from walk(name, frozenset())


def _runs(body: WorkflowBody) -> Iterator[str]:
    for step in body.steps.values():
        started = step.workflow or (step.map.workflow if step.map else None)
        if started is not None:
            yield started.name
