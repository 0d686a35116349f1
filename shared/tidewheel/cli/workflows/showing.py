"""Workflows as tables for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from tidewheel.cli.show import page_of
from tidewheel.cli.tables import Rows, facts, legible
from tidewheel.cli.workflows.mermaid import kind_of, parents_of, rule_of, what
from tidewheel.cli.workflows.putting import Planned
from tidewheel.wire.workflows.answers import DifferenceAnswer, VersionAnswer, VersionList, WorkflowAnswer, WorkflowList
from tidewheel.wire.workflows.body import WorkflowBody

_SHORT = 12
_SHOWN = 60
_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def workflows(page: WorkflowList) -> RenderableType:
    """A page of workflows."""
    heads = ("NAME", "STEPS", "VERSION", "UPDATED", "BY", "DESCRIPTION")
    rows = [
        (one.name, one.steps, one.version[:_SHORT], one.updated_at, one.updated_by, one.description)
        for one in page.items
    ]
    return page_of(Rows(heads, rows), len(rows), "workflows", page.cursor)


def versions(page: VersionList) -> RenderableType:
    """A page of versions."""
    heads = ("VERSION", "LATEST", "STEPS", "CREATED", "BY")
    rows = [
        (one.version, "latest" if one.latest else "", one.steps, one.created_at, one.created_by) for one in page.items
    ]
    return page_of(Rows(heads, rows), len(rows), "versions", page.cursor)


def workflow(found: WorkflowAnswer | VersionAnswer) -> RenderableType:
    """One workflow, or one version of it, with its steps."""
    body = found.definition
    head: list[tuple[str, object]] = [
        ("name", found.name),
        ("version", found.version),
        ("description", body.description),
    ]
    if isinstance(found, WorkflowAnswer):
        head += [("generation", found.generation), ("updated", found.updated_at), ("updated by", found.updated_by)]
    head += [("created", found.created_at), ("created by", found.created_by), ("once a step failed", body.failure)]
    head += [
        (f"param {name}", f"{one.type}, {_default(one.default, one.required)}") for name, one in body.params.items()
    ]
    return Group(facts(head), Text(), _steps(body))


def _default(value: Any, required: bool) -> str:
    return "required" if required else f"else {json.dumps(value, ensure_ascii=False)}"


def _steps(body: WorkflowBody) -> RenderableType:
    heads = ("STEP", "KIND", "WHAT", "NEEDS", "RULE")
    rows = []
    for name, step in sorted(body.steps.items()):
        needs = ", ".join(f"{parent} if {condition}" if condition else parent for parent, condition in parents_of(step))
        rows.append((name, kind_of(step), what(step), needs, rule_of(step)))
    return Rows(heads, rows)


def plan(plans: Sequence[Planned]) -> str:
    """What putting workflows does, as lines: each workflow, and each field of it that changes."""
    return "\n".join(legible(line) for one in plans for line in _plan(one))


def _plan(one: Planned) -> list[str]:
    name = one.filed.body.name
    if one.answer is None:
        return [f"! {name}: refused: {one.problem}"]
    version = one.answer.version[:_SHORT]
    if one.is_new:
        return [f"+ {name}: create, version {version}, {one.answer.steps} steps"]
    if not one.changes:
        return [f"  {name}: as it is, version {version}"]
    return [f"~ {name}: change, version {version}", *(f"    {change(it)}" for it in one.changes)]


def change(one: DifferenceAnswer) -> str:
    """A field that differs."""
    shown = {"added": [one.after], "removed": [one.before], "changed": [one.before, one.after]}[one.change.value]
    return f"{_SIGNS[one.change.value]} {one.path}: {' -> '.join(map(_short, shown))}"


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"
