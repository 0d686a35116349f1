"""The versions of workflows that a process has read: one never changes, and is kept."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.workflows.definition import Workflow
from tidewheel.domain.workflows.runs.version import Version

_KEPT = 64


@dataclass(frozen=True, slots=True)
class VersionCache:
    """Reads versions, each once.

    Args:
        by_digest: Reads a definition by tenant, name and digest; None if there is none.
        newest: Reads the digest of the newest version of a tenant's workflow by its name; None if there is none.
    """

    by_digest: Callable[[str, str, str], Workflow | None]
    newest: Callable[[str, str], str | None]
    _kept: OrderedDict[tuple[str, str, str], Version] = field(default_factory=OrderedDict)

    def get(self, tenant: str, name: str, digest: str) -> Version | None:
        """A version of a tenant's workflow; None if there is none.

        Raises:
            PortError: The store failed.
        """
        key = tenant, name, digest
        found = self._kept.get(key)
        if found is None:
            workflow = self.by_digest(*key)
            if workflow is None:
                return None
            found = self._kept[key] = Version.of(digest, workflow)
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found

    def of_run(self, run: Execution) -> Version | None:
        """The version of a run; None if it is no run, or its version is gone.

        Raises:
            PortError: The store failed.
        """
        return None if run.run is None else self.get(run.tenant, run.run.workflow, run.run.digest)

    def named(self, tenant: str, name: str, digest: str = "") -> Version | None:
        """A version of the tenant's workflow of a name: the newest, or that of the digest; None if there is none.

        Raises:
            PortError: The store failed.
        """
        version = digest or self.newest(tenant, name)
        return self.get(tenant, name, version) if version else None
