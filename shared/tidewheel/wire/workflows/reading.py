"""Reads a document as a workflow; refuses all that is wrong with it at once, as far as the document itself shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from tidewheel.domain.canonical import canonical
from tidewheel.domain.fleet.route import LAMBDA_POOL
from tidewheel.domain.workflows.checks import kinds
from tidewheel.domain.workflows.checks.validation import validate
from tidewheel.domain.workflows.faults import Fault
from tidewheel.domain.workflows.limits import MAX_DEFINITION_BYTES
from tidewheel.wire import targets
from tidewheel.wire.bodies.job import RetryBody
from tidewheel.wire.problem import FieldProblem
from tidewheel.wire.refused import Refused, of_validation
from tidewheel.wire.workflows.body import NeedBody, StepBody, WorkflowBody, document_of
from tidewheel.wire.workflows.works import (
    ApprovalBody,
    EscalateBody,
    ManifestBody,
    MapBody,
    ParamBody,
    RangeBody,
    SubWorkflowBody,
    WaitBody,
)

DATA_FIELDS = {kind: model.DATA for kind, model in targets.MODELS.items()}
"""By kind of target, the fields of its spec that may refer to data of a run."""

_WITHIN_A_STEP: Mapping[tuple[str, ...], type[BaseModel]] = {
    (): StepBody,
    ("retry",): RetryBody,
    ("approval",): ApprovalBody,
    ("approval", "escalate"): EscalateBody,
    ("wait",): WaitBody,
    ("map",): MapBody,
    ("map", "range"): RangeBody,
    ("map", "manifest"): ManifestBody,
    ("map", "workflow"): SubWorkflowBody,
    ("workflow",): SubWorkflowBody,
    **{("target", kind): model for kind, model in targets.MODELS.items()},
    **{("map", "target", kind): model for kind, model in targets.MODELS.items()},
}
_TAGGED = {("target",): 3, ("map", "target"): 4}
"""What of a step is one of several models, and at which place of a path pydantic says which."""


def read_workflow(document: Mapping[str, Any]) -> WorkflowBody:
    """The workflow that a document describes.

    Raises:
        Refused: Names all that is wrong, but for what only a deployment knows, such as its pools.
    """
    body: WorkflowBody | None = None
    problems: tuple[FieldProblem, ...] = ()
    try:
        body = WorkflowBody.model_validate(document)
    except ValidationError as error:
        problems = of_validation(error, _known(error), _path)
    faults = [*kinds.faults(document), *validate(document, DATA_FIELDS), *_faults_of_pools(document)]
    faults += [] if body is None else _too_large(body)
    told = dict.fromkeys(FieldProblem(field=one.path, problem=one.problem, remedy=one.remedy) for one in faults)
    better = {one.field for one in told}
    found = [*(one for one in problems if one.field not in better), *told]
    if body is None or found:
        raise Refused(tuple(_sorted(found, document)))
    return body


def _sorted(problems: Iterable[FieldProblem], document: Mapping[str, Any]) -> list[FieldProblem]:
    """The problems in the order of the document, by step."""
    steps = document.get("steps")
    places = {f"steps.{name}": place for place, name in enumerate(steps)} if isinstance(steps, Mapping) else {}

    def place(one: FieldProblem) -> int:
        return places.get(".".join(one.field.split(".")[:2]), -1)

    return sorted(problems, key=place)


def _path(error: ErrorDetails) -> str:
    """The path as the user wrote it: without pydantic's tags of unions."""
    parts = [str(part) for part in error["loc"] if part != "[key]"]
    if parts[0] == "steps":
        for within, place in _TAGGED.items():
            if tuple(parts[2 : 2 + len(within)]) == within:
                del parts[place : place + 1]
        if parts[2:3] == ["needs"]:
            del parts[4:5]
    if error["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        parts.append("kind")
    return ".".join(parts)


def _known(error: ValidationError) -> dict[str, tuple[str, ...]]:
    """The known fields of the objects that have faults, by their paths as pydantic has them."""
    owners = [[str(part) for part in one["loc"][:-1]] for one in error.errors(include_url=False)]
    models = {".".join(owner): _model_at(owner) for owner in owners}
    return {path: tuple(model.model_fields) for path, model in models.items() if model is not None}


def _model_at(parts: Sequence[str]) -> type[BaseModel] | None:
    match parts:
        case []:
            return WorkflowBody
        case ["params", _] | ["steps", _, "approval", "form", _]:
            return ParamBody
        case ["steps", _, "needs", _, "need"]:
            return NeedBody
        case ["steps", _, *within]:
            return _WITHIN_A_STEP.get(tuple(within))
    return None


def _faults_of_pools(document: Mapping[str, Any]) -> Iterator[Fault]:
    """Targets that their pool cannot run because they need a long-running worker, as far as they could be read."""
    steps = document.get("steps")
    for name, step in steps.items() if isinstance(steps, Mapping) else ():
        if not isinstance(step, Mapping) or step.get("pool", LAMBDA_POOL) != LAMBDA_POOL:
            continue
        for owner in (step, step.get("map")):
            target = owner.get("target") if isinstance(owner, Mapping) else None
            kind = target.get("kind") if isinstance(target, Mapping) else None
            if isinstance(kind, str) and kind in targets.MODELS and targets.MODELS[kind].LONG_RUNNING:
                problem = f"the pool {LAMBDA_POOL} cannot run a target of the kind {kind}"
                yield Fault(f"steps.{name}.pool", problem, "name a pool of long-running workers, such as fargate")


def _too_large(body: WorkflowBody) -> Iterator[Fault]:
    size = len(canonical(document_of(body)).encode())
    if size > MAX_DEFINITION_BYTES:
        problem = f"the definition has {size} bytes, without its spaces and defaults"
        yield Fault(
            "steps", problem, f"use {MAX_DEFINITION_BYTES} or fewer; large payloads lie elsewhere, such as in S3"
        )
