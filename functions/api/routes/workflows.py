"""Serves the operations on definitions of workflows."""

from __future__ import annotations

from urllib.parse import unquote

from aws_lambda_powertools.event_handler import Response

from functions.api.answers import answered, answered_page
from functions.api.cursors import foreign_cursor
from functions.api.repeats import once
from functions.api.request import Request
from functions.api.serving import serves
from tidewheel.domain import keys
from tidewheel.domain.errors import Invalid, Unreadable
from tidewheel.domain.workflows.differences import differences
from tidewheel.engine.api.workflows.definitions import NewDefinition, Standing
from tidewheel.wire.endpoints.workflows import (
    DELETE_WORKFLOW,
    GET_VERSION,
    GET_WORKFLOW,
    LIST_VERSIONS,
    LIST_WORKFLOWS,
    PUT_WORKFLOW,
)
from tidewheel.wire.workflows.answers import (
    VersionList,
    WorkflowList,
    difference_answer,
    version_answer,
    version_summary,
    workflow_answer,
    workflow_summary,
)
from tidewheel.wire.workflows.body import document_of
from tidewheel.wire.workflows.convert import workflow_of
from tidewheel.wire.workflows.reading import read_workflow


def _name(request: Request) -> str:
    return unquote(request.path["name"])


@serves(PUT_WORKFLOW)
def put_workflow(request: Request) -> Response[str]:
    """Puts a definition under the name in the path; a repeat under the same key gets the workflow as it stands now."""
    new, workflows, by = _definition(request), request.services.workflows, request.caller.name
    if request.flag("dry_run"):
        return _foretold(workflows.draft(request.tenant, new, request.match, by))
    standing = once(
        request,
        lambda: workflows.put(request.tenant, new, request.match, by),
        lambda done: done.record.name,
        lambda name: workflows.get(request.tenant, name),
    )
    return _answered(standing, 201 if standing.before is None else 200)


def _definition(request: Request) -> NewDefinition:
    """The definition in the body, if the caller may put it.

    Raises:
        Refused: It has faults.
        Invalid: It is of another name than the path.
        Forbidden: The caller, or its tenant, was not granted what its targets do.
    """
    body, name = read_workflow(request.document()), _name(request)
    if body.name != name:
        raise Invalid("name", f"{body.name!r} is not the name in the path, {name[:40]!r}", "write the same in both")
    workflow = workflow_of(body)
    for step in workflow.steps:
        if step.target is not None:
            request.check_target(step.target, step.pool)
    return NewDefinition(workflow, document_of(body))


def _answered(standing: Standing, status: int = 200) -> Response[str]:
    record = standing.record
    return answered(workflow_answer(record, standing.version), status, {"ETag": f'"{record.generation}"'})


def _foretold(standing: Standing) -> Response[str]:
    """The answer to a dry run."""
    before = {} if standing.before is None else standing.before.document
    found = tuple(map(difference_answer, differences(before, standing.version.document)))
    return answered(workflow_answer(standing.record, standing.version).model_copy(update={"changes": found}))


@serves(LIST_WORKFLOWS)
def list_workflows(request: Request) -> Response[str]:
    """A page of workflows, by name."""
    kind = request.kind("workflows")
    page = request.services.workflows.listed(request.tenant, request.limit, request.position(kind))
    return answered_page(page, kind, workflow_summary, WorkflowList)


@serves(GET_WORKFLOW)
def get_workflow(request: Request) -> Response[str]:
    """Reads a workflow."""
    return _answered(request.services.workflows.get(request.tenant, _name(request)))


@serves(DELETE_WORKFLOW)
def delete_workflow(request: Request) -> Response[str]:
    """Deletes a workflow."""

    def delete() -> str:
        request.services.workflows.delete(request.tenant, _name(request), request.match, request.caller.name)
        return _name(request)

    once(request, delete, str, str)
    return Response(204, body="")  # a null body is no body to every gateway


@serves(LIST_VERSIONS)
def list_versions(request: Request) -> Response[str]:
    """A page of a workflow's versions, the newest first."""
    kind = request.kind(f"versions/{_name(request)}")
    place = _place(request.position(kind))
    page, record = request.services.workflows.versions(request.tenant, _name(request), request.limit, place)
    return answered_page(page, kind, lambda row: version_summary(row, record), VersionList)


def _place(text: str | None) -> str | None:
    """A place in a list of versions."""
    try:
        return None if text is None else keys.check_listed_version(text)
    except Unreadable as error:
        raise foreign_cursor() from error


@serves(GET_VERSION)
def get_version(request: Request) -> Response[str]:
    """Reads a version."""
    found, record = request.services.workflows.version(request.tenant, _name(request), unquote(request.path["version"]))
    return answered(version_answer(found, record))
