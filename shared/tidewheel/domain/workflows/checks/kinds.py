"""The kinds of steps as a definition tells them apart: by the one field that says what a step does. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tidewheel.domain.workflows.faults import Fault, below

WORKS = ("target", "approval", "wait", "map", "workflow")
"""The fields of a step of which it has exactly one."""
OF_CALLS = ("retry", "timeout", "heartbeat", "pool", "priority", "precision")
"""The fields of a step that say how a target is called."""
EACH = ("target", "workflow")
"""The fields of a map of which it has exactly one: what is done for each item."""
OVER = ("over", "range", "manifest")
"""The fields of a map of which it has exactly one: its items."""
WAITS = ("duration", "until", "at")
"""The fields of a wait of which it has exactly one."""


def faults(document: Mapping[str, Any]) -> Iterator[Fault]:
    """What is wrong with the kinds of a definition's steps, as far as they could be read."""
    steps = document.get("steps")
    for name, step in steps.items() if isinstance(steps, Mapping) else ():
        if isinstance(step, Mapping):
            yield from _of_step(step, below("steps", name))


def _of_step(step: Mapping[str, Any], at: str) -> Iterator[Fault]:
    yield from _not_one(step, WORKS, at)
    works = [work for work in WORKS if step.get(work) is not None]
    over_all, wait = step.get("map"), step.get("wait")
    calls = "target" in works or (isinstance(over_all, Mapping) and over_all.get("workflow") is None)
    if works and not calls:
        for name in OF_CALLS:
            if name in step:
                problem = f"a step with {works[0]} calls no target"
                yield Fault(below(at, name), problem, "leave it out")
    if isinstance(over_all, Mapping):
        yield from _not_one(over_all, EACH, below(at, "map"))
        yield from _not_one(over_all, OVER, below(at, "map"))
    if isinstance(wait, Mapping):
        yield from _not_one(wait, WAITS, below(at, "wait"))
        if "timezone" in wait and wait.get("at") is None:
            yield Fault(below(below(at, "wait"), "timezone"), "is given without at", "leave it out, or add at")


def _not_one(value: Mapping[str, Any], names: tuple[str, ...], at: str) -> Iterator[Fault]:
    given = [name for name in names if value.get(name) is not None]
    if len(given) != 1:
        told = f"has {' and '.join(given)}" if given else f"has none of {', '.join(names)}"
        yield Fault(at, told, f"give it exactly one of {', '.join(names)}")
