"""What a predecessor handed over is not sent again: marks in the heartbeat and on a shard that is given up."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.fleet import Fleet
from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tidewheel.adapters.memory import MemoryQueue
from tidewheel.domain.executions.execution import Execution
from tidewheel.domain.executions.misfire import Missed
from tidewheel.domain.fleet.lease import Lease, Mark
from tidewheel.domain.jobs.policies import Misfire, Policy
from tidewheel.domain.limits import HEARTBEAT_MS, MINUTE_MS
from tidewheel.engine.scheduler.dispatch.route_buffer import SLACK_MS
from tidewheel.engine.scheduler.peers import Peers

END_MS = START_MS + 3 * MINUTE_MS
TAKEN_OVER_MS = START_MS + 2 * MINUTE_MS + 45_000
"""Late in a minute: without a mark, three quarters of it would be sent again."""


class Counted(MemoryQueue):
    """Counts how often each dispatch was sent."""

    def __init__(self, *about: object) -> None:
        super().__init__(*about)  # type: ignore[arg-type]
        self.sent: Counter[tuple[int, str]] = Counter()

    def send(self, route, dispatches, delays_s=()):
        self.sent.update((dispatch.due_ms, dispatch.execution) for dispatch in dispatches)
        return super().send(route, dispatches, delays_s)

    @property
    def repeated(self) -> list[int]:
        """Due times of what schedulers sent more than once; the API sends what is due when a job is made."""
        return sorted(due for (due, _), times in self.sent.items() if times > 1 and due > START_MS)


@pytest.fixture
def stack() -> MemoryStack:
    stack = MemoryStack()
    stack.queue = Counted(stack.clock)
    for _ in range(6):
        stack.create(every(1_000), end=END_MS)
    return stack


def all_ran(stack: MemoryStack) -> bool:
    return len(stack.effects()) == len(set(stack.effects())) == 6 * 180


def test_a_shard_that_is_given_up_says_how_far_it_is_handed_over(stack: MemoryStack) -> None:
    stack.turn_for(TAKEN_OVER_MS - START_MS)
    stack.turn_for(2 * MINUTE_MS)
    assert all_ran(stack)
    assert not [due for due in stack.queue.repeated if due < TAKEN_OVER_MS - SLACK_MS - 1_000]


def test_a_dead_schedulers_heartbeat_says_how_far_it_was(stack: MemoryStack) -> None:
    fleet = Fleet(stack)
    first, _ = fleet.start(0), fleet.start(1)
    fleet.run_until(TAKEN_OVER_MS)
    fleet.kill(first)
    fleet.run_until(END_MS + MINUTE_MS)
    assert all_ran(stack)
    assert not [due for due in stack.queue.repeated if due < TAKEN_OVER_MS - SLACK_MS - 2 * HEARTBEAT_MS]


def test_nothing_is_said_of_a_shard_that_is_not_caught_up() -> None:
    stack = MemoryStack(shards=1)
    stack.create(every(1_000), misfire=Misfire(Policy.ALL, limit=1_000))
    stack.turn_for(MINUTE_MS)
    stack.clock.advance(10 * MINUTE_MS)
    fleet = Fleet(stack, instances=1)
    fleet.start(0)
    marks = set()
    for _ in range(12):
        fleet.run_until(stack.clock.now_ms() + 500)
        lease = stack.control.lease()
        assert lease is not None
        marks.add(lease.mark.of(0))
    behind = [mark for mark in marks if mark]
    ran = {call.nominal_ms for _, call in stack.caller.calls}
    assert all(set(range(START_MS, mark, 1_000)) <= ran for mark in behind)


def test_an_outage_within_a_minute_is_coalesced_into_the_first_run_that_it_missed() -> None:
    stack = MemoryStack(shards=1)
    job = stack.create(every(1_000), misfire=Misfire(Policy.COALESCE, grace_ms=1_000))
    stack.turn_for(MINUTE_MS + 20_000)  # ends in the middle of a minute
    stopped_ms = stack.clock.now_ms()
    stack.clock.advance(25_000)
    stack.turn_for(30_000)
    history = stack.executions.list(TENANT, job.id, 1_000, None).items
    (row,) = [item for item in history if isinstance(item, Missed)]
    ran = {item.nominal_ms for item in history if isinstance(item, Execution)}
    stands = row.from_ms - 1_000
    assert stands in ran
    assert stopped_ms - SLACK_MS - 2_000 < stands
    assert row.until_ms > stopped_ms + 20_000


def test_a_mark_speaks_of_its_shards_alone() -> None:
    mark = Mark(7_000, frozenset({1, 3}))
    assert [mark.of(shard) for shard in range(4)] == [0, 7_000, 0, 7_000]


def test_a_scheduler_that_holds_no_shard_yet_keeps_the_mark_of_the_one_before() -> None:
    before, own = Mark(7_000, frozenset({1})), Mark(9_000, frozenset({1, 3}))
    peers = Peers(Lease("new", 2, 1, "v", mark=before), 2)
    assert peers.say(Mark(8_000)) == before
    assert peers.say(own) == own
