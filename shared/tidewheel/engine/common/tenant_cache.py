"""What a process knows of tenants: each is read anew after some seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tidewheel.domain.access.tenant import Tenant
from tidewheel.domain.limits import MINUTE_MS, SECOND_MS
from tidewheel.ports import Clock, PortError, Telemetry, Tenants

KEPT_MS = 5 * SECOND_MS
"""How old an answer may be: what is changed about a tenant is in force everywhere after this time."""
OUTAGE_MS = 5 * MINUTE_MS
"""How old an answer may be while the table of tenants cannot be read, for a process that may use it then. A throttled
table or a right that is being mended lasts for minutes, and all tenants would wait for it, those without limits too. So
a limit that is changed just before an outage may hold five minutes late, and no later. Nothing else is lost: what is
used of a limit is counted in another table."""
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class _Known:
    """An answer. Times are ms on the monotonic clock.

    Args:
        tenant: The tenant, or None if there is none.
        read_ms: When it was read.
        until_ms: Until when nobody asks again.
    """

    tenant: Tenant | None
    read_ms: int
    until_ms: int


class TenantCache:
    """The tenants of a deployment, as of at most ``KEPT_MS`` ago. Safe to share between threads.

    Args:
        tenants: Where they are.
        clock: Time.
        telemetry: Told if one cannot be read; its last answer is then used for up to ``OUTAGE_MS``. None: no answer is
            used that is older than ``KEPT_MS``, as befits whoever decides who is let in.
    """

    def __init__(self, tenants: Tenants, clock: Clock, telemetry: Telemetry | None = None) -> None:
        self._tenants, self._clock, self._telemetry = tenants, clock, telemetry
        self._kept: dict[str, _Known] = {}

    def get(self, id: str) -> Tenant | None:
        """One tenant, or None.

        Raises:
            PortError: It could not be read, and was not read lately.
        """
        now_ms = self._clock.monotonic_ms()
        known = self._kept.get(id)
        if known is not None and now_ms < known.until_ms:
            return known.tenant
        try:
            found = _Known(self._tenants.get(id), now_ms, now_ms + KEPT_MS)
        except PortError as error:
            found = self._during_outage(id, known, now_ms, error)
        if len(self._kept) >= _MOST:
            self._kept = {}  # a new one: another thread may be looking through the old one
        self._kept[id] = found
        return found.tenant

    def _during_outage(self, id: str, known: _Known | None, now_ms: int, error: PortError) -> _Known:
        """The last answer, if it may still be used; nobody asks again for ``KEPT_MS``, so that work goes on."""
        if self._telemetry is None or known is None or now_ms >= known.read_ms + OUTAGE_MS:
            raise error
        self._telemetry.count("tenant_read_failed")
        self._telemetry.info(
            "a tenant could not be read; what was known of it holds",
            tenant=id,
            age_ms=now_ms - known.read_ms,
            problem=str(error),
        )
        return replace(known, until_ms=min(now_ms + KEPT_MS, known.read_ms + OUTAGE_MS))

    def forget(self, id: str) -> None:
        """Has a tenant read anew, since this process has changed it."""
        self._kept.pop(id, None)
