"""One tenant's flood costs the others' due entries their share of a route, not their turn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from random import Random
from typing import Any, cast

import pytest

from tests.support.later import Later
from tests.support.world_examples import NOW_MS, a_tenant, some_id
from tidewheel.adapters.memory import MemoryTenants, RecordingTelemetry, SettableClock, World
from tidewheel.domain.access.tenant import Tenant
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.states import State
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.jobs.precision import TICK_MS
from tidewheel.domain.limits import MINUTE_MS, SECOND_MS
from tidewheel.domain.wheel.expansion import Firing
from tidewheel.domain.wheel.pace import LOOP
from tidewheel.engine.common.backoff import Backoff
from tidewheel.engine.common.tenant_cache import TenantCache
from tidewheel.engine.scheduler.background_io import BackgroundIO
from tidewheel.engine.scheduler.dispatch.dispatcher import MOST_IN_FLIGHT, Dispatcher
from tidewheel.ports import SEND_BATCH, ExecutionKey, Executions

ROUTE = Route("lambda", "normal")
FLOOD, QUIET = "flood", "quiet"


class Taking:
    """A queue that takes everything, and keeps it in order; its workers claim at once."""

    def __init__(self) -> None:
        self.sent: list[Dispatch] = []

    def send(self, _route: Route, dispatches: Sequence[Dispatch], _delays: Sequence[int] = ()) -> Sequence[bool]:
        self.sent += dispatches
        return [True] * len(dispatches)

    def waiting(self, _route: Route) -> int:
        return 0

    def present(self, wanted: Iterable[ExecutionKey]) -> AbstractSet[ExecutionKey]:
        return {(one.tenant, one.execution) for one in self.sent} & set(wanted)

    def several(self, wanted: Iterable[ExecutionKey]) -> Mapping[ExecutionKey, Execution]:
        return {(tenant, id): Execution(tenant, id, State.RUNNING, 0, 1) for tenant, id in self.present(wanted)}


class Sending:
    """A dispatcher whose queue answers so many requests a tick."""

    def __init__(self, *tenants: Tenant) -> None:
        self.clock, self.executor, self.queue = SettableClock(NOW_MS), Later(), Taking()
        telemetry, backoff = RecordingTelemetry(), Backoff(Random(1))
        self.background = BackgroundIO(self.executor, self.clock, telemetry, backoff)
        queue, nothing = cast(Any, self.queue), cast(Any, None)
        stored = MemoryTenants(World())
        assert not any(map(stored.swap, tenants))
        known = TenantCache(stored, self.clock, telemetry)
        self.dispatcher = Dispatcher(
            queue, self.background, telemetry, backoff, cast(Executions, queue), nothing, LOOP, known
        )
        self._number = 0

    def add(self, tenant: str, count: int, due_ms: int) -> None:
        for _ in range(count):
            self._number += 1
            execution = str(ExecutionId(some_id(self._number), due_ms))
            firing = Firing(due_ms, ROUTE, Dispatch(tenant, execution, 1, 1, due_ms, recorded=False))
            self.dispatcher.add([firing], lambda: None, lambda: True, self.clock.now_ms())

    def ticks(self, count: int, answered: int) -> None:
        for _ in range(count):
            self.clock.advance(TICK_MS)
            self.executor.run(answered)
            self.background.collect()
            self.dispatcher.fire(self.clock.now_ms())

    def places(self, tenant: str) -> list[int]:
        """At which places what was sent of a tenant stood."""
        return [place for place, one in enumerate(self.queue.sent) if one.tenant == tenant]


def test_what_is_due_with_a_flood_waits_for_its_share_at_most() -> None:
    sending = Sending()
    sending.add(FLOOD, 5_000, NOW_MS + SECOND_MS)
    sending.add(QUIET, 50, NOW_MS + SECOND_MS)
    sending.ticks(40, answered=4)
    assert len(sending.places(QUIET)) == 50
    assert max(sending.places(QUIET)) < 2 * 50


def test_what_falls_due_during_a_flood_waits_for_what_is_in_flight() -> None:
    sending = Sending()
    sending.add(FLOOD, 5_000, NOW_MS + SECOND_MS)
    sending.add(QUIET, 50, NOW_MS + 2 * SECOND_MS)
    sending.ticks(20, answered=4)
    before = len(sending.queue.sent)
    assert not sending.places(QUIET)
    sending.ticks(40, answered=4)
    assert len(sending.places(QUIET)) == 50
    assert max(sending.places(QUIET)) < before + MOST_IN_FLIGHT * SEND_BATCH + 2 * 50


def test_a_tenant_of_weight_three_has_three_of_four_places_of_a_backlog_and_of_what_is_due() -> None:
    """But for what is sent before the weights are read: they are asked for when both have something due."""
    sending = Sending(a_tenant("heavy", weight=3), a_tenant("light"))
    for tenant in ("light", "heavy"):
        sending.add(tenant, 4_000, NOW_MS + SECOND_MS)
    sending.ticks(60, answered=4)
    unread = 2 * MOST_IN_FLIGHT * SEND_BATCH
    live = [one.tenant for one in sending.queue.sent[unread : unread + 400]]
    assert (live.count("heavy"), live.count("light")) == (300, 100)


@pytest.mark.parametrize("first", [FLOOD, QUIET])
def test_a_backlog_is_caught_up_with_in_turns(first: str) -> None:
    """The flood's is older: it was sent whole before the other's, when the oldest of all went first."""
    sending = Sending()
    for tenant in sorted([FLOOD, QUIET], key=lambda one: one != first):
        count, age_ms = (2_000, 4 * MINUTE_MS) if tenant == FLOOD else (40, MINUTE_MS)
        sending.add(tenant, count, NOW_MS - age_ms)
    sending.ticks(400, answered=64)
    places = sending.places(QUIET)
    assert len(places) == 40
    assert max(places) < 2 * 40
