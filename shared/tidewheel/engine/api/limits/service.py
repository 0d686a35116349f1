"""Admits requests and jobs within their tenant's limits, and tells what is used of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tidewheel.domain.access.tenant import DEFAULT_PLAN
from tidewheel.domain.jobs.job import Job, Target
from tidewheel.domain.quotas.definitions import refused_by, too_large
from tidewheel.domain.quotas.exceeded import Exceeded, LimitExceeded
from tidewheel.domain.quotas.limit import COUNTED, Limit, shown, window_at
from tidewheel.domain.quotas.tokens import Allowance
from tidewheel.engine.api.limits.active_jobs import ActiveJobs, Store
from tidewheel.engine.common.quota import Quota
from tidewheel.engine.permits.view import LineView
from tidewheel.ports import Clock, Counters, Telemetry

_REMEDIES = {
    Limit.REQUESTS_PER_SECOND: "send fewer requests, and wait for as long as Retry-After says",
    Limit.PAYLOAD_BYTES: "send less, or a reference to where the payload is",
    Limit.SHORTEST_INTERVAL_SECONDS: "let it fire less often",
    Limit.ACTIVE_JOBS: "pause or delete one, or ask whoever runs this deployment for a higher limit",
}
_RAISE = "ask whoever runs this deployment for a higher limit"


@dataclass(frozen=True, slots=True)
class Use:
    """What a tenant has of a limit.

    Args:
        limit: Which limit.
        allowed: How much it may use; None for any amount.
        used: How much of it is used; None if nobody counts it.
        reset_ms: When it is whole again (ms since the epoch); None if it does not count over time.
    """

    limit: Limit
    allowed: float | None = None
    used: float | None = None
    reset_ms: int | None = None


@dataclass(frozen=True, slots=True)
class LimitService:
    """The limits of tenants, as the API meets them.

    Args:
        quota: The limits, and the tokens of this process.
        counters: What all processes have leased.
        clock: Reads the time.
        telemetry: Counts what is refused.
        line: Knows how many executions run of a tenant for which that is limited.
        active: Counts active jobs.
    """

    quota: Quota
    counters: Counters
    clock: Clock
    telemetry: Telemetry
    line: LineView
    active: ActiveJobs

    def admit(self, tenant: str) -> None:
        """Counts a request.

        Raises:
            LimitExceeded: The tenant has sent as many as it may.
            PortError: A store failed.
        """
        found = self.quota.charge(tenant, [Limit.REQUESTS_PER_SECOND])
        if isinstance(found, Exceeded):
            raise self.refusal(found)

    def accepted(self, job: Job, now_ms: int) -> Job:
        """A new generation of a job, if its tenant may have such a job.

        Raises:
            LimitExceeded: It may not.
            PortError: A store failed.
        """
        if found := refused_by(job, self.quota.of(job.tenant), now_ms):
            raise self.refusal(found)
        return job

    def stored(self, tenant: str, before: Job | None, after: Job | None, store: Store) -> bool:
        """Stores a job, if its tenant may have one more that is active: see ``ActiveJobs.stored``.

        Raises:
            LimitExceeded: It may not.
            PortError: A store failed.
        """
        found = self.active.stored(tenant, before, after, store)
        if isinstance(found, Exceeded):
            raise self.refusal(found)
        return found

    def check_active(self, before: Job | None, after: Job) -> None:
        """Raises ``LimitExceeded`` as ``stored`` would; no job is stored."""
        if found := self.active.refused(after.tenant, before, after):
            raise self.refusal(found)

    def accepted_payloads(self, tenant: str, targets: Iterable[Target]) -> None:
        """Refuses targets that are larger than a tenant's may be.

        Raises:
            LimitExceeded: One of them is.
            PortError: A store failed.
        """
        limits = self.quota.of(tenant)
        for target in targets:
            if found := too_large(target, limits):
                raise self.refusal(found)

    def refusal(self, exceeded: Exceeded) -> LimitExceeded:
        """The error for a limit that is reached, which is counted."""
        self.telemetry.count("request_limited", limit=exceeded.limit)
        wait_ms = None if exceeded.reset_ms is None else max(0, exceeded.reset_ms - self.clock.now_ms())
        return LimitExceeded(exceeded, _REMEDIES.get(exceeded.limit, _RAISE), wait_ms)

    def rate(self, tenant: str) -> Allowance | None:
        """What this process knows of the window of the tenant's requests; None if it has no such limit."""
        held = self.quota.held(tenant, [Limit.REQUESTS_PER_SECOND])
        return held[0] if held else None

    def plan(self, tenant: str) -> str:
        """The name of a tenant's plan."""
        record = self.quota.tenants.get(tenant)
        return DEFAULT_PLAN if record is None else record.plan

    def usage(self, tenant: str) -> Sequence[Use]:
        """What a tenant has of each limit. What is counted is what was leased: it may be a little more than was used.

        Raises:
            PortError: A store failed.
        """
        limits, now_ms = self.quota.of(tenant), self.clock.now_ms()
        windows = {limit: window_at(limit, now_ms) for limit in COUNTED if limit in limits}
        used = self.counters.used(tenant, list(windows.values()))
        uses: list[Use] = []
        for limit in Limit:
            window, allowed = windows.get(limit), limits.get(limit)
            if window is None:
                held = self._held(tenant, limit) if allowed is not None else None
                uses.append(Use(limit, allowed, held))
            else:
                uses.append(Use(limit, allowed, shown(limit, used[window]), window.until_ms))
        return uses

    def _held(self, tenant: str, limit: Limit) -> int | None:
        """What is used now of a limit that does not count over time; None if nobody counts it."""
        match limit:
            case Limit.RUNNING_AT_ONCE:
                return self.line.running(tenant)
            case Limit.ACTIVE_JOBS:
                return self.active.used(tenant)
        return None
