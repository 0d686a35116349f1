"""What a process knows of tenants: each is read anew after some seconds."""

from __future__ import annotations

from tidewheel.domain.access.tenant import Tenant
from tidewheel.domain.limits import SECOND_MS
from tidewheel.ports import Clock, Tenants

KEPT_MS = 5 * SECOND_MS
"""How old an answer may be: what is changed about a tenant is in force everywhere after this time."""
_MOST = 1_000


class TenantCache:
    """The tenants of a deployment, as of at most ``KEPT_MS`` ago. Safe to share between threads."""

    def __init__(self, tenants: Tenants, clock: Clock) -> None:
        self._tenants, self._clock = tenants, clock
        self._kept: dict[str, tuple[int, Tenant | None]] = {}

    def get(self, id: str) -> Tenant | None:
        """One tenant, or None.

        Raises:
            PortError: It could not be read, and was not read lately.
        """
        now_ms = self._clock.monotonic_ms()
        kept = self._kept.get(id)
        if kept is not None and now_ms < kept[0] + KEPT_MS:
            return kept[1]
        found = self._tenants.get(id)
        if len(self._kept) >= _MOST:
            self._kept = {}  # a new one: another thread may be looking through the old one
        self._kept[id] = (now_ms, found)
        return found

    def forget(self, id: str) -> None:
        """Has a tenant read anew, since this process has changed it."""
        self._kept.pop(id, None)
