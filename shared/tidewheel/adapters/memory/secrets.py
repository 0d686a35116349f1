"""Secrets in memory."""

from __future__ import annotations

from collections.abc import Mapping

from tidewheel.domain.jobs.secret import NAME


class MemorySecrets:
    """``ports.Secrets`` in memory.

    Args:
        texts: The secrets by tenant and name.
    """

    def __init__(self, texts: Mapping[tuple[str, str], str] | None = None) -> None:
        self._texts = dict(texts or {})

    def get(self, tenant: str, name: str, *, newest: bool = False) -> str:
        """See ``ports.Secrets``."""
        del newest  # it always is
        if not NAME.fullmatch(name) or (tenant, name) not in self._texts:
            raise LookupError(f"there is no secret {self.full_name(tenant, name)!r}")
        return self._texts[tenant, name]

    def full_name(self, tenant: str, name: str) -> str:
        """See ``ports.Secrets``."""
        return f"memory/{tenant}/{name}"
