"""What a process knows of tenants, while their table answers and while it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tests.support.world_examples import a_tenant
from tidewheel.adapters.memory import MemoryTenants, RecordingTelemetry, SettableClock, World
from tidewheel.domain.access.tenant import Tenant
from tidewheel.domain.limits import SECOND_MS
from tidewheel.domain.quotas.limit import Limit
from tidewheel.engine.common.quota import Quota
from tidewheel.engine.common.tenant_cache import KEPT_MS, OUTAGE_MS, TenantCache
from tidewheel.engine.common.token_leaser import TokenLeaser
from tidewheel.ports import PortError, Throttled

ACME = a_tenant("acme")


class Away(MemoryTenants):
    """Tenants whose table may be away; it counts what it is asked."""

    is_away = False
    asked = 0

    def get(self, id: str) -> Tenant | None:
        self.asked += 1
        if self.is_away:
            raise Throttled("tenants.get", id, "slow down")
        return super().get(id)


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(START_MS)


@pytest.fixture
def tenants() -> Away:
    found = Away(World())
    assert found.swap(ACME) is None
    return found


def test_an_answer_is_kept_for_some_seconds(tenants: Away, clock: SettableClock) -> None:
    cache = TenantCache(tenants, clock)
    assert [cache.get("acme"), cache.get("nobody"), cache.get("nobody")] == [ACME, None, None]
    assert tenants.asked == 2
    clock.advance(KEPT_MS)
    assert cache.get("acme") == ACME
    assert tenants.asked == 3


def test_the_last_answer_holds_while_the_table_is_away_and_that_is_told(tenants: Away, clock: SettableClock) -> None:
    telemetry = RecordingTelemetry()
    cache = TenantCache(tenants, clock, telemetry)
    assert cache.get("acme") == ACME
    tenants.is_away = True
    clock.advance(OUTAGE_MS - 1)
    assert cache.get("acme") == ACME
    assert telemetry.counts["tenant_read_failed"] == 1
    clock.advance(1)
    with pytest.raises(PortError):
        cache.get("acme")


def test_during_an_outage_it_is_not_asked_for_more_often_than_else(tenants: Away, clock: SettableClock) -> None:
    cache = TenantCache(tenants, clock, RecordingTelemetry())
    cache.get("acme")
    tenants.is_away = True
    for _ in range(20 * KEPT_MS // SECOND_MS):
        cache.get("acme")
        clock.advance(SECOND_MS)
    assert tenants.asked == 20


def test_what_is_changed_holds_once_the_table_is_back(tenants: Away, clock: SettableClock) -> None:
    cache = TenantCache(tenants, clock, RecordingTelemetry())
    cache.get("acme")
    tenants.is_away = True
    clock.advance(KEPT_MS)
    cache.get("acme")
    tenants.is_away = False
    changed = replace(ACME, plan="free", version=2)
    assert tenants.swap(changed) is None
    clock.advance(KEPT_MS)
    assert cache.get("acme") == changed


def test_who_was_never_read_is_not_guessed(tenants: Away, clock: SettableClock) -> None:
    tenants.is_away = True
    with pytest.raises(PortError):
        TenantCache(tenants, clock, RecordingTelemetry()).get("acme")


def test_who_decides_whom_to_let_in_uses_no_older_answer(tenants: Away, clock: SettableClock) -> None:
    cache = TenantCache(tenants, clock)
    cache.get("acme")
    tenants.is_away = True
    clock.advance(KEPT_MS)
    with pytest.raises(PortError):
        cache.get("acme")


def test_runs_go_on_within_their_limits_while_the_table_of_tenants_is_away() -> None:
    stack = MemoryStack()
    tenants = Away(stack.world)
    assert tenants.swap(a_tenant(TENANT, plan="default", limits={Limit.EXECUTIONS_PER_DAY: 6})) is None
    worker = stack.admission
    leaser = TokenLeaser(stack.api_ports.counters, stack.clock)
    quota = Quota(TenantCache(tenants, stack.clock, stack.telemetry), {}, leaser)
    stack.admission = type(worker)(quota, worker.breaker, worker.limiter, worker.circuit_key)
    stack.create(every(10_000))
    stack.turn_for(25_000)
    before = len(stack.effects())
    tenants.is_away = True
    stack.turn_for(100_000)
    assert 0 < before < len(stack.effects()) == 6
    assert stack.telemetry.counts["tenant_read_failed"]
