"""What circuits and permits cost on AWS; a tenant without a limit pays nothing for permits."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.billed_worker import FAILED, OK, BilledWorker, billed_worker_at
from tests.support.calls import a_quota
from tests.support.world_examples import NOW_MS, TENANT
from tidewheel.adapters.memory import CountedEntropy, MemoryQueue, MemoryTenants, World
from tidewheel.domain import keys
from tidewheel.domain.fleet.circuit import Tolerance
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.policies import RetryPolicy
from tidewheel.domain.limits import MINUTE_MS, SECOND_MS
from tidewheel.domain.permits.permit import Permit
from tidewheel.engine.permits.grants import PermitGrants
from tidewheel.engine.permits.limiter import ConcurrencyLimiter
from tidewheel.engine.permits.running_limits import RunningLimits
from tidewheel.engine.worker.admission import AdmissionControl
from tidewheel.engine.worker.circuit_breaker import CircuitBreaker
from tidewheel.wire.targets import circuit_key

PLAIN = (2, 0, 0)
"""Claim and finish."""


@pytest.fixture
def billing(ministack_endpoint: str) -> Iterator[BilledWorker]:
    with billed_worker_at(ministack_endpoint, SECOND_MS) as made:
        made.job(retry=RetryPolicy(max_attempts=1))
        starts(made)
        yield made


def starts(billing: BilledWorker, limit: int | None = None) -> None:
    """Another worker process, whose circuits open at the second failure, and which may limit the tenant."""
    backend, clock, telemetry = billing.backend, billing.clock, billing.telemetry
    breaker = CircuitBreaker(backend.circuits, clock, telemetry, Tolerance(failures=2))
    quota = a_quota(clock, MemoryTenants(World()), backend.counters)
    entropy = CountedEntropy()
    billing.queue = MemoryQueue(clock)
    permits, lines = backend.permits, backend.permit_lines
    grants = PermitGrants(permits, lines, backend.executions, billing.queue, clock, entropy, telemetry)
    billing.limiter = ConcurrencyLimiter(grants, RunningLimits({} if limit is None else {TENANT: limit}, quota.of))
    billing.starts(AdmissionControl(quota, breaker, billing.limiter, circuit_key))


@pytest.mark.ministack
def test_a_target_that_works(billing: BilledWorker) -> None:
    """Half a read unit in five seconds, and never a write."""
    assert [billing.pays(number)[1] for number in range(7)] == [
        (2, 0, 0.5),
        PLAIN,
        PLAIN,
        PLAIN,
        PLAIN,
        (2, 0, 0.5),
        PLAIN,
    ]


@pytest.mark.ministack
def test_a_target_that_fails(billing: BilledWorker) -> None:
    """A write for each failure (and one for the list of dead letters), and for the success that resets them."""
    billing.answer = lambda: FAILED
    assert billing.pays(0) == ("dead", (4, 0, 0.5))
    billing.answer = lambda: OK
    assert billing.pays(1) == ("succeeded", (3, 0, 0))
    assert billing.pays(2) == ("succeeded", PLAIN)


@pytest.mark.ministack
def test_what_waits_for_a_circuit(billing: BilledWorker) -> None:
    """It costs its record, that record's place among what waits, and an entry, whose deletion costs a unit later; to
    wait once more costs an entry alone."""
    billing.answer = lambda: FAILED
    assert [billing.pays(number)[1] for number in range(2)] == [(4, 0, 0.5), (4, 0, 0)]
    assert billing.pays(2) == ("waiting", (2, 1, 0))
    assert billing.pays(2, recorded=True) == ("waiting", (0, 1, 1))
    billing.clock.advance(10 * MINUTE_MS)
    billing.answer = lambda: OK
    assert billing.pays(2, recorded=True) == ("succeeded", (5, 0, 1.5))  # probe sent, and closed
    assert billing.pays(3) == ("succeeded", PLAIN)


@pytest.mark.ministack
def test_a_run_of_a_limited_tenant(billing: BilledWorker) -> None:
    """Its permit, which is taken, and free by the run's record; before and after it a look whether anybody waits.

    To take its first, a process reads all of the tenant's in one query, and once whether any beyond the limit is held.
    """
    starts(billing, limit=50)
    assert billing.pays(0) == ("succeeded", (3, 0, 4.5))  # half a unit for the circuit
    assert [billing.pays(number) for number in range(1, 4)] == [("succeeded", (3, 0, 2))] * 3


@pytest.mark.ministack
@pytest.mark.parametrize(("limit", "looked"), [(5, 6), (50, 60)])
def test_a_run_that_waits_for_a_permit(billing: BilledWorker, limit: int, looked: float) -> None:
    """The first in line announces the line and looks twice at what is held. Those behind it pay for their entry alone.

    Whoever returns a permit pays for that of the next, and for the removal of its entry: three writes in all.
    """
    ids = [str(ExecutionId(billing.made.id, NOW_MS - number)) for number in range(1, limit + 1)]
    held = [
        Permit(TENANT, number, keys.claim_name(id, f"h{number}"), NOW_MS + MINUTE_MS, 1)
        for number, id in enumerate(ids)
    ]
    for row in held:
        assert billing.backend.permits.take(row, NOW_MS)
    starts(billing, limit=limit)
    why, (writes, entries, reads) = billing.pays(0)
    assert (why, writes, entries) == ("waiting", 2, 0)
    assert reads <= 0.5 + looked
    assert billing.pays(1) == ("waiting", (1, 0, 2))
    before = billing.bill.written("executions")
    billing.limiter.give_back(held[0], void=False)
    assert billing.bill.written("executions") - before == 2
    (woken,) = billing.queue.take(billing.made.route)
    why, (writes, entries, _) = billing.handles(woken.dispatch)
    assert (why, writes, entries) == ("succeeded", 4, 0)  # claim and finish, and the next one's permit and removal
