"""A late slot that is larger than a page: how much of it is read in a second, and what is found how soon."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

import pytest

from tests.support.memory_stack import START_MS, MemoryStack
from tests.support.world_examples import a_job, execution
from tidewheel.adapters.memory import InlineExecutor
from tidewheel.domain.jobs.precision import TICK_MS
from tidewheel.domain.limits import LATE_BEHIND_MS, LATE_PAGES, MINUTE_MS, SECOND_MS
from tidewheel.domain.wheel.entries import ExecutionEntry, Placed
from tidewheel.domain.wheel.levels import late
from tidewheel.domain.wheel.load import Load
from tidewheel.domain.wheel.span import EVERYTHING, Span
from tidewheel.engine.common.backoff import Backoff
from tidewheel.engine.scheduler.background_io import BackgroundIO
from tidewheel.engine.scheduler.context import Shard, Stores
from tidewheel.engine.scheduler.shard.late_slot import LateSlot
from tidewheel.engine.scheduler.shard.records import Loaded
from tidewheel.engine.scheduler.shard.window import Window

PAGE = 10
JOB = a_job()


class Bench:
    """One late slot, whose entries are in hand until a test says otherwise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("tidewheel.adapters.memory.wheel.LOADED_AT_ONCE", PAGE)
        self.stack = stack = MemoryStack(shards=1)
        stack.layouts.now()
        self.reads = 0
        self.found: list[str] = []
        self.windows: list[Window] = []
        stores = Stores(self, stack.jobs, stack.executions, stack.control, stack.control, stack.control)  # type: ignore[arg-type]
        self.background = BackgroundIO(InlineExecutor(), stack.clock, stack.telemetry, Backoff(Random(1)))
        shard = Shard(0, 1, stores, self.background, stack.telemetry, stack.clock, stack.layouts)
        self.late = LateSlot(shard, START_MS, self.take_in)

    def load(self, slot, span: Span = EVERYTHING) -> Load:
        self.reads += 1
        return self.stack.wheel.load(slot, span)

    def remove(self, slot, sorts) -> None:
        self.stack.wheel.remove(slot, sorts)

    def take_in(self, windows: Mapping[Window, Loaded]) -> None:
        for window, loaded in windows.items():
            self.windows.append(window)
            window.singles |= loaded.load.removable
            self.found += loaded.load.singles
            window.read(len(loaded.load))

    def put(self, due_ms: int) -> str:
        run = execution(JOB, due_ms)
        placed = Placed(late(0), ExecutionEntry.of(run, JOB, 1, due_ms))
        self.stack.wheel.put(placed)
        return placed.key

    def backlog(self, count: int) -> list[str]:
        return [self.put(START_MS - MINUTE_MS + n) for n in range(count)]

    def turn_for(self, duration_ms: int) -> int:
        """Ticks for so long; returns how many reads that took."""
        before = self.reads
        for _ in range(duration_ms // TICK_MS):
            self.background.collect()
            self.late.read(self.stack.clock.now_ms())
            self.stack.clock.advance(TICK_MS)
        self.background.collect()
        return self.reads - before

    def settle(self) -> None:
        self.late.remove_settled(self.stack.clock.now_ms())


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def test_a_small_slot_is_read_once_a_second(bench: Bench) -> None:
    bench.backlog(PAGE - 1)
    assert bench.turn_for(10 * SECOND_MS) == 10
    assert len(bench.found) == PAGE - 1


def test_a_large_one_is_found_wholly_and_each_entry_once(bench: Bench) -> None:
    keys = bench.backlog(40 * PAGE)
    bench.turn_for(20 * SECOND_MS)
    assert sorted(bench.found) == sorted(keys)


def test_a_backlog_that_is_in_hand_is_not_read_again_and_again(bench: Bench) -> None:
    bench.backlog(200 * PAGE)
    bench.turn_for(60 * SECOND_MS)
    assert len(bench.found) == 200 * PAGE
    assert bench.turn_for(10 * SECOND_MS) <= 10 * (1 + LATE_PAGES)


def test_what_becomes_due_beside_a_backlog_is_found_within_seconds(bench: Bench) -> None:
    bench.backlog(200 * PAGE)
    bench.turn_for(60 * SECOND_MS)
    key = bench.put(bench.stack.clock.now_ms())
    bench.turn_for(2 * SECOND_MS)
    assert key in bench.found


def test_what_is_overdue_beside_a_backlog_is_found_in_the_same_round(bench: Bench) -> None:
    bench.backlog(20 * PAGE)
    bench.turn_for(30 * SECOND_MS)
    key = bench.put(bench.stack.clock.now_ms() - 10 * LATE_BEHIND_MS)
    bench.turn_for(22 * SECOND_MS)
    assert key in bench.found


def test_what_is_due_about_now_is_found_though_it_fills_many_pages(bench: Bench) -> None:
    bench.backlog(5 * PAGE)
    bench.turn_for(10 * SECOND_MS)
    now = bench.stack.clock.now_ms()
    keys = [bench.put(now + n * 500) for n in range(10)]
    bench.turn_for(2 * SECOND_MS)
    assert set(keys) <= set(bench.found)


def test_it_is_idle_only_when_all_of_it_was_read_and_settled(bench: Bench) -> None:
    bench.backlog(4 * PAGE)
    bench.turn_for(TICK_MS)
    assert bench.late.seen
    bench.settle()
    assert not bench.late.idle
    bench.turn_for(5 * SECOND_MS)
    bench.settle()
    bench.turn_for(3 * SECOND_MS)
    assert bench.late.idle
    assert not bench.stack.world.singles[late(0)]
