"""Reads a request's bytes as a job's body; refuses everything that can be refused without knowing the time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from tidewheel.domain.canonical import canonical
from tidewheel.domain.fleet.route import LAMBDA_POOL
from tidewheel.domain.limits import MAX_DEPTH
from tidewheel.wire import schedules, targets
from tidewheel.wire.bodies.job import JobBody, MisfireBody, RetryBody
from tidewheel.wire.model import shown
from tidewheel.wire.problem import FieldProblem
from tidewheel.wire.refused import Malformed, Refused, of_domain, of_validation

_OBJECTS: dict[str, type[BaseModel]] = {
    "": JobBody,
    "retry": RetryBody,
    "misfire": MisfireBody,
    **{f"schedule.{kind}": model for kind, model in schedules.MODELS.items()},
    **{f"target.{kind}": model for kind, model in targets.MODELS.items()},
}
_FIELDS = {path: tuple(model.model_fields) for path, model in _OBJECTS.items()}


def read_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in a body.

    Raises:
        Malformed: It is not JSON, or not an object; it is nested deeper than ``limits.MAX_DEPTH``, or an object in it
            has a name twice, of which one would be lost.
    """
    try:
        document = from_json(raw, allow_inf_nan=False)
        _check_depth(document)
        canonical(document)
        json.loads(raw, object_pairs_hook=_distinct)
    except ValueError as error:
        if "recursion limit" in str(error):
            raise _too_deep() from error
        raise Malformed(f"the body is not JSON: {error}", "send one JSON object, encoded in UTF-8") from error
    if not isinstance(document, dict):
        raise Malformed("the body is JSON, but not an object", "send one JSON object")
    return document


def _check_depth(document: Any) -> None:
    inside = [document]
    for _ in range(MAX_DEPTH):
        inside = [part for one in inside for part in _parts(one) if isinstance(part, dict | list)]
        if not inside:
            return
    raise _too_deep()


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _too_deep() -> Malformed:
    return Malformed(f"the body is nested deeper than {MAX_DEPTH} levels", "flatten it, or send the inner part as text")


def _distinct(pairs: Sequence[tuple[str, Any]]) -> None:
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Malformed(f"an object in the body has the name {shown(twice)} twice", "leave one of them out")


def fingerprint(document: Mapping[str, Any]) -> str:
    """A hash of the document; a repeated request has the same one."""
    return hashlib.blake2b(canonical(document).encode(), digest_size=16).hexdigest()


def read_job(document: Mapping[str, Any]) -> JobBody:
    """The job that a document describes.

    Raises:
        Refused: Names all offending fields, except those that can be refused only at the time of the request.
    """
    body: JobBody | None = None
    errors: tuple[FieldProblem, ...] = ()
    try:
        body = JobBody.model_validate(document)
    except ValidationError as error:
        errors = of_validation(error, _FIELDS)
    found = {error.field for error in errors}
    errors += tuple(one for one in (*_schedule_errors(document), *_pool_errors(body)) if one.field not in found)
    if body is None or errors:
        raise Refused(errors)
    return body


def _schedule_errors(document: Mapping[str, Any]) -> tuple[FieldProblem, ...]:
    """What the schedule's kind refuses of it, apart from what single fields show."""
    written = document.get("schedule")
    kind = schedules.kind_of(written)
    if kind is None:
        return _bound_errors(document)
    return tuple(problem for error in schedules.MODELS[kind].refusals(written or {}) for problem in of_domain(error))


def _bound_errors(document: Mapping[str, Any]) -> tuple[FieldProblem, ...]:
    """Fields that are given and make sense only with a schedule."""
    if document.get("schedule") is not None:
        return ()
    given = [name for name in ("start", "end") if document.get(name) is not None]
    remedy = "leave it out, or add a schedule"
    return tuple(FieldProblem(field=name, problem="is given without a schedule", remedy=remedy) for name in given)


def _pool_errors(body: JobBody | None) -> tuple[FieldProblem, ...]:
    """A target that the pool cannot run because it needs a long-running worker."""
    if body is None or body.pool != LAMBDA_POOL or not body.target.LONG_RUNNING:
        return ()
    problem = f"the pool {LAMBDA_POOL} cannot run a target of the kind {body.target.kind}"
    return (FieldProblem(field="pool", problem=problem, remedy="name a pool of long-running workers, such as fargate"),)


def merged(document: Any, patch: Any) -> Any:
    """The document after a JSON merge patch (RFC 7396)."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(document) if isinstance(document, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def difference(before: Any, after: Any) -> Any:
    """A merge patch that leads from one document to another.

    A merge patch cannot set a field to null. A caller to whom that matters compares ``merged`` with ``after``.
    """
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return after
    patch: dict[str, Any] = {name: None for name in before if name not in after}
    for name, value in after.items():
        if name not in before:
            patch[name] = value
        elif before[name] != value:
            patch[name] = difference(before[name], value)
    return patch
