"""The OpenAPI 3.1 document, generated from the models and the table of operations."""

from __future__ import annotations

from functools import cache
from typing import Any

from pydantic.json_schema import JsonSchemaMode, models_json_schema

from tidewheel.wire import VERSION
from tidewheel.wire.cancel import CancelBody
from tidewheel.wire.circuit import CircuitList
from tidewheel.wire.execution import ExecutionAnswer, ExecutionList, LedgerAnswer, LogAnswer
from tidewheel.wire.job import Health, JobAnswer, JobBody, JobList, Upcoming
from tidewheel.wire.model import Model
from tidewheel.wire.operations import OPERATIONS, Operation, Parameter
from tidewheel.wire.problem import KINDS, MEDIA_TYPE, Problem, problem
from tidewheel.wire.redrive import RedriveAnswer, RedriveBody

_JSON = "application/json"
_MERGE_PATCH = "application/merge-patch+json"
_REF = "#/components/schemas/{model}"
_MODELS: tuple[tuple[type[Model], JsonSchemaMode], ...] = (
    *((model, "validation") for model in (JobBody, RedriveBody, CancelBody)),
    *((model, "serialization") for model in (JobAnswer, JobList, Upcoming, ExecutionAnswer, ExecutionList)),
    *((model, "serialization") for model in (LedgerAnswer, LogAnswer, RedriveAnswer, CircuitList, Health, Problem)),
)
_JOB_EXAMPLES: dict[str, dict[str, Any]] = {
    "weekdays": {
        "name": "daily_report",
        "schedule": {"cron": "0 9 * * 1-5", "timezone": "Europe/Paris"},
        "target": {"kind": "http", "method": "POST", "url": "https://example.com/hook", "body": {"a": 1}},
        "retry": {"max_attempts": 5, "base": "2s"},
    },
    "every": {
        "name": "heartbeat",
        "schedule": {"every": "PT30S"},
        "target": {"kind": "lambda", "function": "my-function", "payload": {"beat": True}},
        "precision": "high",
    },
    "now": {"name": "once", "target": {"kind": "http", "url": "https://example.com/hook"}},
}
_PATCH_EXAMPLES: dict[str, dict[str, Any]] = {
    "timeout": {"timeout": "PT5M"},
    "reschedule": {"schedule": {"at": "2026-11-20T16:47:00Z", "cron": None, "timezone": None}},
}
_REDRIVE_EXAMPLES: dict[str, dict[str, Any]] = {
    "everything": {"all": True, "rate": 50},
    "of one job": {"job": "j0123456789abcdef"},
}
_CANCEL_EXAMPLES: dict[str, dict[str, Any]] = {"because": {"reason": "wrong recipients"}}
_BODY_EXAMPLES = {
    "createJob": _JOB_EXAMPLES,
    "replaceJob": _JOB_EXAMPLES,
    "redriveDeadLetters": _REDRIVE_EXAMPLES,
    "cancelExecution": _CANCEL_EXAMPLES,
}


@cache
def document() -> dict[str, Any]:
    """The document; the same object each time, so it must not be changed."""
    refs, definitions = models_json_schema(_MODELS, ref_template=_REF)
    schemas = {model.__name__: schema for (model, _), schema in refs.items()}
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tidewheel",
            "version": VERSION,
            "description": "A distributed job scheduler. Times are RFC 3339 in UTC, durations ISO 8601.",
        },
        "servers": [{"url": "..", "description": "The deployment that serves this document."}],
        "security": [{}, {"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "responses": {kind: _problem_response(kind, schemas) for kind in KINDS},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": [_parameter(parameter) for parameter in operation.parameters],
        "responses": {str(operation.status): _answer(operation, schemas)}
        | {str(status): _answer(operation, schemas) | {"description": text} for status, text in operation.also}
        | {
            str(KINDS[kind][0]): {"$ref": f"#/components/responses/{kind}"}
            for kind in (*operation.problems, "internal")
        },
    }
    if operation.body:
        found["requestBody"] = {
            "required": not operation.optional,
            "content": _body(operation, schemas[operation.body.__name__]),
        }
    return found


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.where == "path",
        "description": parameter.description,
        "schema": parameter.schema,
    }


def _body(operation: Operation, schema: dict[str, Any]) -> dict[str, Any]:
    if operation.patch:
        written = {"type": "object", "description": "Any part of a job's body; null removes a field (RFC 7396)."}
        return {_MERGE_PATCH: {"schema": written, "examples": _examples(_PATCH_EXAMPLES)}}
    return {_JSON: {"schema": schema, "examples": _examples(_BODY_EXAMPLES[operation.id])}}


def _examples(values: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return {name: {"value": value} for name, value in values.items()}


def _answer(operation: Operation, schemas: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": operation.summary}
    if operation.answer:
        content = schemas.get(operation.answer.__name__, {"type": "object"})
        answer["content"] = {_JSON: {"schema": content}}
    if operation.headers:
        answer["headers"] = {
            name: {"description": holds, "schema": {"type": "string"}} for name, holds in operation.headers
        }
    return answer


def _problem_response(kind: str, schemas: dict[str, Any]) -> dict[str, Any]:
    example = problem(kind, "What happened, in a sentence.", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef")
    content = {"schema": schemas["Problem"], "example": example.model_dump(mode="json")}
    answer: dict[str, Any] = {"description": KINDS[kind][1], "content": {MEDIA_TYPE: content}}
    if kind == "unavailable":
        header = {"description": "Seconds to wait, where the service says.", "schema": {"type": "integer"}}
        answer["headers"] = {"Retry-After": header}
    return answer
