"""Lines of those who wait for permits, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from tidewheel.adapters.memory.world import World
from tidewheel.domain.permits.line import Announced, LineEntry


class MemoryPermitLines:
    """``ports.PermitLines`` in memory."""

    def __init__(self, world: World) -> None:
        self._world = world

    def head(self, tenant: str, limit: int) -> Sequence[LineEntry]:
        """See ``ports.PermitLines``."""
        with self._world.lock:
            line = self._world.lines[tenant]
            return [line[key] for key in sorted(line)[:limit]]

    def join(self, entry: LineEntry) -> None:
        """See ``ports.PermitLines``."""
        with self._world.lock:
            self._world.lines[entry.tenant][entry.key] = entry

    def leave(self, entry: LineEntry) -> None:
        """See ``ports.PermitLines``."""
        with self._world.lock:
            line = self._world.lines[entry.tenant]
            if (standing := line.get(entry.key)) is not None and standing.mark == entry.mark:
                del line[entry.key]

    def announce(self, announced: Announced) -> None:
        """See ``ports.PermitLines``."""
        with self._world.lock:
            self._world.announced[announced.tenant] = announced

    def announced(self) -> Sequence[Announced]:
        """See ``ports.PermitLines``."""
        with self._world.lock:
            return [self._world.announced[tenant] for tenant in sorted(self._world.announced)]

    def forget(self, announced: Announced) -> None:
        """See ``ports.PermitLines``."""
        with self._world.lock:
            standing = self._world.announced.get(announced.tenant)
            if standing is not None and standing.mark == announced.mark:
                del self._world.announced[announced.tenant]
