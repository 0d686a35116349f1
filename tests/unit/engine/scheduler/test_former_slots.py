"""The slots of seconds were a tenth as wide: what writers of that release put there is found after an upgrade."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.support.memory_stack import START_MS, MemoryStack
from tidewheel.domain.limits import MINUTE_MS, SECOND_MS
from tidewheel.domain.recurrence.timings.at import At
from tidewheel.domain.wheel.entries import Placed, decode
from tidewheel.domain.wheel.levels import FORMER_SECONDS, SECONDS, Level, Slot
from tidewheel.domain.wheel.pace import CHANGEOVER_MS, LOOP
from tidewheel.domain.wheel.span import Span

FORMER = "loop"
DUE_MS = START_MS + 3 * MINUTE_MS + 47_000


def upgraded() -> MemoryStack:
    """A stack whose last scheduler was of the former release, a moment ago."""
    stack = MemoryStack(shards=1)
    stack.control.pace_since(FORMER, START_MS)
    return stack


def put_as_before(stack: MemoryStack, due_ms: int) -> None:
    """A one-time job whose entry lies where the former release would have put it."""
    stack.create(At(due_ms))
    (slot,) = (slot for slot, singles in stack.world.singles.items() if singles)
    ((key, text),) = stack.world.singles[slot].items()
    stack.wheel.remove(slot, [key])
    stack.wheel.put(Placed(Slot(Level.SECONDS, FORMER_SECONDS.start_of(due_ms), 0), decode(text)))


def seconds_read(stack: MemoryStack, duration_ms: int) -> Sequence[int]:
    """The starts (ms since the epoch) of the slots of seconds that are read within a time."""
    starts, load = [], stack.wheel.load

    def noted(slot: Slot, span: Span):
        if slot.level is Level.SECONDS:
            starts.append(slot.start_ms)
        return load(slot, span)

    stack.wheel.load = noted  # type: ignore[method-assign]
    stack.turn_for(duration_ms)
    del stack.wheel.load
    return starts


def test_a_new_wheel_reads_a_slot_twice_in_ten_seconds() -> None:
    stack = MemoryStack(shards=1)
    stack.turn_for(MINUTE_MS)
    starts = seconds_read(stack, MINUTE_MS)
    assert len(starts) <= 2 * MINUTE_MS // SECONDS.slot_ms + 2
    assert not any(start % SECONDS.slot_ms for start in starts)


@pytest.mark.parametrize("again", [False, True])
def test_what_a_former_writer_puts_there_fires_on_time(again: bool) -> None:
    stack = upgraded()
    if again:  # another scheduler takes over meanwhile
        stack.turn_for(MINUTE_MS)
    put_as_before(stack, DUE_MS)
    stack.turn_for(DUE_MS + 5 * SECOND_MS - stack.clock.now_ms())
    ((at_ms, call),) = stack.caller.calls
    assert call.due_ms == DUE_MS
    assert DUE_MS <= at_ms < DUE_MS + SECOND_MS


def test_half_an_hour_later_nobody_looks_for_it_any_more() -> None:
    stack = upgraded()
    stack.turn_for(MINUTE_MS)
    assert any(start % SECONDS.slot_ms for start in seconds_read(stack, MINUTE_MS))
    stack.clock.advance(CHANGEOVER_MS)
    stack.turn_for(MINUTE_MS)
    assert not any(start % SECONDS.slot_ms for start in seconds_read(stack, MINUTE_MS))


def test_another_width_has_another_name() -> None:
    assert LOOP.noted_as != FORMER
    assert str(SECONDS.slot_ms // SECOND_MS) in LOOP.noted_as
