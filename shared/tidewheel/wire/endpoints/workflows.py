"""The operations on definitions of workflows."""

from __future__ import annotations

from types import NoneType
from typing import Any

from tidewheel.domain.access.roles import Role
from tidewheel.domain.workflows.definition import DIGEST, WORKFLOW_NAME
from tidewheel.domain.workflows.limits import MAX_WORKFLOW_BODY_BYTES
from tidewheel.wire import VERSION
from tidewheel.wire.operation import ACTION_PROBLEMS, READ_PROBLEMS, Link, Operation
from tidewheel.wire.parameters import CURSOR, ETAG, IF_MATCH, KEY, LIMIT, MATCH_PATTERN, Parameter, text_like
from tidewheel.wire.workflows.answers import VersionAnswer, VersionList, WorkflowAnswer, WorkflowList
from tidewheel.wire.workflows.body import WorkflowBody

_WORKFLOWS = f"/{VERSION}/workflows"
_WORKFLOW = f"{_WORKFLOWS}/{{name}}"
WORKFLOW = Parameter("name", "path", "The workflow's name.", text_like(WORKFLOW_NAME) | {"examples": ["nightly"]})
DIGEST_OF_VERSION = Parameter("version", "path", "The version's digest.", text_like(DIGEST))
_MATCH = Parameter(
    IF_MATCH,
    "header",
    "The ETag that was read; it is refused if another version became the latest since. `*` or none takes what stands.",
    text_like(MATCH_PATTERN) | {"examples": ["*"]},  # with a generation, nobody could put a new one by the example
)
_DRY_RUN = Parameter(
    "dry_run",
    "query",
    "Answer what would be, and write nothing: the workflow as it would stand, with its `changes`.",
    {"type": "boolean", "default": False, "examples": [False]},
)
_EXAMPLES: dict[str, dict[str, Any]] = {
    "in turn": {
        "name": "nightly",
        "params": {"region": {"default": "eu"}},
        "steps": {
            "extract": {
                "target": {"kind": "http", "url": "https://example.com/extract", "body": {"of": "$.run.params.region"}},
                "retry": {"max_attempts": 5},
            },
            "load": {
                "needs": [{"step": "extract", "when": {"path": "$.output.rows", "more_than": 0}}],
                "target": {
                    "kind": "lambda",
                    "function": "load",
                    "payload": {"file": "$.steps.extract.output.file"},
                },
            },
            "tell": {
                "needs": ["extract", "load"],
                "rule": "one_failed",
                "target": {"kind": "sqs", "queue": "alerts", "body": {"run": "$.run.id"}},
            },
        },
    },
    "with people and items": {
        "name": "release",
        "steps": {
            "ask": {
                "approval": {"message": "Send the letters?", "role": "admin", "expires": "1d", "default": "reject"}
            },
            "morning": {"needs": ["ask"], "wait": {"at": "06:30", "timezone": "Europe/Paris"}},
            "send": {
                "needs": ["morning"],
                "map": {
                    "manifest": {"bucket": "letters", "key": "today.jsonl"},
                    "target": {"kind": "sqs", "queue": "letters", "body": "$.item"},
                    "tolerate_percent": 1,
                },
            },
        },
    },
}

_NAMED = "$response.body#/name"
_VERSION = ("version", "$response.body#/version")
_FOLLOWING = (
    *(Link(operation, _NAMED, "name") for operation in ("startRun", "getWorkflow", "listWorkflowVersions")),
    Link("getWorkflowVersion", _NAMED, "name", (_VERSION,)),
    *(Link(operation, _NAMED, "name") for operation in ("listWorkflowRuns", "deleteWorkflow")),
)
"""What can be done with a workflow that was put."""

PUT_WORKFLOW = Operation(
    id="putWorkflow",
    method="PUT",
    path=_WORKFLOW,
    summary="Make a definition the latest version of a workflow; the same definition again changes nothing",
    status=200,
    answer=WorkflowAnswer,
    role=Role.EDITOR,
    body=WorkflowBody,
    examples=_EXAMPLES,
    most_bytes=MAX_WORKFLOW_BODY_BYTES,
    parameters=(WORKFLOW, _MATCH, KEY, _DRY_RUN),
    headers=(ETAG,),
    also=((201, "The workflow is new."),),
    links=_FOLLOWING,
    problems=("malformed", "too-large", "invalid", "conflict", "unavailable", "outdated", "not-found"),
)
LIST_WORKFLOWS = Operation(
    id="listWorkflows",
    method="GET",
    path=_WORKFLOWS,
    summary="List workflows, by name",
    status=200,
    answer=WorkflowList,
    role=Role.VIEWER,
    parameters=(LIMIT, CURSOR),
    problems=("invalid", "unavailable"),
)
GET_WORKFLOW = Operation(
    id="getWorkflow",
    method="GET",
    path=_WORKFLOW,
    summary="Read a workflow with its latest version",
    status=200,
    answer=WorkflowAnswer,
    role=Role.VIEWER,
    parameters=(WORKFLOW,),
    headers=(ETAG,),
    problems=READ_PROBLEMS,
)
DELETE_WORKFLOW = Operation(
    id="deleteWorkflow",
    method="DELETE",
    path=_WORKFLOW,
    summary="Delete a workflow; its versions are kept, and are listed again if the name is put again",
    status=204,
    answer=NoneType,
    role=Role.EDITOR,
    parameters=(WORKFLOW, _MATCH, KEY),
    problems=(*ACTION_PROBLEMS, "outdated"),
)
LIST_VERSIONS = Operation(
    id="listWorkflowVersions",
    method="GET",
    path=f"{_WORKFLOW}/versions",
    summary="List the versions of a workflow, the newest first",
    status=200,
    answer=VersionList,
    role=Role.VIEWER,
    parameters=(WORKFLOW, LIMIT, CURSOR),
    problems=READ_PROBLEMS,
)
GET_VERSION = Operation(
    id="getWorkflowVersion",
    method="GET",
    path=f"{_WORKFLOW}/versions/{{version}}",
    summary="Read a version of a workflow",
    status=200,
    answer=VersionAnswer,
    role=Role.VIEWER,
    parameters=(WORKFLOW, DIGEST_OF_VERSION),
    problems=READ_PROBLEMS,
)
