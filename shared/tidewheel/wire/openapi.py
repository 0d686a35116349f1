"""The OpenAPI 3.1 document, generated from the operations and their models."""

from __future__ import annotations

from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic.json_schema import JsonSchemaMode, models_json_schema

from tidewheel.wire import VERSION
from tidewheel.wire.endpoints import OPERATIONS
from tidewheel.wire.model import Model
from tidewheel.wire.operation import Operation
from tidewheel.wire.parameters import ACTING_TENANT, Parameter
from tidewheel.wire.problem import KINDS, MEDIA_TYPE, Problem, problem
from tidewheel.wire.rate_limit import POLICY, REMAINING, RETRY_AFTER

_JSON = "application/json"
_MERGE_PATCH = "application/merge-patch+json"
_REF = "#/components/schemas/{model}"
_PATCH = "MergePatch"
_PATCH_SCHEMA = {"type": "object", "description": "Any part of the body; null removes a field (RFC 7396)."}
"""Named, since a generator gives each operation one model for what it takes in two media types."""


@cache
def document() -> dict[str, Any]:
    """The document. It is the same object each time, so it must not be changed."""
    refs, definitions = models_json_schema(_models(), ref_template=_REF)
    schemas = {model.__name__: schema for (model, _), schema in refs.items()}
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Tidewheel",
            "version": VERSION,
            "description": "A distributed job scheduler. Times are RFC 3339 in UTC, durations ISO 8601. A method that "
            "a path does not have is answered 405; `Allow` names those that it has.",
        },
        "servers": [{"url": "..", "description": "The deployment that serves this document."}],
        "security": [{"bearer": []}],
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}) | {_PATCH: _PATCH_SCHEMA},
            "responses": {kind: _problem_response(kind, schemas) for kind in KINDS},
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def _models() -> list[tuple[type[Model], JsonSchemaMode]]:
    """The models of all bodies, as they are read, and of all answers, as they are written."""
    bodies = dict.fromkeys(one.body for one in OPERATIONS if one.body is not None)
    answers = dict.fromkeys(one.model for one in OPERATIONS if one.model is not None and one.model is not Model)
    written: list[type[Model]] = [*answers, Problem]
    return [*((model, "validation") for model in bodies), *((model, "serialization") for model in written)]


def _operation(operation: Operation[Any], schemas: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": [_parameter(parameter) for parameter in _parameters(operation)],
        "responses": {str(operation.status): _answer(operation, schemas)}
        | {str(status): _also(operation, schemas, text) for status, text in operation.also}
        | _problems(operation, schemas),
    }
    if operation.role is None:
        found["security"] = []
    else:
        found["x-tidewheel-role"] = operation.role
    if operation.body:
        found["requestBody"] = {
            "required": not operation.optional,
            "content": _body(operation, schemas[operation.body.__name__]),
        }
    return found


