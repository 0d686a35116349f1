"""Logs in memory."""

from __future__ import annotations

from collections.abc import Iterator


class MemoryLogs:
    """``ports.Logs`` in memory."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, str, int], dict[int, bytes]] = {}

    def append(self, tenant: str, execution: str, attempt: int, part: int, data: bytes) -> None:
        """See ``ports.Logs``."""
        self._parts.setdefault((tenant, execution, attempt), {})[part] = data

    def read(self, tenant: str, execution: str, attempt: int, first: int = 0) -> Iterator[tuple[int, bytes]]:
        """See ``ports.Logs``."""
        parts = self._parts.get((tenant, execution, attempt), {})
        yield from [(number, parts[number]) for number in sorted(parts) if number >= first]
