"""What the API answers about workflows."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_serializer

from tidewheel.domain.workflows.definition import DIGEST
from tidewheel.domain.workflows.differences import Difference, DifferenceKind
from tidewheel.domain.workflows.records import VersionRow, WorkflowRecord, WorkflowVersion
from tidewheel.wire.model import Model
from tidewheel.wire.values import Instant, from_ms
from tidewheel.wire.workflows.body import WorkflowBody, document_of
from tidewheel.wire.workflows.convert import stored_body

Version = Annotated[
    str,
    Field(
        description="The digest of its definition: the same content is the same version.",
        json_schema_extra={"pattern": f"^{DIGEST}$"},
    ),
]


class WorkflowSummary(Model):
    """A workflow in a list."""

    name: str
    version: Version
    generation: Annotated[int, Field(description="Raised by every change of the latest version; the ETag holds it.")]
    description: str
    steps: Annotated[int, Field(description="How many.")]
    created_at: Instant
    updated_at: Instant = Field(description="When another version became the latest.")
    created_by: str | None
    updated_by: str | None


class DifferenceAnswer(Model):
    """A field that differs from the version that stands."""

    path: str = Field(description="Its path; of a step that is new or gone, the step's.")
    change: Annotated[DifferenceKind, Field(strict=False)]
    before: Any = None
    after: Any = None


class WorkflowAnswer(WorkflowSummary):
    """A workflow with its latest version."""

    definition: Annotated[
        WorkflowBody, Field(description="In its canonical form: what has its default is left out, needs are in order.")
    ]
    changes: tuple[DifferenceAnswer, ...] | None = Field(
        None,
        description="In the answer to a dry run: how it differs from what stands; empty if it does not. Else null.",
    )

    @field_serializer("definition")
    def _said(self, definition: WorkflowBody) -> Any:
        return document_of(definition)


class WorkflowList(Model):
    """A page of workflows, by name; the cursor is null on the last."""

    items: tuple[WorkflowSummary, ...]
    cursor: str | None


class VersionSummary(Model):
    """A version of a workflow in a list."""

    version: Version
    steps: Annotated[int, Field(description="How many.")]
    created_at: Instant = Field(description="When it was put first.")
    created_by: str | None
    latest: bool = Field(description="Whether it is what the name stands for.")


class VersionAnswer(VersionSummary):
    """A version of a workflow. It never changes."""

    name: str
    definition: Annotated[WorkflowBody, Field(description="In its canonical form.")]

    @field_serializer("definition")
    def _said(self, definition: WorkflowBody) -> Any:
        return document_of(definition)


class VersionList(Model):
    """A page of a workflow's versions, the newest first; the cursor is null on the last."""

    items: tuple[VersionSummary, ...]
    cursor: str | None


def workflow_summary(record: WorkflowRecord) -> WorkflowSummary:
    """A workflow in a list."""
    return WorkflowSummary.model_validate(_summary(record))


def _summary(record: WorkflowRecord) -> dict[str, Any]:
    return {
        "name": record.name,
        "version": record.digest,
        "generation": record.generation,
        "description": record.description,
        "steps": record.steps,
        "created_at": from_ms(record.created_ms),
        "updated_at": from_ms(record.updated_ms),
        "created_by": record.created_by or None,
        "updated_by": record.updated_by or None,
    }


def workflow_answer(record: WorkflowRecord, version: WorkflowVersion) -> WorkflowAnswer:
    """A workflow with its latest version.

    Raises:
        Unreadable: That version is not one that this release knows.
    """
    body = stored_body(version.document, version.name, version.row.digest)
    return WorkflowAnswer.model_validate({**_summary(record), "definition": body})


def difference_answer(found: Difference) -> DifferenceAnswer:
    """A field that differs."""
    return DifferenceAnswer(path=found.path, change=found.kind, before=found.before, after=found.after)


def version_summary(row: VersionRow, record: WorkflowRecord) -> VersionSummary:
    """A version in a list, given its workflow's record."""
    return VersionSummary.model_validate(_version(row, record))


def _version(row: VersionRow, record: WorkflowRecord) -> dict[str, Any]:
    return {
        "version": row.digest,
        "steps": row.steps,
        "created_at": from_ms(row.created_ms),
        "created_by": row.created_by or None,
        "latest": row.digest == record.digest,
    }


def version_answer(version: WorkflowVersion, record: WorkflowRecord) -> VersionAnswer:
    """A version with its definition.

    Raises:
        Unreadable: It is not one that this release knows.
    """
    body = stored_body(version.document, version.name, version.row.digest)
    return VersionAnswer.model_validate({**_version(version.row, record), "name": version.name, "definition": body})
