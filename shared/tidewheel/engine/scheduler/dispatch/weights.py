"""The weights of tenants that have turns beside others: read beside the loop, and only while it matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidewheel.domain.limits import SECOND_MS
from tidewheel.engine.common.tenant_cache import TenantCache
from tidewheel.engine.scheduler.background_io import BackgroundIO
from tidewheel.ports import PortError, Telemetry

FRESH_MS = 30 * SECOND_MS
"""How long a weight is used before it is read anew: a scheduler with a hundred tenants side by side then
makes 9 million reads a month, for a dollar."""
_MOST = 100
"""How many tenants one look reads, one after the other; the others follow with the next tick."""


class TenantWeights:
    """A tenant of which nothing was read yet has a weight of 1, as one that is gone.

    Args:
        tenants: What this process knows of tenants; None: all are equal.
        background: Runs the looks.
        telemetry: Told of tenants that cannot be read.
    """

    def __init__(self, tenants: TenantCache | None, background: BackgroundIO, telemetry: Telemetry) -> None:
        self._tenants = tenants
        self._background = background
        self._telemetry = telemetry
        self._known: dict[str, int] = {}
        self._read_ms: dict[str, int] = {}
        self._wanted: dict[str, None] = {}
        self._looking = False

    def of(self, tenant: str) -> int:
        """A tenant's weight, as far as it is known; it is read, or read anew, with the next look."""
        self._wanted[tenant] = None
        return self._known.get(tenant, 1)

    def look(self, now_ms: int) -> None:
        """Has those read that were asked for and are not known, or not lately, by now (ms since the epoch)."""
        if self._tenants is None or self._looking or not self._wanted:
            return
        due = [tenant for tenant in self._wanted if now_ms >= self._read_ms.get(tenant, -FRESH_MS) + FRESH_MS][:_MOST]
        if not due:
            self._wanted.clear()
            return
        self._looking = True
        tenants = self._tenants

        def done(found: Mapping[str, int]) -> None:
            self._looking = False
            self._known |= found
            self._read_ms |= dict.fromkeys(due, now_ms)
            for tenant in due:
                self._wanted.pop(tenant, None)

        self._background.start(lambda: self._read(tenants, due), done)

    def _read(self, tenants: TenantCache, ids: Sequence[str]) -> Mapping[str, int]:
        """The weights of those that could be read; the others keep what they had."""
        found: dict[str, int] = {}
        for id in ids:
            try:
                tenant = tenants.get(id)
            except PortError as error:
                self._telemetry.info("a weight is unknown", tenant=id, problem=str(error))
            else:
                found[id] = 1 if tenant is None else tenant.weight
        return found
