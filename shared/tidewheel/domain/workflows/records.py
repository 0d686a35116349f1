"""What is kept of workflows: the record of each name, and its versions, which never change. Instants are ms, UTC."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tidewheel.domain import keys


@dataclass(frozen=True, slots=True)
class VersionRow:
    """What a list shows of a version.

    Args:
        digest: The version.
        steps: How many steps it has.
        created_ms: When it was written first (ms since the epoch).
        created_by: The name of the principal who did.
    """

    digest: str
    steps: int
    created_ms: int
    created_by: str = ""

    @property
    def place(self) -> str:
        """Its place in the list of versions, which is a cursor."""
        return keys.listed_version_sort(self.created_ms, self.digest)


@dataclass(frozen=True, slots=True)
class WorkflowVersion:
    """A version of a workflow.

    Args:
        tenant: Whose it is.
        name: The workflow's name.
        row: What a list shows of it.
        document: Its canonical document, of which ``row.digest`` is the digest.
    """

    tenant: str
    name: str
    row: VersionRow
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WorkflowRecord:
    """The record of a workflow's name: which version is its latest.

    Args:
        tenant: Whose it is.
        name: The workflow's name.
        digest: The version that is its latest.
        generation: From 1; raised by every change of the latest version, and by the deletion, after which it stays.
        steps: How many steps the latest version has.
        description: What that version says of itself.
        created_ms: When the name was written first, or first since it was deleted (ms since the epoch).
        updated_ms: When this generation was written (ms since the epoch).
        created_by: The name of the principal who wrote the name first.
        updated_by: The name of the principal who wrote this generation.
        deleted: Whether the workflow was deleted.
    """

    tenant: str
    name: str
    digest: str
    generation: int
    steps: int
    description: str
    created_ms: int
    updated_ms: int
    created_by: str = ""
    updated_by: str = ""
    deleted: bool = False

    @classmethod
    def following(cls, before: WorkflowRecord | None, new: WorkflowVersion, now_ms: int, by: str) -> WorkflowRecord:
        """The record with another latest version, written now (ms since the epoch); ``before`` is None for none."""
        stands = before if before is not None and not before.deleted else None
        return cls(
            new.tenant,
            new.name,
            new.row.digest,
            generation=1 if before is None else before.generation + 1,
            steps=new.row.steps,
            description=str(new.document.get("description", "")),
            created_ms=now_ms if stands is None else stands.created_ms,
            updated_ms=now_ms,
            created_by=by if stands is None else stands.created_by,
            updated_by=by,
        )

    def ended(self, now_ms: int, by: str) -> WorkflowRecord:
        """The record once the workflow is deleted, now (ms since the epoch)."""
        return replace(self, generation=self.generation + 1, updated_ms=now_ms, updated_by=by, deleted=True)
