"""Workflows and their versions in memory."""

from __future__ import annotations

from tidewheel.adapters.memory.world import World
from tidewheel.domain import keys
from tidewheel.domain.workflows.records import VersionRow, WorkflowRecord, WorkflowVersion
from tidewheel.ports import Fenced, Page


class MemoryWorkflows:
    """``ports.WorkflowStore`` in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def get(self, tenant: str, name: str) -> WorkflowRecord | None:
        """See ``ports.WorkflowStore``."""
        return self._world.workflows.get((tenant, name))

    def list(self, tenant: str, limit: int, after: str | None) -> Page[WorkflowRecord]:
        """See ``ports.WorkflowStore``."""
        with self._world.lock:
            mine = [one for (owner, _), one in self._world.workflows.items() if owner == tenant and not one.deleted]
        left = sorted((one for one in mine if one.name > (after or "")), key=lambda one: one.name)
        return Page(left[:limit], left[limit - 1].name if len(left) > limit else None)

    def swap(self, new: WorkflowRecord) -> WorkflowRecord | None:
        """See ``ports.WorkflowStore``."""
        with self._world.lock:
            standing = self._world.workflows.get((new.tenant, new.name))
            if standing == new:
                return None
            if standing is None and new.generation > 1:
                raise Fenced("workflows.swap", new.name, "the record to be replaced is gone")
            if standing is not None and standing.generation != new.generation - 1:
                return standing
            self._world.workflows[new.tenant, new.name] = new
        return None

    def keep(self, version: WorkflowVersion) -> WorkflowVersion:
        """See ``ports.WorkflowStore``."""
        return self._world.workflow_versions.setdefault((version.tenant, version.name, version.row.digest), version)

    def version(self, tenant: str, name: str, digest: str) -> WorkflowVersion | None:
        """See ``ports.WorkflowStore``."""
        return self._world.workflow_versions.get((tenant, name, digest))

    def versions(self, tenant: str, name: str, limit: int, before: str | None) -> Page[VersionRow]:
        """See ``ports.WorkflowStore``."""
        with self._world.lock:
            mine = [one.row for key, one in self._world.workflow_versions.items() if key[:2] == (tenant, name)]
        rows = {row.place: row for row in mine}
        left = sorted((sort for sort in rows if sort < (before or keys.VERSIONS_END)), reverse=True)
        return Page([rows[sort] for sort in left[:limit]], left[limit - 1] if len(left) > limit else None)
