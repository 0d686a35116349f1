"""Calls that stores refuse: what can be set aside is, what cannot ends the loop, and nothing goes on for ever."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from tests.support.memory_stack import START_MS, TENANT, MemoryStack, every
from tests.support.world_examples import NOW_MS
from tidewheel.adapters.memory import InlineExecutor, RecordingTelemetry, SettableClock
from tidewheel.domain.executions.misfire import Reason
from tidewheel.domain.jobs.policies import Misfire, Policy
from tidewheel.domain.limits import MENDABLE_MS, MINUTE_MS
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.wheel.entries import ScheduleEntry
from tidewheel.domain.wheel.levels import Level
from tidewheel.engine.common.backoff import Backoff
from tidewheel.engine.scheduler.background_io import BackgroundIO
from tidewheel.ports import PortError, Refused


def refusal(*, mendable: bool = False) -> Refused:
    return Refused("store.call", "it", "ValidationException", mendable=mendable)


class Bench:
    """Background I/O on a clock that is moved by hand."""

    def __init__(self) -> None:
        self.clock, self.telemetry = SettableClock(NOW_MS), RecordingTelemetry()
        self.background = BackgroundIO(InlineExecutor(), self.clock, self.telemetry, Backoff(Random(1)))
        self.done: list[object] = []
        self.refused: list[Refused] = []

    def for_ms(self, duration_ms: int) -> None:
        until = self.clock.now_ms() + duration_ms
        while self.clock.now_ms() < until:
            self.background.collect()
            self.clock.advance(1_000)


def raising(*errors: PortError) -> Callable[[], str]:
    """A call that fails so often, the last way for ever, unless that is None."""
    left = list(errors)

    def work() -> str:
        raise left.pop(0) if len(left) > 1 else left[0]

    return work


def test_who_knows_what_else_to_do_hears_at_once_what_is_refused_for_its_content() -> None:
    bench = Bench()
    bench.background.start(raising(refusal()), bench.done.append, bench.refused.append)
    bench.for_ms(2_000)
    assert len(bench.refused) == 1
    assert not bench.background.busy
    assert bench.telemetry.counts["background_io_refused[operation=store.call]"] == 1


@pytest.mark.parametrize("mendable", [True, False])
def test_what_is_refused_for_too_long_ends_the_loop(mendable: bool) -> None:
    bench = Bench()
    bench.background.start(raising(refusal(mendable=mendable)), bench.done.append)
    bench.for_ms(MENDABLE_MS - 10_000)
    with pytest.raises(Refused):
        bench.for_ms(30_000)
    assert [message for message, _ in bench.telemetry.errors] == ["background I/O was refused for good"]


def test_a_missing_right_is_waited_for_by_those_who_know_what_else_to_do_too() -> None:
    """They know what to do with content that is refused; a missing right says nothing of the content."""
    bench, given = Bench(), [False]

    def work() -> str:
        if not given[0]:
            raise refusal(mendable=True)
        return "written"

    bench.background.start(work, bench.done.append, bench.refused.append)
    bench.for_ms(MENDABLE_MS - 30_000)
    given[0] = True
    bench.for_ms(30_000)
    assert (bench.done, bench.refused) == (["written"], [])


def test_an_outage_in_between_begins_the_time_anew_and_never_ends_the_loop() -> None:
    bench = Bench()
    bench.background.start(raising(refusal(mendable=True), PortError("store.call", "it", "down")), bench.done.append)
    bench.for_ms(4 * MENDABLE_MS)
    assert bench.background.busy == 1


# --- siblings: what a shard reads and writes -------------------------------------------------------------------


def cursor_lag(stack: MemoryStack) -> int:
    holding = stack.control.holding(0)
    assert holding is not None
    return stack.clock.now_ms() - holding.cursors[Level.MINUTES]


def refuse(stack: MemoryStack, store: Any, name: str, is_bad: Callable[..., bool]) -> None:
    """Lets a store refuse, for what they say, the calls that are bad."""
    real = getattr(store, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        if is_bad(*args, **kwargs):
            raise Refused(name, "-", "ValidationException", mendable=False)
        return real(*args, **kwargs)

    setattr(store, name, call)


def test_an_entry_that_no_pack_takes_is_set_aside_and_its_neighbours_are_armed() -> None:
    stack = MemoryStack(shards=1)
    jobs = [stack.create(every(60_000, START_MS + 30_000)) for _ in range(5)]
    bad = jobs[2].id

    def has_bad(_slot: object, _key: str, entries: Any) -> bool:
        return any(isinstance(entry, ScheduleEntry) and entry.job == bad for entry in entries)

    refuse(stack, stack.wheel, "put_pack", has_bad)
    stack.turn_for(4 * MINUTE_MS)
    runs = [sum(job.id in id for id in stack.effects()) for job in jobs]
    assert min(runs[:2] + runs[3:]) >= 3
    assert runs[2] < 3
    assert cursor_lag(stack) < 2 * MINUTE_MS
    (row,) = stack.world.missed.values()
    assert (row.job, row.reason) == (bad, Reason.QUARANTINED)
    (item,) = stack.world.quarantine.values()
    assert (item.what, bad in item.text) == ("wheel entry", True)


def test_a_job_whose_key_is_refused_stops_none_of_its_batch() -> None:
    stack = MemoryStack(shards=1)
    good, bad = stack.create(At(START_MS + 90_000)), stack.create(At(START_MS + 90_000))
    refuse(stack, stack.jobs, "batch", lambda wanted: (TENANT, bad.id) in wanted)
    refuse(stack, stack.jobs, "get", lambda _tenant, job, **_: job == bad.id)
    stack.turn_for(4 * MINUTE_MS)
    assert [good.id in id for id in stack.effects()] == [True]
    assert cursor_lag(stack) < 2 * MINUTE_MS
    assert [item.what for item in stack.world.quarantine.values()] == ["job"]
    assert [row.reason for row in stack.world.missed.values()] == [Reason.QUARANTINED]


def test_a_ledger_row_that_is_refused_is_set_aside() -> None:
    stack = MemoryStack(shards=1)
    stack.create(every(1_000), misfire=Misfire(Policy.SKIP, 1_000, 1), end=START_MS + 30_000)
    stack.clock.advance(MINUTE_MS)
    refuse(stack, stack.executions, "account", lambda _row: True)
    stack.turn_for(3 * MINUTE_MS)
    assert {item.what for item in stack.world.quarantine.values()} == {"ledger row"}
    assert cursor_lag(stack) < 2 * MINUTE_MS


def test_when_even_quarantine_refuses_the_log_has_it_and_nobody_stops() -> None:
    stack = MemoryStack(shards=1)
    stack.create(At(START_MS + 90_000))
    (slot,) = [slot for slot, singles in stack.world.singles.items() if singles]
    stack.world.singles[slot]["e#0000000000001#default#bad#o1"] = "nonsense"
    refuse(stack, stack.wheel, "quarantine", lambda _item: True)
    stack.turn_for(4 * MINUTE_MS)
    assert len(stack.effects()) == 1
    assert cursor_lag(stack) < 2 * MINUTE_MS
    (error,) = [fields for message, fields in stack.telemetry.errors if "not even set aside" in message]
    assert error["text"] == "nonsense"
    assert stack.telemetry.counts["entry_given_up"] == 1
    assert "quarantined" not in stack.telemetry.counts


def test_singles_that_cannot_be_deleted_are_passed_over() -> None:
    stack = MemoryStack(shards=1)
    stack.create(At(START_MS + 90_000))
    stack.create(At(START_MS - 60_000))
    refuse(stack, stack.wheel, "remove", lambda _slot, _keys: True)
    stack.turn_for(10 * MINUTE_MS)
    assert len(stack.effects()) == len({*stack.effects()})
    assert cursor_lag(stack) < 2 * MINUTE_MS
