"""How long messages wait is told by their records, also where the queue says that none waits."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from random import Random
from typing import Any, cast

import pytest

from tests.support.later import Later
from tests.support.world_examples import NOW_MS, TENANT, some_id
from tidewheel.adapters.memory import RecordingTelemetry, SettableClock
from tidewheel.domain.executions.dispatch import Dispatch
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.transitions import claimed
from tidewheel.domain.fleet.health import Health, HealthState, Signals, judge
from tidewheel.domain.fleet.route import Route
from tidewheel.domain.ids import ExecutionId
from tidewheel.domain.limits import SECOND_MS
from tidewheel.engine.common.backoff import Backoff
from tidewheel.engine.scheduler.background_io import BackgroundIO
from tidewheel.engine.scheduler.health.queue_ages import EVERY_MS, LEAST_SENT, SPARE, QueueAges
from tidewheel.ports import ExecutionKey

ROUTE = Route("lambda", "high")
A_SECOND = 5
"""So many messages are sent."""


class Looking:
    """The queue ages of one scheduler that sends all the time; the test says when a worker receives what."""

    def __init__(self) -> None:
        self.clock, self.executor, telemetry = SettableClock(NOW_MS), Later(), RecordingTelemetry()
        self.background = BackgroundIO(self.executor, self.clock, telemetry, Backoff(Random(1)))
        self.ages = QueueAges(cast(Any, self), cast(Any, self), self.background, telemetry)
        self.visible = 0
        self.counts = 0
        self.asked: list[int] = []
        self.seen: list[int] = []
        self._records: dict[ExecutionKey, tuple[int, Execution]] = {}  # with when each can be read
        self._numbers = itertools.count()

    # --- queue and records

    def waiting(self, _route: Route) -> int:
        self.counts += 1
        return self.visible

    def present(self, wanted: Iterable[ExecutionKey]) -> AbstractSet[ExecutionKey]:
        return self.several(wanted).keys()

    def several(self, wanted: Iterable[ExecutionKey]) -> Mapping[ExecutionKey, Execution]:
        keys, now_ms = set(wanted), self.clock.now_ms()
        self.asked.append(len(keys))
        return {key: record for key, (from_ms, record) in self._records.items() if key in keys and from_ms <= now_ms}

    # --- what happens

    def go_on(self, seconds: int, waits_ms: int | None = 0, *, sends: bool = True) -> None:
        """Goes on for so long; what is sent meanwhile waits so long for a worker (None: none ever claims it)."""
        for tick in range(seconds * A_SECOND):
            now_ms = self.clock.now_ms()
            if sends:
                self.send(now_ms, waits_ms)
            if tick % A_SECOND == 0:
                self.ages.look(now_ms)
                self.executor.run(10)
                self.background.collect()
                self.seen.append(self.ages.oldest[0])
            self.clock.advance(SECOND_MS // A_SECOND)

    def send(self, now_ms: int, waits_ms: int | None) -> None:
        id = str(ExecutionId(some_id(next(self._numbers)), now_ms))
        dispatch = Dispatch(TENANT, id, 1, 1, now_ms, recorded=False)
        self.ages.sent(ROUTE, [dispatch], now_ms)
        if waits_ms is not None:
            received_ms = now_ms + waits_ms
            record = claimed(dispatch.blank(), 1, "c", received_ms, sent_ms=now_ms, received_ms=received_ms)
            self._records[TENANT, id] = received_ms, record


@pytest.fixture
def looking() -> Looking:
    return Looking()


def test_what_is_claimed_at_once_has_no_age_and_costs_ten_reads_for_twenty_messages_at_most(looking: Looking) -> None:
    looking.go_on(60)
    assert set(looking.seen) == {0}
    assert looking.counts <= 60 * A_SECOND // LEAST_SENT
    assert looking.counts <= 60 * SECOND_MS // EVERY_MS
    assert max(looking.asked) <= 10
    assert len(looking.asked) <= looking.counts


def test_a_batch_that_waits_where_the_queue_says_that_nothing_does_makes_it_busy(looking: Looking) -> None:
    """As one that AWS Lambda has taken before there is a process for it; what is sent later overtakes it."""
    looking.go_on(20)
    looking.go_on(3, waits_ms=15 * SECOND_MS)
    looking.go_on(20)
    assert 10 * SECOND_MS <= max(looking.seen) <= 15 * SECOND_MS
    assert _state(max(looking.seen)) is HealthState.BUSY


def test_such_an_age_goes_once_it_is_over_though_nothing_more_is_sent(looking: Looking) -> None:
    looking.go_on(20, waits_ms=8 * SECOND_MS)
    looking.go_on(40, sends=False)
    assert max(looking.seen) == 8 * SECOND_MS
    assert looking.seen[-1] == 0
    before = looking.counts
    looking.go_on(60, sends=False)
    assert looking.counts == before


@pytest.mark.parametrize("visible", range(SPARE + 1))
def test_what_gets_no_record_is_no_sign_while_the_queue_says_that_nothing_waits(looking: Looking, visible: int) -> None:
    """An edit drops messages without a record, and what stands in line for a permit has none yet."""
    looking.visible = visible
    looking.go_on(60, waits_ms=None)
    assert set(looking.seen) == {0}
    assert max(looking.asked) <= 10


def test_a_single_message_that_waited_is_no_sign(looking: Looking) -> None:
    looking.go_on(20)
    looking.clock.advance(SECOND_MS)
    looking.send(looking.clock.now_ms(), 12 * SECOND_MS)
    looking.clock.advance(SECOND_MS)
    looking.go_on(40)
    assert set(looking.seen) == {0}


def test_what_others_overtake_makes_it_busy_at_most(looking: Looking) -> None:
    """A worker died with a batch: it comes back when its visibility ends, while all else is well."""
    for _ in range(5):
        looking.go_on(3, waits_ms=60 * SECOND_MS)
        looking.go_on(3, waits_ms=23 * SECOND_MS)
        looking.go_on(30)
        assert _state(max(looking.seen)) in {HealthState.NORMAL, HealthState.BUSY}
    assert max(looking.seen) <= 25 * SECOND_MS


def test_where_messages_wait_the_oldest_without_a_record_tells_how_long(looking: Looking) -> None:
    looking.visible = 100
    looking.go_on(45, waits_ms=None)
    assert max(looking.seen) >= 40 * SECOND_MS
    assert _state(max(looking.seen)) is HealthState.OVERLOADED


def _state(queue_age_ms: int) -> HealthState:
    return judge(Health(), Signals(queue_age_ms=queue_age_ms, route=str(ROUTE)), NOW_MS).state
