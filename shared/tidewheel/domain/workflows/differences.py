"""What differs between two definitions, field by field. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tidewheel.domain.canonical import canonical
from tidewheel.domain.workflows.faults import below

_ABSENT = object()


class DifferenceKind(StrEnum):
    """What happened to a field."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class Difference:
    """A field that differs.

    Args:
        path: Its path, such as ``steps.extract.timeout``; of a step that is new or gone, the step's.
        kind: What happened to it.
        before: What it was, a JSON value; None if it was not there.
        after: What it is, likewise.
    """

    path: str
    kind: DifferenceKind
    before: Any = None
    after: Any = None


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    """Every field in which two canonical documents differ, by path. Lists are compared as a whole."""
    yield from _differences("", before, after)


def _differences(path: str, before: Any, after: Any) -> Iterator[Difference]:
    if before is _ABSENT:
        yield Difference(path, DifferenceKind.ADDED, after=after)
    elif after is _ABSENT:
        yield Difference(path, DifferenceKind.REMOVED, before)
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted(before.keys() | after.keys()):
            yield from _differences(below(path, name), before.get(name, _ABSENT), after.get(name, _ABSENT))
    elif canonical(before) != canonical(after):
        yield Difference(path, DifferenceKind.CHANGED, before, after)
