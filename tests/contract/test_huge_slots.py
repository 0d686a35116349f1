"""A slot of thousands of entries: read in pages, side by side, and planned while the rest is still being read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

import pytest

from tests.support.later import Later
from tests.support.memory_stack import START_MS, MemoryStack
from tests.support.world import Backend, memory, moto
from tests.support.world_examples import NOW_MS, a_job, minute, schedule_entry
from tidewheel.adapters.aws.dynamodb.wheel import single_item
from tidewheel.adapters.memory import MemoryJobs, RecordingTelemetry, SettableClock, World
from tidewheel.domain import keys
from tidewheel.domain.jobs.job import Job
from tidewheel.domain.limits import DAY_MS, JOBS_AT_ONCE, LOADED_AT_ONCE
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.wheel.entries import Entry, Placed
from tidewheel.domain.wheel.levels import Level, Slot
from tidewheel.domain.wheel.load import Load
from tidewheel.domain.wheel.span import EVERYTHING, SINGLES, Span
from tidewheel.engine.common.backoff import Backoff
from tidewheel.engine.common.shard_layout import LayoutCache
from tidewheel.engine.scheduler.background_io import BackgroundIO
from tidewheel.engine.scheduler.context import Shard, Stores
from tidewheel.engine.scheduler.shard.loading import Loader
from tidewheel.engine.scheduler.shard.records import Loaded
from tidewheel.engine.scheduler.shard.window import Window, WindowState

SLOT = minute()
SINGLE = [schedule_entry(a_job(n), NOW_MS + n * 11) for n in range(5_200)]
PACKED = [schedule_entry(a_job(10_000 + n), NOW_MS + n) for n in range(700)]


@pytest.fixture(params=["memory", "moto"])
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    with {"memory": memory, "moto": moto}[request.param]() as world:
        yield world


class Records(MemoryJobs):
    """A record for whichever job is asked for, and a note of how many are asked for at once."""

    def __init__(self) -> None:
        super().__init__(World())
        self.sizes: list[int] = []

    def batch(self, keys: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], Job]:
        wanted = list(keys)
        self.sizes.append(len(wanted))
        sample = a_job()
        return {key: Job(*key, sample.definition, sample.state, 1, NOW_MS, NOW_MS, NOW_MS) for key in wanted}


class Counted:
    """A wheel that notes what is read of it."""

    def __init__(self, wheel: Any) -> None:
        self.wheel, self.pages = wheel, []

    def load(self, slot: Slot, span: Span = EVERYTHING) -> Load:
        page = self.wheel.load(slot, span)
        self.pages.append(len(page.singles) + len(page.packs) + len(page.damaged))
        return page


class Reading:
    """A loader whose background calls run one at a time, and what it handed out."""

    def __init__(
        self, backend: Backend, slot: Slot = SLOT, span: Span = EVERYTHING, known: frozenset[str] = frozenset()
    ):
        self.wheel, self.jobs = Counted(backend.wheel), Records()
        stores = Stores(self.wheel, self.jobs, backend.executions, backend.leases, backend.ownership, backend.health)  # type: ignore[arg-type]
        clock, telemetry = SettableClock(NOW_MS), RecordingTelemetry()
        self.executor = Later()
        self.background = BackgroundIO(self.executor, clock, telemetry, Backoff(Random(0)))
        self.window = Window(slot, ends_ms=0)
        self.taken: list[Loaded] = []
        self.pages_then: list[int] = []
        self.ended: list[int] = []
        layouts = LayoutCache(backend.layouts, clock, 1)
        loader = Loader(Shard(0, 1, stores, self.background, telemetry, clock, layouts), self._take, lambda: True)
        loader.read(self.window, span, known, self.ended.append)

    def _take(self, window: Window, loaded: Loaded) -> None:
        assert window is self.window
        assert window.state is WindowState.LOADING
        self.taken.append(loaded)
        self.pages_then.append(len(self.wheel.pages))

    def step(self) -> None:
        self.executor.run(1)
        self.background.collect()

    def finish(self) -> None:
        while self.executor.waiting:
            assert self.window.state is WindowState.LOADING
            assert not self.ended
            self.step()

    @property
    def entries(self) -> list[Entry]:
        return [entry for loaded in self.taken for _, entry in loaded.load.entries]


def put(backend: Backend, entries: Sequence[Entry], slot: Slot = SLOT) -> None:
    """Singles; many at once, where the store does not care."""
    placed = [Placed(slot, entry) for entry in entries]
    if backend.cloud is None:
        for each in placed:
            backend.wheel.put(each)
        return
    puts = [{"PutRequest": {"Item": single_item(each)}} for each in placed]
    for start in range(0, len(puts), 25):
        table = {backend.cloud.tables.wheel: puts[start : start + 25]}
        backend.cloud.dynamodb.batch_write_item(RequestItems=table)


def fill(backend: Backend, slot: Slot = SLOT) -> None:
    put(backend, SINGLE, slot)
    for start in range(0, len(PACKED), 300):
        backend.wheel.put_pack(slot, keys.pack_sort(0, 1, start), PACKED[start : start + 300])


def test_a_huge_slot_is_planned_page_by_page_while_it_is_read(backend: Backend) -> None:
    fill(backend)
    reading = Reading(backend)
    reading.step()
    assert len(reading.executor.waiting) >= 4 + LOADED_AT_ONCE // JOBS_AT_ONCE  # windows, packs, and the first records
    reading.finish()
    assert reading.ended == [len(SINGLE) + len(PACKED)]
    assert reading.window.state is WindowState.SETTLED
    assert Counter(reading.entries) == Counter([*SINGLE, *PACKED])
    assert max(reading.wheel.pages) <= LOADED_AT_ONCE
    assert len(reading.wheel.pages) >= 6
    assert reading.pages_then[0] < len(reading.wheel.pages)
    assert [*reading.taken[0].load.singles.values()] == SINGLE[:LOADED_AT_ONCE]  # the earliest are planned first
    assert max(len(loaded.load) for loaded in reading.taken) <= LOADED_AT_ONCE
    assert max(reading.jobs.sizes) <= JOBS_AT_ONCE
    assert sum(reading.jobs.sizes) == len(SINGLE) + len(PACKED)
    assert all(len(loaded.jobs) == len(loaded.load) for loaded in reading.taken)


def test_the_second_read_is_paged_and_leaves_out_what_is_known(backend: Backend) -> None:
    fill(backend)
    keys = [Placed(SLOT, entry).key for entry in SINGLE]
    reading = Reading(backend, SLOT, SINGLES, frozenset(keys) - {keys[5], keys[4_444]})
    reading.finish()
    assert reading.ended == [2]
    assert set(reading.entries) == {SINGLE[5], SINGLE[4_444]}
    assert max(reading.wheel.pages) <= LOADED_AT_ONCE
    assert sum(reading.wheel.pages) == len(SINGLE)


def test_a_coarse_slot_is_paged_without_a_look_at_jobs(backend: Backend) -> None:
    day = Slot(Level.DAYS, NOW_MS - NOW_MS % DAY_MS, 0)
    fill(backend, day)
    reading = Reading(backend, day)
    reading.finish()
    assert Counter(reading.entries) == Counter([*SINGLE, *PACKED])
    assert not reading.jobs.sizes
    assert reading.pages_then[0] < len(reading.wheel.pages)


def test_a_slot_whose_entries_are_all_due_at_once(backend: Backend) -> None:
    entries = [schedule_entry(a_job(n), NOW_MS) for n in range(2_500)]
    put(backend, entries)
    reading = Reading(backend)
    reading.finish()
    assert Counter(reading.entries) == Counter(entries)
    assert reading.ended == [2_500]


@pytest.mark.parametrize("count", [0, 1, 100])
def test_a_normal_slot_is_one_background_call_with_one_request_for_each_table(backend: Backend, count: int) -> None:
    put(backend, SINGLE[: count // 2])
    if count:
        backend.wheel.put_pack(SLOT, keys.pack_sort(0, 1, 0), PACKED[: count - count // 2])
    reading = Reading(backend)
    reading.step()
    assert not reading.executor.waiting
    assert reading.window.state is WindowState.SETTLED
    assert reading.ended == [count]
    assert len(reading.entries) == count
    assert len(reading.wheel.pages) == 1
    assert len(reading.jobs.sizes) == bool(count)


def test_a_huge_slot_fires_everything_once_and_leaves_nothing() -> None:
    stack = MemoryStack(shards=1)
    for n in range(2_300):
        stack.create(At(START_MS + 120_000 + n * 20))
    stack.turn_for(240_000)
    assert sorted(stack.caller.nominal) == [START_MS + 120_000 + n * 20 for n in range(2_300)]
    assert not any(stack.world.singles.values())
    assert not stack.telemetry.errors
    late = [called - call.due_ms for called, call in stack.caller.calls]
    assert max(late) <= 1_000
