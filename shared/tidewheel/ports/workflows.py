"""Workflows: the record of each name, and its versions."""

from __future__ import annotations

from typing import Protocol

from tidewheel.domain.workflows.records import VersionRow, WorkflowRecord, WorkflowVersion
from tidewheel.ports.records import Page


class WorkflowStore(Protocol):
    """The workflows of all tenants. What a version says never changes; only which one is the latest does."""

    def get(self, tenant: str, name: str) -> WorkflowRecord | None:
        """The record of a name, strongly consistent, also that of a deleted workflow; None if there never was one."""

    def list(self, tenant: str, limit: int, after: str | None) -> Page[WorkflowRecord]:
        """A tenant's workflows with names above ``after``, by name, strongly consistent, without deleted ones."""

    def swap(self, new: WorkflowRecord) -> WorkflowRecord | None:
        """Writes ``new`` if the stored generation is one below its own (0: if none is stored), in list and record.

        Repeating a write that was applied, though it was reported as failed, succeeds.

        Returns:
            None if it was written, else the record that is stored.

        Raises:
            Fenced: No record is stored although one was expected.
        """

    def keep(self, version: WorkflowVersion) -> WorkflowVersion:
        """Stores a version, unless one of its digest is there; returns the one that is there then."""

    def version(self, tenant: str, name: str, digest: str) -> WorkflowVersion | None:
        """A version, strongly consistent; None if there is none. Versions of a deleted workflow stay."""

    def versions(self, tenant: str, name: str, limit: int, before: str | None) -> Page[VersionRow]:
        """A workflow's versions, the newest first, strongly consistent.

        Args:
            tenant: Whose.
            name: The workflow's name.
            limit: How many at most.
            before: The last page's cursor, or None to begin.
        """
