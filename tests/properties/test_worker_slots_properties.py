"""Who gets a worker's slots: nobody starves, and nothing stands idle that waiting work may take."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidewheel.domain.fleet.route import PRIORITIES
from tidewheel.domain.fleet.worker_slots import Turn, WorkerSlots

CRITICAL, HIGH, NORMAL, LOW = PRIORITIES
counts = st.integers(1, 20)
amounts = st.fixed_dictionaries(dict.fromkeys(PRIORITIES, st.integers(0, 25)))


class Worker:
    """Queues of which it is known at once what waits, and runs that end in the order they began."""

    def __init__(self, count: int, waiting: Mapping[str, int] | None = None) -> None:
        self.slots = WorkerSlots(count)
        self.waiting = Counter(waiting or {})
        self.running: deque[str] = deque()
        self.started: list[str] = []

    @property
    def held(self) -> dict[str, int]:
        return {priority: self.running.count(priority) for priority in PRIORITIES}

    def fill(self) -> None:
        while turn := self.slots.turn(self.held, [each for each in PRIORITIES if not self.waiting[each]]):
            taken = min(turn.most, self.waiting[turn.priority])
            assert taken >= 1
            self.waiting[turn.priority] -= taken
            self.running.extend([turn.priority] * taken)
            self.started += [turn.priority] * taken

    def end(self, index: int = 0) -> str:
        priority = self.running[index]
        del self.running[index]
        return priority


def may_run(worker: Worker, priority: str) -> bool:
    """The statement of the module, counted out: a free slot, and for all but critical one that is not reserved."""
    held = worker.held
    others = sum(held.values()) - held[CRITICAL]
    free = worker.slots.count - sum(held.values())
    return free > 0 and (priority == CRITICAL or others < worker.slots.count - worker.slots.reserved)


@given(counts, amounts, st.lists(st.tuples(st.integers(0, 100), amounts), max_size=12))
def test_no_slot_idles_while_work_that_may_take_it_waits(count, waiting, moves) -> None:
    worker = Worker(count, waiting)
    for ends, arrives in [*moves, (0, {})]:
        worker.fill()
        assert sum(worker.held.values()) <= count
        assert sum(worker.held[each] for each in (HIGH, NORMAL, LOW)) <= count - worker.slots.reserved
        assert not [each for each in PRIORITIES if worker.waiting[each] and may_run(worker, each)]
        if worker.running:
            worker.end(ends % len(worker.running))
        worker.waiting.update(arrives)


@given(counts, amounts, st.integers(0, 100))
def test_critical_gets_the_first_slot_that_becomes_free(count, others, index) -> None:
    worker = Worker(count, others)
    worker.fill()
    before = worker.held[CRITICAL]
    worker.waiting[CRITICAL] += 1
    worker.fill()
    if worker.held[CRITICAL] > before:
        return  # a reserved one was free
    if worker.running:
        worker.end(index % len(worker.running))
    low_is_next = count > 1 and worker.waiting[LOW] and not worker.held[LOW]
    fills = worker.held[CRITICAL] >= count - 1
    began = len(worker.started)
    worker.fill()
    assert worker.started[began : began + 1] == ([LOW] if low_is_next and fills else [CRITICAL])


@given(st.integers(2, 20), st.lists(st.integers(0, 100), min_size=1, max_size=200))
def test_low_goes_on_under_endless_load_of_all_others(count, ends) -> None:
    """Low gets a slot before each other run was replaced twice, and then keeps one."""
    endless = dict.fromkeys(PRIORITIES, 10_000)
    worker = Worker(count, {**endless, LOW: 0})
    worker.fill()
    worker.waiting[LOW] = 10_000
    for _ in range(2 * count):
        worker.fill()
        worker.end()
    worker.fill()
    assert worker.held[LOW] == 1
    for index in ends:
        worker.end(index % count)
        worker.fill()
        assert worker.held[LOW] >= 1


@given(counts, amounts)
def test_high_before_normal_before_low_but_for_the_one_slot_of_low(count, waiting) -> None:
    worker = Worker(count, {**waiting, CRITICAL: 0})
    worker.fill()
    first = [LOW] if count > 1 and waiting[LOW] else []
    ranked = [priority for priority in (HIGH, NORMAL, LOW) for _ in range(waiting[priority])]
    if first:
        ranked.remove(LOW)
    assert worker.started == (first + ranked)[: count - worker.slots.reserved]


def test_with_one_slot_the_higher_goes_first_always() -> None:
    worker = Worker(1, dict.fromkeys(PRIORITIES, 1))
    for expected in PRIORITIES:
        worker.fill()
        assert worker.end() == expected


@pytest.mark.parametrize(("count", "reserved"), [(1, 0), (3, 0), (4, 1), (8, 1), (15, 1), (16, 2), (64, 8)])
def test_a_share_is_reserved_where_there_are_enough(count: int, reserved: int) -> None:
    slots, held = WorkerSlots(count), dict.fromkeys(PRIORITIES, 0)
    assert slots.reserved == reserved
    assert slots.turn(held, [CRITICAL, LOW]) == Turn(HIGH, count - reserved)
    assert slots.turn({**held, NORMAL: count - reserved}, []) == (Turn(CRITICAL, reserved) if reserved else None)
