"""What a call needs in tests: its progress, and its worker's lease renewer and admission."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network

from tidewheel.adapters.clock import SystemClock
from tidewheel.adapters.memory import (
    CountedEntropy,
    InlineExecutor,
    MemoryCircuits,
    MemoryCounters,
    MemoryExecutions,
    MemoryLogs,
    MemoryPermitLines,
    MemoryPermits,
    MemoryQueue,
    MemorySecrets,
    MemoryTenants,
    SettableClock,
    World,
)
from tidewheel.adapters.targets.surroundings import Surroundings
from tidewheel.domain.fleet.circuit import Tolerance
from tidewheel.domain.jobs.job import Target
from tidewheel.domain.quotas.plans import Plans
from tidewheel.engine.common.quota import Quota
from tidewheel.engine.common.tenant_cache import TenantCache
from tidewheel.engine.common.token_leaser import TokenLeaser
from tidewheel.engine.permits.grants import PermitGrants
from tidewheel.engine.permits.limiter import ConcurrencyLimiter
from tidewheel.engine.permits.running_limits import RunningLimits
from tidewheel.engine.worker.admission import AdmissionControl
from tidewheel.engine.worker.call_progress import OpenCallProgress
from tidewheel.engine.worker.circuit_breaker import CircuitBreaker
from tidewheel.engine.worker.lease_renewer import LeaseRenewer
from tidewheel.ports import Call, Circuits, Clock, Counters, Executions, Telemetry, Tenants
from tidewheel.wire.targets import circuit_key

TENANT = "acme"
TOLERANCE = Tolerance()
NOW_MS = 1_795_000_000_000


def surroundings(secrets: Mapping[str, str] | None = None, *allowed: str) -> Surroundings:
    """What a target is made with: the secrets of ``TENANT`` by name, and the networks that it may call."""
    kept = MemorySecrets({(TENANT, name): text for name, text in (secrets or {}).items()})
    return Surroundings(kept, tuple(ip_network(one) for one in allowed), SettableClock(NOW_MS))


def a_call(
    target: Target,
    execution: str,
    nominal_ms: int,
    attempt: int,
    timeout_ms: int,
    progress: OpenCallProgress | None = None,
    *,
    repeatable: bool = False,
) -> Call:
    """A call that is due 40 ms after its nominal time, of an attempt that nobody stops unless the test does."""
    line = progress or OpenCallProgress(SystemClock())
    return Call(target, TENANT, execution, nominal_ms, nominal_ms + 40, attempt, timeout_ms, line, repeatable)


def a_lease_renewer(executions: Executions, clock: Clock, telemetry: Telemetry) -> LeaseRenewer:
    """The lease renewer of a worker whose calls end at once."""
    return LeaseRenewer(executions, MemoryQueue(clock), MemoryLogs(), clock, telemetry, InlineExecutor())


def a_quota(clock: Clock, tenants: Tenants, counters: Counters, plans: Plans | None = None) -> Quota:
    """What counts in a process that starts now."""
    return Quota(TenantCache(tenants, clock), plans or {}, TokenLeaser(counters, clock))


def an_admission(
    clock: Clock,
    telemetry: Telemetry,
    circuits: Circuits | None = None,
    tolerance: Tolerance = TOLERANCE,
    quota: Quota | None = None,
) -> AdmissionControl:
    """The admission of a worker where nobody has a limit, but for those of the quota."""
    world = World()
    quota = quota or a_quota(clock, MemoryTenants(world), MemoryCounters(world))
    executions, queue = MemoryExecutions(world), MemoryQueue(clock)
    permits, lines = MemoryPermits(world), MemoryPermitLines(world)
    grants = PermitGrants(permits, lines, executions, queue, clock, CountedEntropy(), telemetry, lambda _: None)
    breaker = CircuitBreaker(circuits or MemoryCircuits(world), clock, telemetry, tolerance)
    return AdmissionControl(quota, breaker, ConcurrencyLimiter(grants, RunningLimits({}, quota.of)), circuit_key)
