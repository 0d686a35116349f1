"""Calls on definitions of workflows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from tidewheel.client.flow import Flow, Stream, all_items
from tidewheel.client.sending import call
from tidewheel.wire.endpoints.workflows import (
    DELETE_WORKFLOW,
    GET_VERSION,
    GET_WORKFLOW,
    LIST_VERSIONS,
    LIST_WORKFLOWS,
    PUT_WORKFLOW,
)
from tidewheel.wire.parameters import IDEMPOTENCY_KEY, IF_MATCH
from tidewheel.wire.workflows.answers import (
    VersionAnswer,
    VersionList,
    VersionSummary,
    WorkflowAnswer,
    WorkflowList,
    WorkflowSummary,
)
from tidewheel.wire.workflows.body import WorkflowBody, document_of


class Built(Protocol):
    """What ``tidewheel.workflows`` builds."""

    def document(self) -> Mapping[str, Any]:
        """The definition."""


Definition = WorkflowBody | Built | Mapping[str, Any]
"""A workflow as a model, as its JSON, or as it was built."""


def _json(workflow: Definition) -> Mapping[str, Any]:
    if isinstance(workflow, WorkflowBody):
        return document_of(workflow)
    return workflow if isinstance(workflow, Mapping) else workflow.document()


def _match(generation: int | None) -> str | None:
    return None if generation is None else f'"{generation}"'


def put_workflow(
    workflow: Definition, *, match: int | None = None, key: str | None = None, dry_run: bool = False
) -> Flow[WorkflowAnswer]:
    """Makes a definition the latest version of the workflow that it names; the same again changes nothing.

    Args:
        workflow: The definition.
        match: The generation that must still be the newest.
        key: The idempotency key.
        dry_run: Nothing is written: the answer says what would be, with its ``changes``.
    """
    document = _json(workflow)
    values = {
        "name": str(document.get("name", "")),
        IF_MATCH: _match(match),
        IDEMPOTENCY_KEY: key,
        "dry_run": "true" if dry_run else None,
    }
    return call(PUT_WORKFLOW, values, document)


def workflows_page(*, limit: int | None = None, cursor: str | None = None) -> Flow[WorkflowList]:
    """One page of the workflows, by name."""
    return call(LIST_WORKFLOWS, {"limit": limit, "cursor": cursor})


def workflows(*, page: int | None = None) -> Stream[WorkflowSummary]:
    """All workflows, by name, fetched page by page."""
    return all_items(lambda cursor: workflows_page(limit=page, cursor=cursor))


def workflow(name: str) -> Flow[WorkflowAnswer]:
    """One workflow with its latest version."""
    return call(GET_WORKFLOW, {"name": name})


def delete_workflow(name: str, *, match: int | None = None) -> Flow[None]:
    """Deletes a workflow; its versions are kept."""
    return call(DELETE_WORKFLOW, {"name": name, IF_MATCH: _match(match)})


def workflow_versions_page(name: str, *, limit: int | None = None, cursor: str | None = None) -> Flow[VersionList]:
    """One page of a workflow's versions, the newest first."""
    return call(LIST_VERSIONS, {"name": name, "limit": limit, "cursor": cursor})


def workflow_versions(name: str, *, page: int | None = None) -> Stream[VersionSummary]:
    """All versions of a workflow, the newest first, fetched page by page."""
    return all_items(lambda cursor: workflow_versions_page(name, limit=page, cursor=cursor))


def workflow_version(name: str, version: str) -> Flow[VersionAnswer]:
    """One version of a workflow, by its digest."""
    return call(GET_VERSION, {"name": name, "version": version})