def _problems(operation: Operation[Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """The responses of an operation's problems, by status."""
    kinds = (
        *operation.problems,
        *_of_signing_in(operation),
        *_of_body(operation),
        *_of_health(operation),
        "method-not-allowed",
        "internal",
    )
    statuses: dict[str, list[str]] = {}
    for kind in dict.fromkeys(kinds):
        statuses.setdefault(str(KINDS[kind][0]), []).append(kind)
    return {status: _problem_responses(kinds, schemas) for status, kinds in statuses.items()}


def _problem_responses(kinds: list[str], schemas: dict[str, Any]) -> dict[str, Any]:
    """The response of a status that one kind of problem has, or several."""
    if len(kinds) == 1:
        return {"$ref": f"#/components/responses/{kinds[0]}"}
    each = {kind: _problem_response(kind, schemas) for kind in kinds}
    examples = {kind: {"value": one["content"][MEDIA_TYPE]["example"]} for kind, one in each.items()}
    answer: dict[str, Any] = {
        "description": "; or: ".join(one["description"] for one in each.values()),
        "content": {MEDIA_TYPE: {"schema": schemas["Problem"], "examples": examples}},
    }
    headers = {name: header for one in each.values() for name, header in one.get("headers", {}).items()}
    return answer | ({"headers": headers} if headers else {})


def _of_health(operation: Operation[Any]) -> tuple[str, ...]:
    """The kinds of problems that a change may meet by the deployment's health."""
    if not operation.writes:
        return ()
    return ("overloaded", "read-only") if operation.creates else ("read-only",)


def _parameters(operation: Operation[Any]) -> tuple[Parameter, ...]:
    """What an operation takes, with what each one takes that is signed in."""
    return operation.parameters if operation.role is None else (*operation.parameters, ACTING_TENANT)


def _of_signing_in(operation: Operation[Any]) -> tuple[str, ...]:
    """The kinds of problems that who calls, or nobody, may meet."""
    return () if operation.role is None else ("unauthenticated", "forbidden", "limited", "unavailable", "not-found")


def _of_body(operation: Operation[Any]) -> tuple[str, ...]:
    """The kinds of problems that a body may meet before it is read."""
    return () if operation.body is None else ("malformed", "too-large", "unsupported")


def _parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.where == "path",
        "description": parameter.description,
        "schema": parameter.schema,
    }


def _body(operation: Operation[Any], schema: dict[str, Any]) -> dict[str, Any]:
    if operation.patch:
        content = {"schema": {"$ref": _REF.format(model=_PATCH)}, "examples": _examples(operation)}
        return {_MERGE_PATCH: content, _JSON: content}
    return {_JSON: {"schema": schema, "examples": _examples(operation)}}


def _examples(operation: Operation[Any]) -> dict[str, Any]:
    return {name: {"value": value} for name, value in operation.examples.items()}


def _answer(operation: Operation[Any], schemas: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": operation.summary}
    if operation.model:
        content = schemas.get(operation.model.__name__, {"type": "object"})
        answer["content"] = {_JSON: {"schema": content}}
    if operation.headers:
        answer["headers"] = {
            name: {"description": holds, "schema": {"type": "string"}} for name, holds in operation.headers
        }
    if operation.links:
        answer["links"] = {
            link.operation: {"operationId": link.operation, "parameters": dict(link.parameters)}
            for link in operation.links
        }
    return answer


def _also(operation: Operation[Any], schemas: dict[str, Any], text: str) -> dict[str, Any]:
    """A further successful answer; links and headers are those of the usual one alone."""
    answer = _answer(operation, schemas) | {"description": text}
    return {name: value for name, value in answer.items() if name not in {"links", "headers"}}


def _problem_response(kind: str, schemas: dict[str, Any]) -> dict[str, Any]:
    example = problem(kind, "What happened, in a sentence.", "c6af9ac6-7b61-11e6-9a41-93e8deadbeef")
    content = {"schema": schemas["Problem"], "example": example.model_dump(mode="json", exclude_none=True)}
    answer: dict[str, Any] = {"description": KINDS[kind][1], "content": {MEDIA_TYPE: content}}
    if KINDS[kind][0] == HTTPStatus.SERVICE_UNAVAILABLE:
        header = {"description": "Seconds to wait, where the service says.", "schema": {"type": "integer"}}
        answer["headers"] = {"Retry-After": header}
    if kind == "limited":
        answer["headers"] = _limit_headers()
    if kind == "unauthenticated":
        scheme = {"description": "How to sign in.", "schema": {"type": "string"}}
        answer["headers"] = {"WWW-Authenticate": scheme}
    if kind == "method-not-allowed":
        answer["headers"] = {"Allow": {"description": "The methods of the path.", "schema": {"type": "string"}}}
    return answer


def _limit_headers() -> dict[str, Any]:
    whole, text = {"type": "integer", "minimum": 0}, {"type": "string"}
    return {
        RETRY_AFTER: {
            "description": "Seconds until the limit is whole; absent if time changes nothing.",
            "schema": whole,
        },
        POLICY: {"description": "The limit: `q` is what it allows, `w` its window in seconds.", "schema": text},
        REMAINING: {"description": "What is left: `r`, and `t` seconds until it is whole.", "schema": text},
    }
