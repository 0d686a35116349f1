"""A plan and its results as text, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tidewheel.cli.files.applying import Result
from tidewheel.cli.files.planning import Act, Plan, Step
from tidewheel.cli.tables import legible

DONE = {Act.CREATE: "created", Act.ADOPT: "adopted", Act.CHANGE: "changed", Act.DELETE: "deleted"}
_SIGNS = {Act.CREATE: "+", Act.ADOPT: "~", Act.CHANGE: "~", Act.DELETE: "-", Act.REFUSE: "!"}
_ORDER = (Act.CREATE, Act.ADOPT, Act.CHANGE, Act.DELETE, Act.NOTHING, Act.REFUSE)


def told(plan: Plan) -> str:
    """A plan as text: each job about which something is done, with the fields that differ, and how many there are."""
    lines = [line for step in plan.steps if step.act is not Act.NOTHING for line in _lines(step)]
    counts = ", ".join(f"{count} {_noun(act)}" for act in _ORDER if (count := plan.counts().get(act)))
    return "\n".join(map(legible, [*lines, f"Set {plan.set_name}: {counts or 'no jobs'}."]))


def _noun(act: Act) -> str:
    return act.value if act in {Act.NOTHING, Act.REFUSE} else f"to {act.value}"


def _lines(step: Step) -> Iterator[str]:
    head = f"{_SIGNS[step.act]} {step.name}"
    if step.act is Act.REFUSE:
        yield f"{head}: {step.reason} ({step.filed.place if step.filed else ''})"
        return
    if step.act is Act.CREATE and step.filed and step.filed.body.schedule:
        yield f"{head}: create, {step.filed.body.schedule.summary()}, {step.filed.body.target.summary()}"
        return
    yield f"{head}: {step.act.value}{_drift(step)}"
    for change in step.changes:
        yield f"    {change}"


def _drift(step: Step) -> str:
    """That somebody has changed a job since it was applied, and who."""
    if not step.drifted or step.job is None:
        return ""
    by = f" by {step.job.updated_by}" if step.job.updated_by else ""
    return f" (edited since it was applied: generation {step.job.generation}{by})"


def summary(plan: Plan, results: Sequence[Result]) -> str:
    """What was done, in a line."""
    done = [DONE[one.step.act] for one in results if not one.problem]
    failed = len(results) - len(done) + len(plan.refused())
    counts = [f"{done.count(word)} {word}" for word in DONE.values() if word in done]
    counts += [f"{same} unchanged"] if (same := plan.counts().get(Act.NOTHING, 0)) else []
    counts += [f"{failed} not done"] if failed else []
    return f"{', '.join(counts) or 'nothing to do'}."


def document(plan: Plan, results: Sequence[Result]) -> dict[str, Any]:
    """A plan with its results, if there are any, as JSON."""
    by_step = {id(one.step): one for one in results}
    return {"set": plan.set_name, "steps": [_document(step, by_step.get(id(step))) for step in plan.steps]}


def _document(step: Step, result: Result | None) -> Mapping[str, Any]:
    return {
        "name": step.name,
        "act": step.act.value,
        "id": (result.id if result else step.job.id if step.job else "") or None,
        "drifted": step.drifted,
        "changes": [
            {"field": one.field} if one.hidden else {"field": one.field, "before": one.before, "after": one.after}
            for one in step.changes
        ],
        "done": bool(result and not result.problem),
        "problem": (result.problem if result else step.reason) or None,
    }
