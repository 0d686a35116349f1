"""Draws a workflow as a Mermaid flowchart, which GitHub and many editors show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tidewheel.domain.workflows.depends import Depends
from tidewheel.wire.values import short_duration
from tidewheel.wire.workflows.body import NeedBody, StepBody, WorkflowBody
from tidewheel.wire.workflows.works import MapBody, WaitBody

_SHAPES = {
    "task": ('["', '"]'),
    "approval": ('{{"', '"}}'),
    "wait": ('(["', '"])'),
    "map": ('[["', '"]]'),
    "workflow": ('[/"', '"/]'),
}
_LONGEST = 48
_ENTITIES = {"#": "#35;", '"': "#quot;", "&": "#amp;", "<": "#lt;", ">": "#gt;"}
_SIGNS = {"equals": "=", "less_than": "<", "at_most": "<=", "more_than": ">", "at_least": ">="}


def drawn(body: WorkflowBody) -> str:
    """The flowchart's text. A step's node says what it does, an edge its condition."""
    nodes = {name: f"s{number}" for number, name in enumerate(sorted(body.steps))}
    return "\n".join(["flowchart TD", *(f"    {line}" for line in _lines(body, nodes))]) + "\n"


def _lines(body: WorkflowBody, nodes: Mapping[str, str]) -> Iterator[str]:
    for name, node in nodes.items():
        step = body.steps[name]
        opening, closing = _SHAPES[kind_of(step)]
        label = "<br/>".join(map(_text, (name, *_about(step))))
        yield f"{node}{opening}{label}{closing}"
    for name, node in nodes.items():
        for parent, condition in parents_of(body.steps[name]):
            label = f'|"{_text(condition)}"|' if condition else ""
            yield f"{nodes[parent]} -->{label} {node}"


def _text(text: str) -> str:
    """A text within quotes of Mermaid's: what means something there is written as an entity."""
    short = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return "".join(_ENTITIES.get(character, character) for character in short)


def kind_of(step: StepBody) -> str:
    """``task``, ``approval``, ``wait``, ``map`` or ``workflow``."""
    return next((kind for kind in ("approval", "wait", "map", "workflow") if getattr(step, kind) is not None), "task")


def parents_of(step: StepBody) -> list[tuple[str, str]]:
    """The steps that a step waits for, by name, each with its condition for people, or nothing."""
    conditions = {need.step: need.when for need in step.needs if isinstance(need, NeedBody)}
    names = {need.step if isinstance(need, NeedBody) else need for need in step.needs} | set(_named(step))
    return [(name, told_condition(conditions.get(name))) for name in sorted(names)]


def _named(step: StepBody) -> Iterator[str]:
    if step.depends is not None:
        yield from Depends.parse(step.depends).names


def _about(step: StepBody) -> Iterator[str]:
    """What a step does, and when it runs if that is unusual."""
    yield what(step)
    if rule := rule_of(step):
        yield rule


def what(step: StepBody) -> str:
    """What a step does, in a few words."""
    if step.approval is not None:
        return f"approval: {step.approval.message}"
    if step.wait is not None:
        return _wait(step.wait)
    if step.map is not None:
        return _map(step.map)
    if step.workflow is not None:
        return f"workflow {step.workflow.name}"
    return "" if step.target is None else step.target.summary()


def _wait(wait: WaitBody) -> str:
    if wait.duration is not None:
        return f"wait {short_duration(wait.duration)}"
    return f"wait until {wait.until}" if wait.at is None else f"wait until {wait.at} {wait.timezone}"


def _map(work: MapBody) -> str:
    done = work.target.summary() if work.target else f"workflow {work.workflow.name if work.workflow else ''}"
    if work.range is not None:
        return f"for {work.range.start} to {work.range.stop}: {done}"
    if work.manifest is not None:
        return f"for each of s3 {work.manifest.bucket}/{work.manifest.key}: {done}"
    items = work.over if isinstance(work.over, str) else f"{len(work.over)} items"
    return f"for each of {items}: {done}"


def rule_of(step: StepBody) -> str:
    """When a step runs; nothing for the usual."""
    if step.depends is not None:
        return step.depends
    return "" if step.rule == "all_success" else step.rule.value


def told_condition(document: Mapping[str, Any] | None) -> str:
    """A condition for people; nothing for none."""
    if document is None:
        return ""
    for name, word in (("all", "and"), ("any", "or")):
        if name in document:
            return f" {word} ".join(f"({told_condition(one)})" for one in document[name])
    if "not" in document:
        return f"not ({told_condition(document['not'])})"
    (name,) = document.keys() - {"path"}
    subject = str(document["path"]).removeprefix("$.output").removeprefix(".") or "output"
    return f"{subject} {_SIGNS.get(name, name.replace('_', ' '))} {document[name]}"
